import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { jsonAnswers, type RpcLimits, unreadable } from '../../src/rpc/answer.ts';
import { Broker } from '../../src/switch/broker.ts';
import { keepInMemory, type SwitchClient, SwitchHost } from '../../src/switch/host.ts';
import type { In, Message } from '../../src/switch/protocol.ts';
import { type QueueService, type QueueServiceOptions, serveQueue } from '../../src/switch/service.ts';
import { JsonFailure, parseJsonBytes, writeJson } from '../../src/wire/json.ts';
import { sampleService } from '../rpc/helpers.ts';
import { type Held, held } from './held.ts';
import { LIMITS as SWITCH_LIMITS } from './helpers.ts';

const SERVICE = 'service';
const REPLIES = 'replies';
const TEN_SECONDS = 10_000;

interface Served extends Held {
  readonly service: QueueService;
  readonly caller: SwitchClient;
}

/** Serves a queue under a clock that stands still, with a caller that has a queue for its replies. */
function serve(
  t: TestContext,
  answer: QueueServiceOptions['answer'],
  overrides: Partial<QueueServiceOptions> = {},
): Served {
  const switched = held(t, []);
  const { host } = switched;
  const caller = switched.client();
  caller.perform({ type: 'create', queue: REPLIES, lifetime: 'transient' });
  const refusal = (reason: string) => `refused: ${reason}`;
  const options = { host, queue: SERVICE, token: 'us', answer, refusal, maxConcurrent: 10, ...overrides };
  const service = serveQueue(options);
  t.after(() => service.stop());
  return { ...switched, service, caller };
}

const call = (payload: string): In => ({
  type: 'send',
  queue: SERVICE,
  kind: { type: 'request', replyTo: REPLIES },
  payload: Buffer.from(payload),
});
const CREATE: In = { type: 'create', queue: SERVICE, lifetime: 'persistent' };

/** What is in a queue now. */
async function messagesIn(client: SwitchClient, queue: string): Promise<readonly Message[]> {
  await turn();
  const out = await client.perform({ type: 'diagnostics' });
  assert.ok(out.type === 'diagnostics');
  const found = [...out.report.persistent, ...out.report.transient].find(({ name }) => name === queue);
  assert.ok(found, `there is no queue ${queue}`);
  return found.messages.toReversed();
}

const repliesTo = async (client: SwitchClient): Promise<string[]> =>
  (await messagesIn(client, REPLIES)).map(({ payload }) => payload.toString());

/** An answer that takes as long as the test says. */
function slow(): {
  answer: (payload: Buffer) => Promise<string>;
  begun: string[];
  finish(payload: string): void;
} {
  const begun: string[] = [];
  const waiting = new Map<string, () => void>();
  return {
    begun,
    answer: (payload) => {
      const text = payload.toString();
      begun.push(text);
      return new Promise((resolve) => waiting.set(text, () => resolve(`done ${text}`)));
    },
    finish: (payload) => waiting.get(payload)?.(),
  };
}

const echo = (payload: Buffer): string => `echo ${payload}`;

test('a request is answered on its reply queue, naming it, and is acked', async (t) => {
  const { caller } = serve(t, echo);
  await turn();
  caller.perform(call('hello'));
  const [reply] = await messagesIn(caller, REPLIES);
  assert.equal(reply?.payload.toString(), 'echo hello');
  assert.deepEqual(reply.kind, { type: 'response', to: { queue: SERVICE, id: 0 } });
  assert.equal(reply.origin, 'us');
  assert.deepEqual(await messagesIn(caller, SERVICE), []);
});

test('an answer of bytes goes out as it is', async (t) => {
  const { caller } = serve(t, (payload) => payload);
  await turn();
  const payload = Buffer.from([0xff, 0, 0xfe]);
  caller.perform({ type: 'send', queue: SERVICE, kind: { type: 'request', replyTo: REPLIES }, payload });
  assert.deepEqual((await messagesIn(caller, REPLIES))[0]?.payload, payload);
});

test('a request whose reply queue has gone is acked all the same', async (t) => {
  const { caller } = serve(t, echo);
  await turn();
  caller.perform({ type: 'destroy', queue: REPLIES });
  caller.perform(call('hello'));
  assert.deepEqual(await messagesIn(caller, SERVICE), []);
});

test('a response that comes to a service queue is acked and answered by nobody', async (t) => {
  const { caller } = serve(t, echo);
  await turn();
  const to = { queue: REPLIES, id: 0 };
  caller.perform({ type: 'send', queue: SERVICE, kind: { type: 'response', to }, payload: Buffer.from('x') });
  assert.deepEqual(await messagesIn(caller, SERVICE), []);
  assert.deepEqual(await repliesTo(caller), []);
});

test('a served queue is alive from the start', async (t) => {
  const { caller } = serve(t, echo);
  await turn();
  const alive = { type: 'names', names: [SERVICE] };
  assert.deepEqual(caller.perform({ type: 'list', prefix: '', alive: true }), alive);
});

test('a queue is served though there are as many sessions as may be, as after a start with those of before', async (t) => {
  const broker = new Broker({ ...SWITCH_LIMITS, maxSessions: 1, sessionGrace: TEN_SECONDS }, 0);
  broker.apply({ type: 'queue-created', queue: REPLIES, owner: 'caller' });
  broker.open(0);
  const host = new SwitchHost({ broker, now: () => 0, commit: keepInMemory, shutdown: () => {} });
  const options = {
    host,
    queue: SERVICE,
    token: 'us',
    refusal: (reason: string) => reason,
    maxConcurrent: 1,
  };
  const service = serveQueue({ ...options, answer: () => 'answered' });
  t.after(() => service.stop());
  await turn();
  const caller = host.connect(() => undefined);
  caller.perform({ type: 'login', token: 'caller' });
  await caller.perform(call('hello'));
  assert.deepEqual(await repliesTo(caller), ['answered']);
  const other = host.connect(() => undefined);
  const refused = await other.perform({ type: 'login', token: 'another' });
  assert.equal(refused.type, 'refused');
});

test('a service queue that somebody destroys is back within ten seconds, and served', async (t) => {
  const { caller, tick } = serve(t, echo);
  await turn();
  caller.perform({ type: 'destroy', queue: SERVICE });
  tick(TEN_SECONDS);
  await turn();
  caller.perform(call('again'));
  assert.deepEqual(await repliesTo(caller), ['echo again']);
});

test('a service queue that was destroyed and is created again is served', async (t) => {
  const { caller, tick } = serve(t, echo);
  await turn();
  for (const text of ['one', 'two']) caller.perform(call(text));
  await turn();
  caller.perform({ type: 'destroy', queue: SERVICE });
  caller.perform(CREATE);
  assert.deepEqual(caller.perform(call('three')), { type: 'sent', id: { queue: SERVICE, id: 2 } });
  await turn();
  tick(TEN_SECONDS);
  assert.deepEqual(await repliesTo(caller), ['echo one', 'echo two', 'echo three']);
});

test('a slow request holds up none that come after it, and none is answered twice', async (t) => {
  const { answer, begun, finish } = slow();
  const { caller } = serve(t, answer);
  await turn();
  for (const text of ['first', 'second']) {
    caller.perform(call(text));
    await turn();
  }
  finish('second');
  assert.deepEqual(await repliesTo(caller), ['done second']);
  finish('first');
  assert.deepEqual(await repliesTo(caller), ['done second', 'done first']);
  assert.deepEqual(begun, ['first', 'second']);
});

test('a reply that is too large for the switch becomes an error, and the request is acked', async (t) => {
  const { caller } = serve(t, () => Buffer.alloc(SWITCH_LIMITS.maxMessageBytes + 1));
  await turn();
  caller.perform(call('hello'));
  const [reply = ''] = await repliesTo(caller);
  assert.match(reply, /^refused: a message of [0-9]+ bytes is over switch\.maxMessageBytes/);
});

test('no more than maxConcurrent requests are under way, and the next begins when one is answered', async (t) => {
  const { answer, begun, finish } = slow();
  const { caller } = serve(t, answer, { maxConcurrent: 2 });
  await turn();
  for (const text of ['a', 'b', 'c', 'd']) caller.perform(call(text));
  await turn();
  assert.deepEqual(begun, ['a', 'b']);
  finish('b');
  await turn();
  assert.deepEqual(begun, ['a', 'b', 'c']);
  for (const text of ['a', 'c']) finish(text);
  await turn();
  assert.deepEqual(begun, ['a', 'b', 'c', 'd']);
  finish('d');
  assert.deepEqual(await repliesTo(caller), ['done b', 'done a', 'done c', 'done d']);
});

test('stop waits for the requests under way, and leaves what comes after it in the queue', async (t) => {
  const { answer, begun, finish } = slow();
  const { caller, service } = serve(t, answer);
  await turn();
  caller.perform(call('under way'));
  await turn();
  let stopped = false;
  const stopping = service.stop().then(() => {
    stopped = true;
  });
  await turn();
  caller.perform(call('too late'));
  await turn();
  assert.equal(stopped, false);
  finish('under way');
  await stopping;
  assert.deepEqual(await repliesTo(caller), ['done under way']);
  assert.deepEqual(begun, ['under way']);
  const left = await messagesIn(caller, SERVICE);
  assert.deepEqual(
    left.map(({ payload }) => payload.toString()),
    ['too late'],
  );
});

test('stop begins none of those that were fetched and wait for their turn', async (t) => {
  const { answer, begun, finish } = slow();
  const { caller, service } = serve(t, answer, { maxConcurrent: 1 });
  await turn();
  for (const text of ['first', 'second']) caller.perform(call(text));
  await turn();
  const stopping = service.stop();
  finish('first');
  await stopping;
  assert.deepEqual(begun, ['first']);
  const left = await messagesIn(caller, SERVICE);
  assert.deepEqual(
    left.map(({ payload }) => payload.toString()),
    ['second'],
  );
});

test('stop settles though it comes before the service has begun to wait', async (t) => {
  const { service } = serve(t, echo);
  await service.stop();
});

const LIMITS: RpcLimits = {
  maxRequestBytes: 10_000,
  maxHeaderBytes: 4096,
  maxDepth: 16,
  maxBatchCalls: 5,
  maxAnswerBytes: 10_000,
};

/** Answers JSON-RPC, as a queue does in the daemon. */
function jsonRpc(): (payload: Buffer) => string | Promise<string> {
  const answers = jsonAnswers(sampleService(), LIMITS, writeJson);
  return (payload) => {
    const value = parseJsonBytes(payload, LIMITS);
    return value instanceof JsonFailure ? unreadable(value.reason) : answers(value);
  };
}

test('a payload that is no JSON is answered with an error, and the next one as ever', async (t) => {
  const { caller } = serve(t, jsonRpc());
  await turn();
  caller.perform(call('{ no json'));
  caller.perform(call('{"method":"Sample.echo","params":[{"dbg":"d","text":"hello"}],"id":1}'));
  const [error, answer] = await repliesTo(caller);
  assert.match(error ?? '', /no JSON/);
  assert.equal(answer, '{"result":"hello","error":null,"id":1}');
});

test('a notification is replied to with an empty payload, so that nobody waits for ever', async (t) => {
  const { caller } = serve(t, jsonRpc());
  await turn();
  caller.perform(call('{"jsonrpc":"2.0","method":"Sample.echo","params":{"dbg":"d","text":"hello"}}'));
  assert.deepEqual(await repliesTo(caller), ['']);
  assert.deepEqual(await messagesIn(caller, SERVICE), []);
});
