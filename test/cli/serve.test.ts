import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type DaemonProcess, kill } from '../helpers/daemon.ts';
import { runProgram } from '../helpers/programs.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { login } from '../switch/helpers.ts';
import { ctl, ctlOnTerminal, type Running, shellProgram, startCtl, startSwitchProcess } from './helpers.ts';

/** Serves the queue `q` with a program, as JSON lines; gives it when it listens. */
async function serve(t: TestContext, { switchSocket }: DaemonProcess, ...words: string[]): Promise<Running> {
  const running = startCtl(t, ['serve', 'q', '--json', '--path', switchSocket, ...words]);
  const client = await login(t, switchSocket, 'watcher:1');
  while ((await client.text('GET', '/list/alive/q')) === '[]');
  return running;
}

const call = async (t: TestContext, { switchSocket }: DaemonProcess, body: string): Promise<string> =>
  (await ctl(t, ['call', 'q', '--body', body, '--path', switchSocket])).stdout;

test('the answer is what the program makes of the payload, without the line break at its end', async (t) => {
  const daemon = await startSwitchProcess(t);
  const served = await serve(t, daemon, '--program', shellProgram(t, "tr a-z A-Z; printf '\\n\\n'"));
  const { stdout } = await ctl(t, [
    'call',
    'q',
    '--body',
    'hello\n',
    '--json',
    '--path',
    daemon.switchSocket,
  ]);
  assert.equal(JSON.parse(stdout).answer, 'HELLO\n\n');
  const { queue, outcome, milliseconds } = JSON.parse(await served.line());
  assert.deepEqual([queue, outcome, typeof milliseconds], ['q', 'answered', 'number']);
});

const FAILURES: readonly (readonly [string, string, RegExp])[] = [
  ['ends with a status', 'cat >/dev/null; echo partial; exit 3', /program ended with status 3$/],
  ['is ended by a signal', 'kill -9 $$', /program was ended by SIGKILL$/],
];
for (const [what, script, reason] of FAILURES) {
  test(`a program that ${what}: the caller gets an error with its id, and standard error a line`, async (t) => {
    const daemon = await startSwitchProcess(t);
    const served = await serve(t, daemon, '--program', shellProgram(t, script));
    const answer = JSON.parse(await call(t, daemon, '{"method":"x","params":[],"id":"seven"}'));
    assert.deepEqual([answer.result, answer.error[0], answer.id], [null, 'Internal_error', 'seven']);
    assert.match(answer.error[1], reason);
    assert.match(await served.complaint(), /^datapathctl: q\.[0-9]+: .*program /);
    const line = JSON.parse(await served.line());
    assert.deepEqual([line.outcome, line.error], ['failed', answer.error[1]]);
  });
}

test('a program that is just being written: an error, and the next call gets its answer', async (t) => {
  const daemon = await startSwitchProcess(t);
  const program = shellProgram(t, 'cat');
  await serve(t, daemon, '--program', program);
  const writer = openSync(program, 'r+');
  const { error } = JSON.parse(await call(t, daemon, 'x'));
  assert.match(error[1], /program cannot be run: .*ETXTBSY/);
  closeSync(writer);
  assert.equal(await call(t, daemon, 'x'), 'x\n');
});

test('no descriptors are left for a program: an error, and the next call gets its answer', async (t) => {
  const daemon = await startSwitchProcess(t);
  const served = await serve(t, daemon, '--program', shellProgram(t, 'cat'));
  const limit = async (files: string): Promise<void> => {
    const words = [`--pid=${served.child.pid}`, `--nofile=${files}`];
    assert.equal((await runProgram(t, 'prlimit', words)).status, 0);
  };
  await limit('1:');
  const { error } = JSON.parse(await call(t, daemon, 'x'));
  assert.match(error[1], /program cannot be run: .*EMFILE/);
  await limit('1000:');
  assert.equal(await call(t, daemon, 'x'), 'x\n');
});

test('a program that is not there, and a request that is no JSON: an error without an id', async (t) => {
  const daemon = await startSwitchProcess(t);
  await serve(t, daemon, '--program', '/nowhere/program');
  const { error, id } = JSON.parse(await call(t, daemon, 'x'));
  assert.match(error[1], /^\/nowhere\/program cannot be run: .*ENOENT/);
  assert.equal(id, null);
});

test('a program that does not read a large payload answers all the same', async (t) => {
  const daemon = await startSwitchProcess(t);
  await serve(t, daemon, '--program', shellProgram(t, 'echo done'));
  const client = await login(t, daemon.switchSocket, 'me:1');
  await client.text('GET', '/transient/me');
  await client.text('POST', '/request/q/me', Buffer.alloc(2 ** 20, 0x61));
  const answer = await client.text('POST', '/transfer', '{"timeout":60,"queues":["me"]}');
  assert.equal(JSON.parse(answer).messages[0][1].payload, 'done');
});

test('an answer that the switch refuses: the caller gets an error, and the next call its answer', async (t) => {
  const daemon = await startSwitchProcess(t, ['--switch.maxMessageBytes=1KiB']);
  const script = 'read -r word; if [ "$word" = large ]; then seq 1000; else echo small; fi';
  const served = await serve(t, daemon, '--program', shellProgram(t, script));
  const { error } = JSON.parse(await call(t, daemon, 'large\n'));
  assert.match(error[1], /^the switch refused: .*switch\.maxMessageBytes/);
  assert.match(
    await served.complaint(),
    /^datapathctl: q\.[0-9]+: the answer was not taken: the switch refused/,
  );
  assert.equal(await call(t, daemon, 'x\n'), 'small\n');
});

test('an answer so large that the connection is lost over it: the caller gets an error all the same', async (t) => {
  const daemon = await startSwitchProcess(t, ['--switch.maxMessageBytes=1KiB']);
  await serve(t, daemon, '--program', shellProgram(t, "head -c 30000000 /dev/zero | tr '\\0' a"));
  const { error } = JSON.parse(await call(t, daemon, 'x'));
  assert.match(
    error[1],
    /^the switch refused: .*switch\.maxMessageBytes|^the connection to the switch was lost each time/,
  );
});

test('--concurrency runs as many programs side by side', async (t) => {
  const daemon = await startSwitchProcess(t);
  const pipe = join(tempDirectory(t), 'pipe');
  spawnSync('mkfifo', [pipe]);
  // Each end of a pipe waits for the other to be opened.
  const script = `read -r word; if [ "$word" = write ]; then echo met >${pipe}; echo wrote; else cat ${pipe}; fi`;
  await serve(t, daemon, '--concurrency', '2', '--program', shellProgram(t, script));
  const answers = await Promise.all([call(t, daemon, 'read\n'), call(t, daemon, 'write\n')]);
  assert.deepEqual(answers, ['met\n', 'wrote\n']);
});

test('without --program the answer is typed, up to a line with a dot', async (t) => {
  const { switchSocket } = await startSwitchProcess(t);
  const served = startCtl(t, ['serve', 'q', '--path', switchSocket]);
  const client = await login(t, switchSocket, 'watcher:1');
  while ((await client.text('GET', '/list/alive/q')) === '[]');
  const called = ctl(t, ['call', 'q', '--body', 'how?', '--path', switchSocket]);
  assert.deepEqual(
    [await served.line(), await served.line(), await served.line()],
    ['Received:', 'how?', 'Enter body text: (end with a ".")'],
  );
  served.child.stdin?.write('like\nthis\n.\n');
  assert.equal((await called).stdout, 'like\nthis\n');
});

test('it waits for a switch that ended, and serves on', async (t) => {
  const directory = join(tempDirectory(t), 'run');
  const first = await startSwitchProcess(t, [], directory);
  const served = await serve(t, first, '--program', shellProgram(t, 'cat'));
  await kill(first);
  assert.match(await served.complaint(), /waiting for it to come back$/);
  const second = await startSwitchProcess(t, [], directory);
  assert.equal(await served.complaint(), 'datapathctl: the switch is back');
  const client = await login(t, second.switchSocket, 'watcher:1');
  while ((await client.text('GET', '/list/alive/q')) === '[]');
  assert.equal(await call(t, second, 'hello'), 'hello\n');
});

test('no switch at the start: status 5', async (t) => {
  const { status } = await ctl(t, ['serve', 'q', '--path', '/nowhere/sock']);
  assert.equal(status, 5);
});

test('on a terminal an answer is printed without what would speak to it', async (t) => {
  const daemon = await startSwitchProcess(t);
  await serve(t, daemon, '--program', shellProgram(t, "printf 'a\\033[2Jb\\tc'"));
  const words = ['call', 'q', '--body', 'x', '--path', daemon.switchSocket];
  assert.equal((await ctlOnTerminal(t, words)).stdout, 'a\\x1b[2Jb\tc\r\n');
  assert.equal((await ctl(t, words)).stdout, 'a\u001b[2Jb\tc\n');
});
