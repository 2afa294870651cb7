import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A server under measurement: a process of its own, that tells by a message when it listens. */
export interface Server {
  readonly name: string;
  readonly path: string;
  readonly pid: number;
  /** User and system time so far, in seconds. */
  cpuSeconds(): number;
  /** After a forced collection, in bytes. */
  memory(): Promise<{ heapUsed: number; rss: number }>;
  stop(): Promise<void>;
}

/** Kernel clock ticks a second: what /proc counts in. Linux has shown user space 100 on every machine for decades. */
const TICKS_PER_SECOND = 100;

/** The fields of /proc/PID/stat behind the command's closing parenthesis: utime and stime are the 12th and 13th. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/**
 * Starts a TypeScript program as a server. It gets the socket's path as its first argument, unless `args` says
 * otherwise, and the probe beside it, which tells its memory and when the socket is there.
 */
export async function startServer(
  name: string,
  program: string,
  path: string,
  args: readonly string[] = [path],
): Promise<Server> {
  const probe = join(import.meta.dirname, 'probe.ts');
  const child: ChildProcess = fork(program, args, {
    execArgv: ['--expose-gc', '--import', probe],
    env: { ...process.env, BENCH_SOCKET: path },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${name} did not start`);
  const exited = once(child, 'exit');
  await Promise.race([
    once(child, 'message'),
    exited.then(() => Promise.reject(new Error(`${name} ended before it listened on ${path}`))),
  ]);
  return {
    name,
    path,
    pid,
    cpuSeconds: () => cpuSeconds(pid),
    memory: async () => {
      child.send('memory');
      const [answer] = await once(child, 'message');
      return answer;
    },
    stop: async () => {
      child.kill('SIGTERM');
      await exited;
    },
  };
}

/** A folder for sockets, removed at the end of the process. */
export function benchDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'dpb-'));
  process.on('exit', () => rmSync(path, { recursive: true, force: true }));
  return path;
}
