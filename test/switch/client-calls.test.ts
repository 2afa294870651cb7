import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { SwitchLost } from '../../src/switch/client.ts';
import { openPushCaller, servePush } from '../../src/switch/client-calls.ts';
import { serveQueue } from '../../src/switch/service.ts';
import { reply } from '../../src/wire/conversation.ts';
import { converse } from '../../src/wire/converse.ts';
import {
  BinaryMessagePackReader,
  type Packable,
  writeBinaryMessagePack,
} from '../../src/wire/messagepack.ts';
import { stopClock } from '../helpers/clock.ts';
import { listen } from '../socket/helpers.ts';
import { login, startSwitch } from './helpers.ts';
import { inbox, loginPush, request, texts } from './push-helpers.ts';

const LONG_MS = 3_600_000;
const never = (): Promise<never> => new Promise(() => {});

test('many calls are answered at the same time, each with its own answer', async (t) => {
  const { path } = await startSwitch(t);
  const server = await loginPush(t, path, 'server');
  await servePush(server, {
    queue: 'service',
    concurrency: 10,
    answer: ({ payload }) => Buffer.from(`re: ${payload}`),
    refused: assert.fail,
  });
  const client = await loginPush(t, path, 'client');
  const caller = await openPushCaller(client, 'replies');
  const calls = Array.from({ length: 200 }, (_, n) => caller.call('service', Buffer.from(`${n}`), LONG_MS));
  const answers = (await Promise.all(calls)).map((outcome) =>
    outcome.type === 'answered' ? outcome.answer.toString() : outcome.type,
  );
  assert.deepEqual(
    answers,
    calls.map((_, n) => `re: ${n}`),
  );
  await caller.leave();
  assert.deepEqual(await client.list(''), ['service']);
});

/** A switch that says this right behind the id 5 of each request that is published, in the same packet. */
const switchThatSays = (t: TestContext, behind: Packable[]) =>
  listen(t, () =>
    converse({
      protocol: 'messagepack',
      reader: new BinaryMessagePackReader({ maxRequestBytes: 1000, maxDepth: 8 }),
      answer: (message) => {
        const [, id, method] = Array.isArray(message) ? message : [];
        const asked = method === 'switch.publish' ? 5 : null;
        const answered = writeBinaryMessagePack([1, id, null, asked]);
        if (asked === null) return reply(answered);
        return reply(Buffer.concat([answered, writeBinaryMessagePack(behind)]));
      },
      fault: ({ reason }) => assert.fail(reason),
    }),
  );

test('an answer that comes together with the id of its request finds its call', async (t) => {
  const kind = ['response', ['service', 5]];
  const { path } = await switchThatSays(t, [
    2,
    'switch.deliver',
    [0, ['replies', 1], Buffer.from('pong'), kind, 'server', 0],
  ]);
  const caller = await openPushCaller(await loginPush(t, path, 'client'), 'replies');
  assert.deepEqual(await caller.call('service', Buffer.from('ping'), LONG_MS), {
    type: 'answered',
    answer: Buffer.from('pong'),
  });
});

test('an answer that is here when the time of its call is over is taken: nobody had read it yet', async (t) => {
  const { path, host } = await startSwitch(t);
  const caller = await openPushCaller(await loginPush(t, path, 'client'), 'replies');
  const { passUnread } = stopClock(t);
  const service = serveQueue({
    ...{ host, queue: 'service', token: 'server', maxConcurrent: 1, refusal: (reason) => reason },
    answer: () => 'pong',
    // The answer leaves at the end of this turn, in which it is too late.
    replied: () => process.nextTick(passUnread, 5000),
  });
  t.after(() => service.stop());
  await turn();
  assert.deepEqual(await caller.call('service', Buffer.from('ping'), 5000), {
    type: 'answered',
    answer: Buffer.from('pong'),
  });
});

test('a call whose id comes together with the end of the connection rejects', async (t) => {
  const { path } = await switchThatSays(t, [1, null, ['Invalid', 'the end'], null]);
  const caller = await openPushCaller(await loginPush(t, path, 'client'), 'replies');
  await assert.rejects(caller.call('service', Buffer.from('ping'), LONG_MS), new SwitchLost('the end'));
});

test('a service of an HTTP client answers a call over MessagePack', async (t) => {
  const { path } = await startSwitch(t);
  const http = await login(t, path, 'server');
  await http.text('GET', '/persistent/service');
  const caller = await openPushCaller(await loginPush(t, path, 'client'), 'replies');
  const called = caller.call('service', Buffer.from('ping'), LONG_MS);
  const asked = JSON.stringify({ timeout: 60, queues: ['service'] });
  assert.equal(
    await http.text('POST', '/transfer', asked),
    '{"messages":[[["service",0],{"payload":"ping","kind":["Request","replies"]}]],"next":"0"}',
  );
  await http.text('POST', '/response/replies/service/0', 'pong');
  assert.deepEqual(await called, { type: 'answered', answer: Buffer.from('pong') });
});

test('a call of a queue that is not there creates none', async (t) => {
  const { path } = await startSwitch(t);
  const client = await loginPush(t, path, 'client');
  const caller = await openPushCaller(client, 'replies');
  assert.deepEqual(await caller.call('none', Buffer.alloc(0), LONG_MS), { type: 'no-such-queue' });
  assert.deepEqual(await client.list(''), ['replies']);
});

test('a call that nobody answers in time is given up, and a late answer harms nothing', async (t) => {
  const { path } = await startSwitch(t);
  const client = await loginPush(t, path, 'client');
  const server = await loginPush(t, path, 'server');
  await server.create('service', 'persistent');
  const came = inbox();
  await server.subscribe(['service'], { credit: 10 }, came.deliver);
  const caller = await openPushCaller(client, 'replies');
  assert.deepEqual(await caller.call('service', Buffer.from('one'), 1), { type: 'timed-out' });
  const called = caller.call('service', Buffer.from('two'), LONG_MS);
  await came.count(2);
  for (const { id, payload } of came.messages) {
    await server.publish('replies', { type: 'response', to: id }, Buffer.from(`re: ${payload}`));
  }
  assert.deepEqual(await called, { type: 'answered', answer: Buffer.from('re: two') });
});

test('calls reject when the connection is lost', async (t) => {
  const { path } = await startSwitch(t);
  const client = await loginPush(t, path, 'client');
  await client.create('service', 'persistent');
  const server = await loginPush(t, path, 'server');
  const came = inbox();
  await server.subscribe(['service'], { credit: 1 }, came.deliver);
  const caller = await openPushCaller(client, 'replies');
  const called = caller.call('service', Buffer.alloc(0), LONG_MS);
  const rejected = assert.rejects(called, SwitchLost);
  await came.count(1);
  client.close();
  await rejected;
});

test('no more requests are under way than the concurrency, and the rest wait in the queue', async (t) => {
  const { path } = await startSwitch(t);
  const client = await loginPush(t, path, 'client');
  const server = await loginPush(t, path, 'server');
  const begun = inbox();
  await servePush(server, {
    queue: 'service',
    concurrency: 2,
    answer: (message) => {
      begun.deliver(message);
      return never();
    },
    refused: assert.fail,
  });
  for (const text of ['a', 'b', 'c']) await client.publish('service', request('r'), Buffer.from(text));
  await begun.count(2);
  await server.list('');
  assert.deepEqual(texts(begun.messages), ['a', 'b']);
});

test('an answer that the switch refuses is told of, and the service goes on', async (t) => {
  const { path } = await startSwitch(t, { maxMessageBytes: 10 });
  const client = await loginPush(t, path, 'client');
  const server = await loginPush(t, path, 'server');
  const refused: string[] = [];
  await servePush(server, {
    queue: 'service',
    concurrency: 1,
    answer: ({ payload }) => (payload.toString() === 'long' ? Buffer.alloc(11) : payload),
    refused: (_, reason) => refused.push(reason),
  });
  const caller = await openPushCaller(client, 'replies');
  assert.deepEqual(await caller.call('service', Buffer.from('long'), 1), { type: 'timed-out' });
  assert.equal((await caller.call('service', Buffer.from('short'), LONG_MS)).type, 'answered');
  assert.deepEqual(refused, ['a message of 11 bytes is over switch.maxMessageBytes (10)']);
});

test('a service that ends answers what is under way, and leaves the rest', async (t) => {
  const { path } = await startSwitch(t);
  const client = await loginPush(t, path, 'client');
  const server = await loginPush(t, path, 'server');
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const begun = inbox();
  const stop = await servePush(server, {
    queue: 'service',
    concurrency: 1,
    answer: async (message) => {
      begun.deliver(message);
      await released;
      return message.payload;
    },
    refused: assert.fail,
  });
  const replies = inbox();
  await client.create('replies', 'transient');
  await client.subscribe(['replies'], { credit: 10 }, replies.deliver);
  for (const text of ['a', 'b']) await client.publish('service', request('replies'), Buffer.from(text));
  await begun.count(1);
  const stopped = stop();
  release();
  await stopped;
  await replies.count(1);
  const left = inbox();
  await client.subscribe(['service'], { credit: 10 }, left.deliver);
  await left.count(1);
  assert.deepEqual([texts(replies.messages), texts(left.messages)], [['a'], ['b']]);
});
