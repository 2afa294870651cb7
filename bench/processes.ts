import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Memory {
  readonly heapUsed: number;
  readonly rss: number;
}

/** A server under measurement: a process of its own, that listens on the path. */
export interface Server {
  readonly path: string;
  /** User and system time so far, in seconds. */
  cpuSeconds(): number;
  /** After a forced collection, in bytes. */
  memory(): Promise<Memory>;
  /** How often it had the disk write what it holds back, so far. */
  dataSyncs(): Promise<number>;
  stop(): Promise<void>;
}

/** Kernel clock ticks a second: what /proc counts in. Linux has shown user space 100 on every machine for decades. */
const TICKS_PER_SECOND = 100;

/** The fields of /proc/PID/stat behind the command's closing parenthesis: utime and stime are the 12th and 13th. */
function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Starts a program as a server with the probe in it, and gives it when its socket is there. */
export async function startServer(
  program: string,
  path: string,
  words: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): Promise<Server> {
  const probe = join(import.meta.dirname, 'probe.ts');
  const child = startProgram(program, words, ['--expose-gc', '--import', probe], {
    ...environment,
    BENCH_SOCKET: path,
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${program} did not start`);
  await nextMessage(child);
  return {
    path,
    cpuSeconds: () => cpuSeconds(pid),
    memory: async () => {
      child.send('memory');
      return (await nextMessage(child)) as Memory; // what the probe sends
    },
    dataSyncs: async () => {
      child.send('dataSyncs');
      return Number(await nextMessage(child));
    },
    stop: () => stopProgram(child),
  };
}

/** Starts a TypeScript program of this folder's, or the daemon, as a child that messages go to and come from. */
export function startProgram(
  program: string,
  words: readonly string[],
  nodeWords: readonly string[] = [],
  environment: NodeJS.ProcessEnv = {},
): ChildProcess {
  const child = fork(program, words, {
    execPath: process.execPath,
    execArgv: [...nodeWords],
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  endWithUs(child);
  return child;
}

/** Rejects when the child ends instead. */
export async function nextMessage(child: ChildProcess): Promise<unknown> {
  const waiting = new AbortController();
  const { signal } = waiting;
  const ended = once(child, 'exit', { signal }).then(() => {
    throw new Error(`${child.spawnargs.join(' ')} ended before its time`);
  });
  try {
    const [message] = await Promise.race([once(child, 'message', { signal }), ended]);
    return message;
  } finally {
    ended.catch(() => {}); // it is told by now, or of no more interest
    waiting.abort();
  }
}

export async function stopProgram(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}

const children = new Set<ChildProcess>();
const directories: string[] = [];

process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  for (const path of directories) rmSync(path, { recursive: true, force: true });
});

/** Sees to it that the child does not outlive this process. */
export function endWithUs(child: ChildProcess): void {
  children.add(child);
  child.on('exit', () => children.delete(child));
}

/** A folder for sockets, removed at the end of this process. */
export function benchDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'dpb-'));
  directories.push(path);
  return path;
}
