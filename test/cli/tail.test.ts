import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { kill } from '../helpers/daemon.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { login } from '../switch/helpers.ts';
import { ctl, send, startCtl, startEcho, startSwitchProcess } from './helpers.ts';
import { startProxy } from './proxy.ts';

test('tail --follow waits for a switch that ended, and goes on with the trace of the next', async (t) => {
  const directory = join(tempDirectory(t), 'run');
  const first = await startSwitchProcess(t, [], directory);
  const sender = await login(t, first.switchSocket, 'me:1');
  await sender.text('GET', '/persistent/q');
  for (const payload of ['a', 'b']) await send(sender, 'q', payload);
  const tail = startCtl(t, ['tail', '--follow', '--json', '--path', first.switchSocket]);
  const seen = async (): Promise<unknown[]> => {
    const { number, payload } = JSON.parse(await tail.line());
    return [number, payload];
  };
  assert.deepEqual(
    [await seen(), await seen()],
    [
      [0, 'a'],
      [1, 'b'],
    ],
  );
  await kill(first);
  assert.match(
    await tail.complaint(),
    /^datapathctl: the switch at .* is lost: .*: waiting for it to come back$/,
  );

  const second = await startSwitchProcess(t, [], directory);
  const next = await login(t, second.switchSocket, 'me:1');
  await next.text('GET', '/persistent/q');
  for (const payload of ['c', 'd', 'e']) await send(next, 'q', payload);
  assert.equal(await tail.complaint(), 'datapathctl: the switch is back');
  assert.deepEqual(
    [await seen(), await seen(), await seen()],
    [
      [0, 'c'],
      [1, 'd'],
      [2, 'e'],
    ],
  );
});

test('tail --follow whose connection alone was lost shows no event twice', async (t) => {
  const { switchSocket } = await startSwitchProcess(t);
  const { path, cut } = await startProxy(t, switchSocket, 'passes');
  const sender = await login(t, switchSocket, 'me:1');
  await sender.text('GET', '/persistent/q');
  await send(sender, 'q', 'a');
  const tail = startCtl(t, ['tail', '--follow', '--json', '--path', path]);
  assert.equal(JSON.parse(await tail.line()).payload, 'a');
  cut();
  await tail.complaint();
  await send(sender, 'q', 'b');
  assert.equal(await tail.complaint(), 'datapathctl: the switch is back');
  assert.equal(JSON.parse(await tail.line()).payload, 'b');
});

test('tail shows the calls to some queues, of some methods and about an SR, with their answers and acks', async (t) => {
  const { switchSocket } = await startSwitchProcess(t, ['--switch.tracePayloadBytes=40']);
  await startEcho(t, switchSocket, 'one.queue');
  await startEcho(t, switchSocket, 'two.queue');
  const path = ['--path', switchSocket];
  for (const queue of ['one.queue', 'two.queue']) {
    for (const method of ['Volume.attach', 'Volume.stat', 'SR.scan']) {
      // What is longer than the trace has, is no JSON there.
      const body = JSON.stringify({ method, params: [{ dbg: 'x'.repeat(50) }], id: 1 });
      await ctl(t, ['call', queue, '--body', body, ...path]);
    }
  }
  const about = { method: 'SR.stat', params: [{ sr: 's1', dbg: 'x'.repeat(50) }], id: 1 };
  await ctl(t, ['call', 'one.queue', '--body', JSON.stringify(about), ...path]);
  const shown = async (...words: string[]): Promise<{ queue: string; kind: string; payload: string }[]> => {
    const { stdout } = await ctl(t, ['tail', '--json', ...words, ...path]);
    return stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
  };
  // Sent, fetched and acked; and the same of the answer.
  const eventsOfACall = 6;
  let all = await shown();
  while (all.length < 7 * eventsOfACall) all = await shown();
  const volume = await shown('--queue', 'one.*', '--method', 'Volume.*');
  assert.equal(volume.length, 2 * eventsOfACall);
  for (const { queue, kind, payload } of volume) {
    assert.ok(queue === 'one.queue' || queue.startsWith('datapathctl:'), queue);
    if (kind !== 'ack') assert.match(payload, /Volume\.(attach|stat)/);
  }
  assert.equal((await shown('--method', 'SR.scan')).length, 2 * eventsOfACall);
  assert.equal((await shown('--sr', 's1')).length, eventsOfACall);
  assert.equal((await shown('--queue', '*.queue')).length, all.length);
});
