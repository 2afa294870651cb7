import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { type DaemonProcess, startDaemonProcess } from '../helpers/daemon.ts';
import { type Ran, runProgram } from '../helpers/programs.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { type HttpClient, login } from '../switch/helpers.ts';

export const CTL = join(import.meta.dirname, '../../src/cli/main.ts');

/** Where no switch is, so that none is found that happens to run here. */
export const NOWHERE = { DATAPATHD_SWITCH_PATH: '/nowhere/sock' };

export interface Ways {
  readonly input?: string | Buffer;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

/** Runs datapathctl to its end. */
export const ctl = (t: TestContext, words: readonly string[], ways: Ways = {}): Promise<Ran> =>
  runProgram(t, process.execPath, [CTL, ...words], { env: NOWHERE, ...ways });

/** Runs datapathctl on a terminal, on which `input` is typed. What it prints comes back as the terminal shows it. */
export const ctlOnTerminal = (t: TestContext, words: readonly string[], input = ''): Promise<Ran> =>
  runProgram(t, 'python3', ['-c', ON_TERMINAL, process.execPath, CTL, ...words], { input, env: NOWHERE });

const ON_TERMINAL = 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))';

/** Runs datapathctl on a terminal, on which a key is pressed when it has asked its question. */
export async function ctlPressing(
  t: TestContext,
  words: readonly string[],
  question: string,
  key: string,
): Promise<Pick<Ran, 'status' | 'stdout'>> {
  const child = spawn('python3', ['-c', ON_TERMINAL, process.execPath, CTL, ...words], {
    env: { ...process.env, ...NOWHERE },
  });
  t.after(() => child.kill('SIGKILL'));
  let stdout = '';
  let pressed = false;
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk;
    if (pressed || !stdout.includes(question)) return;
    pressed = true;
    child.stdin.write(key);
  });
  const [status] = await once(child, 'close');
  return { status, stdout };
}

/** datapathctl as it runs, until the test ends. */
export interface Running {
  readonly child: ChildProcess;
  /** The next line of standard output. */
  line(): Promise<string>;
  /** The next line of standard error. */
  complaint(): Promise<string>;
}

export function startCtl(t: TestContext, words: readonly string[]): Running {
  const child = spawn(process.execPath, [CTL, ...words], { env: { ...process.env, ...NOWHERE } });
  t.after(() => child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const complaints = createInterface({ input: child.stderr })[Symbol.asyncIterator]();
  const next = async (from: AsyncIterator<string>): Promise<string> => {
    const { value, done } = await from.next();
    if (done) throw new Error('datapathctl ended');
    return value;
  };
  return { child, line: () => next(lines), complaint: () => next(complaints) };
}

/** A daemon that is a switch and nothing else. */
export const startSwitchProcess = (
  t: TestContext,
  flags: readonly string[] = [],
  directory = join(tempDirectory(t), 'run'),
): Promise<DaemonProcess> =>
  startDaemonProcess(t, { directory, flags: ['--storage.enabled=false', ...flags] });

/** A program that does what the lines of shell say. */
export function shellProgram(t: TestContext, script: string): string {
  const path = join(tempDirectory(t), 'program');
  writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return path;
}

/** Sends a request, and gives its number. */
export async function send(
  client: HttpClient,
  queue: string,
  payload: string | Buffer,
  replyTo = 'nobody',
): Promise<number> {
  const answer = await client.text('POST', `/request/${queue}/${replyTo}`, payload);
  return JSON.parse(answer)[0][1];
}

/** Answers every request of a queue with what it asked, until the test ends. Settles when the queue is alive. */
export async function startEcho(t: TestContext, path: string, queue: string): Promise<void> {
  const server = await login(t, path, 'echo:9');
  const watcher = await login(t, path, 'watcher:9');
  await server.text('GET', `/persistent/${queue}`);
  void echoAll(server, queue);
  while (!JSON.parse(await watcher.text('GET', '/list/alive/')).includes(queue));
}

async function echoAll(server: HttpClient, queue: string): Promise<void> {
  let from = '-1';
  try {
    for (;;) {
      const wanted = JSON.stringify({ from, timeout: 60, queues: [queue] });
      const { messages, next } = JSON.parse(await server.text('POST', '/transfer', wanted));
      for (const [[name, id], { payload, kind }] of messages) {
        await server.text('POST', `/response/${kind[1]}/${name}/${id}`, payload);
        await server.text('GET', `/ack/${name}/${id}`);
      }
      from = next;
    }
  } catch {
    // The test is over, and its daemon with it.
  }
}

/** Settles when the process has ended. */
export async function endOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null) return child.exitCode;
  const [status] = await once(child, 'close');
  return status;
}
