import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { JoinOptions } from '../../src/switch/join.ts';
import { type HttpClient, login, startSwitch, type TestSwitch } from './helpers.ts';
import { drained, join, SERVICE, slow, type TestJoin } from './joined.ts';

interface Served extends TestJoin {
  readonly foreign: TestSwitch;
  readonly caller: HttpClient;
}

/** A queue that is served on a switch with a real socket, and a caller there. */
async function serve(t: TestContext, overrides: Partial<JoinOptions> = {}): Promise<Served> {
  const foreign = await startSwitch(t);
  const client = join(t, foreign.path, overrides);
  await client.toldTimes(1);
  const caller = await login(t, foreign.path, 'caller');
  await caller.text('GET', '/transient/replies');
  return { ...client, foreign, caller };
}

const send = (caller: HttpClient, payload: string | Buffer, queue = SERVICE): Promise<string> =>
  caller.text('POST', `/request/${queue}/replies`, payload);

/** Waits for replies, and gives the payloads of all that are there. */
async function replies(caller: HttpClient, count: number): Promise<string[]> {
  for (let from = -1; ; ) {
    const body = `{"from":"${from}","timeout":60,"queues":["replies"]}`;
    await caller.text('POST', '/transfer', body);
    const all = JSON.parse(await caller.text('POST', '/transfer', '{"timeout":0,"queues":["replies"]}'));
    if (all.messages.length >= count) {
      return all.messages.map(([, { payload }]: [unknown, { payload: string }]) => payload);
    }
    from = Number(all.next);
  }
}

test('a request is answered on its reply queue, naming it, and acked', async (t) => {
  const { caller } = await serve(t);
  await send(caller, 'hello');
  const answer = await caller.text('POST', '/transfer', '{"timeout":60,"queues":["replies"]}');
  assert.equal(
    answer,
    '{"messages":[[["replies",0],{"payload":"echo hello","kind":["Response",["service",0]]}]],"next":"0"}',
  );
  await drained(caller, SERVICE);
});

test('the queue is alive there', async (t) => {
  const { caller } = await serve(t);
  assert.equal(await caller.text('GET', '/list/alive/'), '["service"]');
});

test('payloads that are no UTF-8 come and go as they are', async (t) => {
  const bytes = Buffer.from([0, 0xff, 0x22, 0x5c, 0xc3, 0x28, 0xe2, 0x82, 0xac, 0x0a]);
  const { caller } = await serve(t, { answer: (payload) => payload });
  await send(caller, bytes);
  const { body } = await caller.ask('POST', '/transfer', '{"timeout":60,"queues":["replies"]}');
  const escaped = Buffer.from([...Buffer.from('\\u0000'), 0xff, ...Buffer.from('\\"\\\\'), 0xc3]);
  assert.ok(body.includes(escaped), body.toString('latin1'));
  assert.ok(body.includes(Buffer.from([0x28, 0xe2, 0x82, 0xac, ...Buffer.from('\\n')])));
});

test('a request whose reply queue has gone is acked all the same', async (t) => {
  const { caller } = await serve(t);
  await caller.text('POST', `/request/${SERVICE}/nobody`, 'hello');
  await drained(caller, SERVICE);
});

test('a response that comes to the queue is acked, and answered by nobody', async (t) => {
  const { caller } = await serve(t);
  await caller.text('POST', `/response/${SERVICE}/replies/0`, 'x');
  await drained(caller, SERVICE);
  const { messages } = JSON.parse(
    await caller.text('POST', '/transfer', '{"timeout":0,"queues":["replies"]}'),
  );
  assert.deepEqual(messages, []);
});

test('a slow request holds up none that come after it', async (t) => {
  const { answer, begins, finish } = slow();
  const { caller } = await serve(t, { answer });
  await send(caller, 'first');
  await begins(1);
  await send(caller, 'second');
  await begins(2);
  finish('second');
  assert.deepEqual(await replies(caller, 1), ['done second']);
  finish('first');
  assert.deepEqual(await replies(caller, 2), ['done second', 'done first']);
});

test('no more than maxConcurrent requests are under way, and the next begins when one is answered', async (t) => {
  const { answer, begun, begins, finish } = slow();
  const { caller } = await serve(t, { answer, maxConcurrent: 2 });
  for (const text of ['a', 'b', 'c', 'd']) await send(caller, text);
  await begins(2);
  assert.deepEqual(begun, ['a', 'b']);
  finish('b');
  await begins(3);
  assert.deepEqual(begun, ['a', 'b', 'c']);
  for (const text of ['a', 'c']) finish(text);
  await begins(4);
  finish('d');
  await drained(caller, SERVICE);
});

test('many requests are each answered once', async (t) => {
  const { caller } = await serve(t, { maxConcurrent: 7 });
  const texts = Array.from({ length: 300 }, (_, number) => `${number}`);
  for (const text of texts) await send(caller, text);
  const answered = await replies(caller, texts.length);
  assert.deepEqual(answered.toSorted(), texts.map((text) => `echo ${text}`).toSorted());
  await drained(caller, SERVICE);
});

test('requests that waited before it was joined are answered', async (t) => {
  const foreign = await startSwitch(t);
  const caller = await login(t, foreign.path, 'caller');
  await caller.text('GET', '/transient/replies');
  await caller.text('GET', `/persistent/${SERVICE}`);
  await send(caller, 'early');
  join(t, foreign.path);
  assert.deepEqual(await replies(caller, 1), ['echo early']);
});

test('a queue that somebody destroys is back after a transfer, and served', async (t) => {
  const { caller, foreign } = await serve(t, { timeouts: { request: 60_000, transfer: 10 } });
  for (const text of ['one', 'two']) await send(caller, text);
  await drained(caller, SERVICE);
  await caller.text('GET', `/destroy/${SERVICE}`);
  while ((await caller.text('GET', '/list/alive/')) !== '["service"]');
  assert.deepEqual(
    foreign.operations.map(({ type }) => type).filter((type) => /^queue-(created|removed)$/.test(type)),
    ['queue-created', 'queue-created', 'queue-removed', 'queue-created'],
  );
  await send(caller, 'three');
  assert.deepEqual(await replies(caller, 3), ['echo one', 'echo two', 'echo three']);
});

for (const length of [2000, 5_000_000]) {
  test(`an answer of ${length} bytes that is too large for the switch: the caller is told so, and others served`, async (t) => {
    const foreign = await startSwitch(t, { maxMessageBytes: 1000 });
    const answer = (payload: Buffer) => (`${payload}` === 'large' ? 'x'.repeat(length) : 'small');
    const { told } = join(t, foreign.path, { answer, pause: () => Promise.resolve() });
    const caller = await login(t, foreign.path, 'caller');
    await caller.text('GET', '/transient/replies');
    await caller.text('GET', `/persistent/${SERVICE}`);
    await send(caller, 'large');
    const [refusal = ''] = await replies(caller, 1);
    assert.match(refusal, /^refused: 413 .* is over switch.maxMessageBytes \(1000\)/);
    await drained(caller, SERVICE);
    await send(caller, 'other');
    await drained(caller, SERVICE);
    assert.equal(told.filter((text) => text.startsWith('refused: 413 ')).length, 1);
  });
}

test('stop leaves nothing of the session, and what comes after it in the queue', async (t) => {
  const { caller, foreign, joined } = await serve(t);
  await joined.stop();
  await foreign.closed(2);
  await send(caller, 'late');
  const { permanent_queues: queues } = JSON.parse(await caller.text('GET', '/'));
  assert.equal(queues[SERVICE].queue_contents.length, 1);
});
