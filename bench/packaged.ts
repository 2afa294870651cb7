import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { bundle, KOFFI } from '../systemd/package/bundle.ts';
import { findRuntime, isArchitecture } from '../systemd/package/runtime.ts';
import { unitEnvironment } from './daemon.ts';
import { benchDirectory, endWithUs, stopProgram } from './processes.ts';

/** The daemon as the package has it, started as its unit does. */
export interface Packaged {
  readonly node: string;
  readonly daemon: string;
}

const PROJECT = join(import.meta.dirname, '..');
const RETRY_MS = 1;

export async function layOutPackaged(): Promise<Packaged> {
  const folder = benchDirectory();
  const { arch } = process;
  if (!isArchitecture(arch)) throw new Error(`there is no package for ${arch}`);
  const { node, koffi } = await findRuntime(PROJECT, arch, folder);
  await bundle(PROJECT, '0.0.0', folder);
  copyFileSync(koffi, join(folder, KOFFI));
  return { node, daemon: join(folder, 'daemon/main.mjs') };
}

/** Starts it, and gives it with the time that passed until it told READY. */
export async function startPackaged(
  { node, daemon }: Packaged,
  words: readonly string[],
  compiled: string,
): Promise<{ readonly pid: number | undefined; readonly ms: number; stop(): Promise<void> }> {
  const address = join(benchDirectory(), 'notify');
  const receiver = spawn('socat', ['-u', `UNIX-RECV:${address}`, '-'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  endWithUs(receiver);
  while (!existsSync(address)) await pause(RETRY_MS);
  const ready = Promise.withResolvers<void>();
  let said = '';
  receiver.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
    if (/^READY=1$/m.test(said)) ready.resolve();
  });
  const begun = performance.now();
  const child = spawn(node, [daemon, ...words], {
    env: { ...process.env, ...unitEnvironment(compiled), NOTIFY_SOCKET: address },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  endWithUs(child);
  child.once('exit', () => ready.reject(new Error('the daemon ended before it was ready')));
  await ready.promise;
  const ms = performance.now() - begun;
  const stop = async (): Promise<void> => {
    await stopProgram(child);
    await stopProgram(receiver);
  };
  return { pid: child.pid, ms, stop };
}

/** How long Node takes to start, do nothing and end. */
export async function bareStart({ node }: Packaged): Promise<number> {
  const begun = performance.now();
  const child = spawn(node, ['-e', '0'], { stdio: 'ignore' });
  await once(child, 'exit');
  return performance.now() - begun;
}

/** The resident size of a process, in bytes. */
export function resident(pid: number | undefined): number {
  const [, kib] = /^VmRSS:\s+([0-9]+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib) * 1024;
}
