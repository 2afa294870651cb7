import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type DaemonProcess, startDaemonProcess, stop } from '../helpers/daemon.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { login } from '../switch/helpers.ts';
import { ctl } from './helpers.ts';

/** A state directory, and a daemon on it that holds messages. */
async function stateful(t: TestContext, ...payloads: string[]) {
  const directory = tempDirectory(t);
  const state = join(directory, 'state');
  const start = (): Promise<DaemonProcess> =>
    startDaemonProcess(t, { directory: join(directory, 'run'), flags: [`--switch.stateDirectory=${state}`] });
  const daemon = await start();
  await send(t, daemon, ...payloads);
  return { state, copy: join(directory, 'copy'), daemon, start };
}

async function send(t: TestContext, { switchSocket }: DaemonProcess, ...payloads: string[]): Promise<void> {
  const client = await login(t, switchSocket, 'sender');
  await client.text('GET', '/persistent/q');
  for (const payload of payloads) await client.text('POST', '/request/q/r', payload);
}

async function payloadsOf(t: TestContext, { switchSocket }: DaemonProcess): Promise<string[]> {
  const client = await login(t, switchSocket, 'reader');
  const body = JSON.stringify({ timeout: 0, queues: ['q'] });
  const { messages } = JSON.parse(await client.text('POST', '/transfer', body));
  return messages.map(([, { payload }]: [unknown, { payload: string }]) => payload);
}

test('a copy that is made while the daemon runs brings back what it held then', async (t) => {
  const { state, copy, daemon, start } = await stateful(t, 'one', 'two');
  const backup = await ctl(t, ['state', 'backup', copy, '--state', state]);
  assert.equal(backup.stderr, '');
  assert.match(backup.stdout, /^.*\/copy: 2 messages in 1 file, /);
  await send(t, daemon, 'three');
  await stop(daemon);

  const restored = await ctl(t, ['state', 'restore', copy, '--state', state]);
  assert.equal(restored.stderr, '');
  assert.match(restored.stdout, /: 2 messages in .*; what was there is in .*before-restore-1\n$/);
  assert.deepEqual(await payloadsOf(t, await start()), ['one', 'two']);
});

test('a copy can be put back more than once, and what was there is never lost', async (t) => {
  const { state, copy, daemon } = await stateful(t, 'one');
  await ctl(t, ['state', 'backup', copy, '--state', state]);
  await stop(daemon);
  for (let time = 0; time < 2; time += 1) await ctl(t, ['state', 'restore', copy, '--state', state]);
  const names = readdirSync(state).filter((name) => name.startsWith('switch'));
  assert.deepEqual(names.sort(), ['switch', 'switch.before-restore-1', 'switch.before-restore-2']);
});

test('nothing is put back under a daemon that runs', async (t) => {
  const { state, copy, daemon } = await stateful(t, 'one');
  await ctl(t, ['state', 'backup', copy, '--state', state]);
  const { status, stderr } = await ctl(t, ['state', 'restore', copy, '--state', state]);
  assert.equal(status, 1);
  assert.match(stderr, new RegExp(`datapathd runs on ${state}, with the pid ${daemon.pid}: stop it first`));
});

test('a copy that is damaged is not put back', async (t) => {
  const { state, copy, daemon } = await stateful(t, 'one', 'two');
  await ctl(t, ['state', 'backup', copy, '--state', state]);
  await stop(daemon);
  const [name = ''] = readdirSync(copy);
  // Another segment follows, so that the first can't be one whose end was cut.
  appendFileSync(join(copy, name), 'garbage');
  writeFileSync(join(copy, 'segment-0000000009.journal'), 'x');
  const { status, stderr } = await ctl(t, ['state', 'restore', copy, '--state', state]);
  assert.equal(status, 1);
  assert.match(stderr, /segment-0000000002\.journal is missing/);
  assert.ok(readdirSync(state).includes('switch'));
});

test('what can not be is said in one line', async (t) => {
  const empty = tempDirectory(t);
  mkdirSync(join(empty, 'copy'));
  const cases: [string[], RegExp][] = [
    [['state', 'backup', join(empty, 'new'), '--state', empty], /there is no journal/],
    [['state', 'restore', join(empty, 'copy'), '--state', empty], /there is no journal/],
    [['state', 'backup', join(empty, 'new'), '--state', '/nowhere/state'], /is not there: give --state/],
    [['state', 'restore', join(empty, 'copy'), '--state', process.execPath], /ENOTDIR: .*state\.lock/],
  ];
  for (const [words, expected] of cases) {
    const { status, stderr } = await ctl(t, words);
    assert.equal(status, 1);
    assert.match(stderr, expected);
    assert.equal(stderr.trim().split('\n').length, 1);
  }
});
