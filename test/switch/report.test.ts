import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { login, startSwitch } from './helpers.ts';

/** A switch with three messages in one queue, one in another and a queue with nothing, and what asks it. */
async function setUp(t: TestContext) {
  const { path } = await startSwitch(t);
  const client = await login(t, path, 'me');
  const ids: number[] = [];
  const send = async (queue: string, payload: string): Promise<void> => {
    const [[, id]] = JSON.parse(await client.text('POST', `/request/${queue}/r`, payload));
    ids.push(id);
  };
  for (const queue of ['persistent/full', 'persistent/empty', 'transient/mine']) {
    await client.text('GET', `/${queue}`);
  }
  for (const payload of ['first', 'a€b', '']) await send('full', payload);
  await send('mine', 'reply');
  return { client, ids, report: async (query: string) => JSON.parse(await client.text('GET', `/?${query}`)) };
}

const payloadsOf = (queue: { queue_contents: [unknown, { message: { payload: string } }][] }): string[] =>
  queue.queue_contents.map(([, { message }]) => message.payload);

test('a report of the oldest messages without payloads has neither more messages nor payloads, and tells how many there are', async (t) => {
  const { report, ids } = await setUp(t);
  const { permanent_queues: permanent, transient_queues: transient } = await report('messages=1&payloads=0');
  const { full, empty } = permanent;
  assert.deepEqual(
    [full, empty, transient.mine].map((queue) => [queue.queue_length, queue.queue_bytes, payloadsOf(queue)]),
    [
      [3, 10, ['']],
      [0, 0, []],
      [1, 5, ['']],
    ],
  );
  const [[id, { payload_bytes: bytes, origin, message }]] = full.queue_contents;
  assert.deepEqual([id, bytes, origin], [['full', ids[0]], 5, ['Name', 'me']]);
  assert.deepEqual(message, { payload: '', kind: ['Request', 'r'] });
});

test('a report with payloads cut has all messages, newest first, and no half characters', async (t) => {
  const { report } = await setUp(t);
  const { full } = (await report('payloads=3')).permanent_queues;
  assert.deepEqual(payloadsOf(full), ['', 'a', 'fir']);
  const lengths = full.queue_contents.map(
    ([, entry]: [unknown, { payload_bytes: number }]) => entry.payload_bytes,
  );
  assert.deepEqual(lengths, [0, 5, 5]);
});

test('a report of one queue has that queue alone, and none when it is not there', async (t) => {
  const { report } = await setUp(t);
  const { permanent_queues: permanent, transient_queues: transient } = await report('queue=full');
  assert.deepEqual([Object.keys(permanent), transient], [['full'], {}]);
  assert.deepEqual(payloadsOf(permanent.full), ['', 'a€b', 'first']);
  const { permanent_queues: none, transient_queues: mine } = await report('queue=mine');
  assert.deepEqual([none, Object.keys(mine)], [{}, ['mine']]);
  const missing = await report('queue=missing');
  assert.deepEqual([missing.permanent_queues, missing.transient_queues], [{}, {}]);
});

test('the whole report has what the protocol has, and nothing of ours', async (t) => {
  const { client } = await setUp(t);
  const { permanent_queues: permanent } = JSON.parse(await client.text('GET', '/'));
  assert.deepEqual(Object.keys(permanent.full), ['queue_contents']);
  assert.deepEqual(Object.keys(permanent.full.queue_contents[0][1]), ['origin', 'time', 'message']);
  assert.deepEqual(payloadsOf(permanent.full), ['', 'a€b', 'first']);
});
