import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { exchange } from './client.ts';
import { tempDirectory } from './temp.ts';

export const MAIN = join(import.meta.dirname, '../../src/main.ts');
export const QUEUE = 'org.xen.xapi.datapath';

/** One line of the daemon's log. */
export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** A daemon in a process of its own. */
export interface DaemonProcess {
  readonly child: ChildProcess;
  readonly pid: number;
  /** The folder of its sockets. */
  readonly directory: string;
  readonly socket: string;
  readonly switchSocket: string;
  readonly storeSocket: string;
  readonly log: readonly LogLine[];
  /** The first line of the log that passes the test, of those that came and those to come. */
  logged(test: (line: LogLine) => boolean): Promise<LogLine>;
  /** What it wrote to standard output, once that matches. */
  printed(pattern: RegExp): Promise<string>;
  /** Settles with the exit status, or the signal that ended it. */
  readonly ended: Promise<number | string>;
}

export interface DaemonOptions {
  readonly directory?: string;
  readonly flags?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Words before the program, such as setpriv's. */
  readonly launcher?: readonly string[];
  /** Another program than the one of this checkout, with its first words. */
  readonly program?: readonly string[];
}

/** Starts a daemon without waiting for it; it is killed when the test ends. */
export function spawnDaemon(t: TestContext, options: DaemonOptions = {}): DaemonProcess {
  const { directory = join(tempDirectory(t), 'run'), flags = [], env = {}, cwd, launcher = [] } = options;
  const { program: ours = [process.execPath, MAIN] } = options;
  const words = [
    ...launcher,
    ...ours,
    `--sockets.directory=${directory}`,
    '--switch.stateDirectory=',
    '--xenstore.mode=embedded',
    '--log.format=json',
    ...flags,
  ];
  const [program = '', ...args] = words;
  const child = spawn(program, args, {
    env: { ...process.env, ...env },
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.after(() => child.kill('SIGKILL'));

  const log: LogLine[] = [];
  let complaint = '';
  const news = new EventEmitter();
  createInterface({ input: child.stderr }).on('line', (line) => {
    const read = readLogLine(line);
    if (read === undefined) complaint += `${line}\n`;
    else log.push(read);
    news.emit('news');
  });
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk;
    news.emit('news');
  });
  let over = false;
  const ended = once(child, 'close').then(([code, signal]) => {
    over = true;
    news.emit('news');
    return code ?? signal;
  });

  const awaited = async <Found>(find: () => Found | undefined): Promise<Found> => {
    for (;;) {
      const found = find();
      if (found !== undefined) return found;
      if (over) throw new Error(`the daemon ended: ${complaint}${stdout}${JSON.stringify(log)}`);
      await once(news, 'news');
    }
  };
  return {
    child,
    pid: child.pid ?? 0,
    directory,
    socket: join(directory, QUEUE),
    switchSocket: join(directory, 'switch.sock'),
    storeSocket: join(directory, 'xenstored.sock'),
    log,
    logged: (test) => awaited(() => log.find(test)),
    printed: (pattern) => awaited(() => (pattern.test(stdout) ? stdout : undefined)),
    ended,
  };
}

/** Starts a daemon, and gives it when it serves. */
export async function startDaemonProcess(
  t: TestContext,
  options: DaemonOptions = {},
): Promise<DaemonProcess> {
  const daemon = spawnDaemon(t, options);
  await daemon.logged(({ msg }) => msg.endsWith(' serves'));
  return daemon;
}

/** Kills a daemon, as `kill -9` does. */
export async function kill({ child, ended }: DaemonProcess): Promise<void> {
  child.kill('SIGKILL');
  await ended;
}

/** Stops a daemon in order. */
export async function stop({ child, ended }: DaemonProcess): Promise<void> {
  child.kill('SIGTERM');
  assert.equal(await ended, 0);
}

/** The text of `Plugin.diagnostics`. */
export async function diagnostics(t: TestContext, { socket }: DaemonProcess): Promise<string> {
  const call = '{"method":"Plugin.diagnostics","params":[{"dbg":"me"}],"id":1}';
  return JSON.parse(await exchange(t, socket, call)).result;
}

function readLogLine(line: string): LogLine | undefined {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
