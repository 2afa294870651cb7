import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { kill } from '../helpers/daemon.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { login } from '../switch/helpers.ts';
import { ctl, type Running, shellProgram, startCtl, startEcho, startSwitchProcess } from './helpers.ts';
import { type Manner, startProxy } from './proxy.ts';

/** Serves the queue `q` with a program of shell; gives it when it listens at the switch. */
async function serve(t: TestContext, path: string, script: string, ...words: string[]): Promise<Running> {
  const running = startCtl(t, ['serve', 'q', '--program', shellProgram(t, script), '--path', path, ...words]);
  const client = await login(t, path, 'watcher:1');
  while ((await client.text('GET', '/list/alive/q')) === '[]');
  return running;
}

test('a switch that speaks MessagePack is spoken to in it, unless --http says otherwise', async (t) => {
  const { switchSocket } = await startSwitchProcess(t);
  await serve(t, switchSocket, 'cat');
  const words = ['call', 'q', '--body', 'x', '--debug', '--path', switchSocket];
  const pushed = await ctl(t, words);
  assert.equal(pushed.stdout, 'x\n');
  assert.match(pushed.stderr, /^datapathctl: switch\.publish q request: [0-9]+$/m);
  assert.doesNotMatch(pushed.stderr, /POST/);
  const asked = await ctl(t, [...words, '--http']);
  assert.equal(asked.stdout, 'x\n');
  assert.match(asked.stderr, /^datapathctl: POST \/request\/q\/.*: 200, [0-9]+ bytes$/m);
  assert.doesNotMatch(asked.stderr, /switch\./);
});

const protocolOf = async (t: TestContext, ...words: string[]): Promise<unknown> => {
  const { stdout, stderr } = await ctl(t, ['bench', 'mine', '--self-serve', '--calls', '20', ...words]);
  assert.equal(stderr, '');
  return JSON.parse(stdout).protocol;
};

test('bench measures either protocol, with several callers', async (t) => {
  const { switchSocket } = await startSwitchProcess(t);
  const words = ['--concurrency', '4', '--json', '--path', switchSocket];
  assert.equal(await protocolOf(t, ...words), 'messagepack');
  assert.equal(await protocolOf(t, ...words, '--http'), 'http');
});

test('a switch that takes its time is spoken to in MessagePack all the same', async (t) => {
  const { switchSocket } = await startSwitchProcess(t);
  await serve(t, switchSocket, 'cat');
  const { path } = await startProxy(t, switchSocket, 'dawdles');
  const { stdout, stderr } = await ctl(t, ['call', 'q', '--body', 'x', '--debug', '--path', path]);
  assert.equal(stdout, 'x\n');
  assert.match(stderr, /^datapathctl: switch\.publish q request: [0-9]+$/m);
});

const MANNERS: readonly Manner[] = ['refuses', 'closes', 'ignores'];
for (const manner of MANNERS) {
  test(`a switch that speaks HTTP alone and ${manner} all else is called, served and measured over HTTP`, async (t) => {
    const { switchSocket } = await startSwitchProcess(t);
    const { path, strange } = await startProxy(t, switchSocket, manner);
    await serve(t, path, 'cat');
    const { stdout, stderr } = await ctl(t, ['call', 'q', '--body', 'x', '--path', path]);
    assert.deepEqual([stdout, stderr], ['x\n', '']);
    assert.equal(await protocolOf(t, '--json', '--path', path), 'http');
    // Each of the three commands has tried it.
    assert.ok(strange() >= 3);
  });
}

for (const bytes of [2048, 2 ** 20]) {
  test(`a request of ${bytes} bytes that is too large for the switch: status 1, and the limit`, async (t) => {
    const { switchSocket } = await startSwitchProcess(t, ['--switch.maxMessageBytes=1KiB']);
    await startEcho(t, switchSocket, 'echo');
    const file = join(tempDirectory(t), 'request');
    writeFileSync(file, Buffer.alloc(bytes, 0x61));
    const { status, stderr } = await ctl(t, ['call', 'echo', '--file', file, '--path', switchSocket]);
    assert.match(stderr, /^datapathctl: the switch refused: .*switch\.maxMessageBytes.*\n$/);
    assert.equal(status, 1);
  });
}

test('a large answer comes whole', async (t) => {
  const { switchSocket } = await startSwitchProcess(t);
  await serve(t, switchSocket, "head -c 3000000 /dev/zero | tr '\\0' a");
  const { stdout } = await ctl(t, ['call', 'q', '--body', 'x', '--path', switchSocket]);
  assert.equal(stdout, `${'a'.repeat(3_000_000)}\n`);
});

for (const words of [[], ['--http']]) {
  test(`an answer that the switch did not live to get is sent to the next, without a second run ${words}`, async (t) => {
    const folder = tempDirectory(t);
    const [directory, runs] = [join(folder, 'run'), join(folder, 'runs')];
    // One for each part: who opens one too early would write to the reader of the part before.
    const [begin, end] = [join(folder, 'begin'), join(folder, 'end')];
    spawnSync('mkfifo', [begin, end]);
    const flags = [`--switch.stateDirectory=${join(folder, 'state')}`];
    const first = await startSwitchProcess(t, flags, directory);
    // Opening the pipe waits for its other end: the program has begun by then, and ends when it may.
    const served = await serve(
      t,
      first.switchSocket,
      `echo run >>${runs}; cat ${begin}; cat ${end}`,
      ...words,
    );
    const caller = await login(t, first.switchSocket, 'caller:1');
    await caller.text('GET', '/transient/caller:1');
    await caller.text('POST', '/request/q/caller:1', 'x');
    await writeFile(begin, 'the ');
    await kill(first);
    await writeFile(end, 'answer');
    assert.match(await served.complaint(), /waiting for it to come back$/);

    const second = await startSwitchProcess(t, flags, directory);
    const again = await login(t, second.switchSocket, 'caller:1');
    const answer = await again.text('POST', '/transfer', '{"timeout":60,"queues":["caller:1"]}');
    assert.equal(JSON.parse(answer).messages[0][1].payload, 'the answer');
    assert.equal(readFileSync(runs, 'utf8'), 'run\n');
  });
}

test('a queue that somebody destroyed and made again is served on', async (t) => {
  const { switchSocket } = await startSwitchProcess(t);
  await serve(t, switchSocket, 'cat');
  const client = await login(t, switchSocket, 'me:1');
  await client.text('GET', '/destroy/q');
  await client.text('GET', '/persistent/q');
  assert.equal((await ctl(t, ['call', 'q', '--body', 'x', '--path', switchSocket])).stdout, 'x\n');
});
