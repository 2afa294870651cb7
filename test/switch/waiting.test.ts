import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Broker } from '../../src/switch/broker.ts';
import { type Settle, SwitchHost } from '../../src/switch/host.ts';
import type { In, Out } from '../../src/switch/protocol.ts';
import { sent } from './ask.ts';
import { held } from './held.ts';
import { LIMITS } from './helpers.ts';

const transfer = (queues: readonly string[], from = -1, timeout = 5000): In => ({
  type: 'transfer',
  from,
  timeout,
  queues,
});
const nothing = (next = -1): Out => ({ type: 'messages', messages: [], next });

/** Watches a promise without waiting for it. */
function watch(outcome: Out | Promise<Out>): { readonly out: () => Out | undefined } {
  let out: Out | undefined;
  Promise.resolve(outcome).then((settled) => {
    out = settled;
  });
  return { out: () => out };
}

const idsOf = (out: Out | undefined): number[] =>
  out?.type === 'messages' ? out.messages.map(({ id }) => id.id) : [];

test('a message wakes the transfer that asks for its queue, and none of a thousand others', async (t) => {
  const { client, decided } = held(t);
  const others = Array.from({ length: 1000 }, (_, index) =>
    watch(client().perform(transfer([`other${index}`]))),
  );
  const waiting = client().perform(transfer(['first', 'q', 'last']));
  decided.length = 0;
  client().perform(sent('q', 'hello'));
  assert.deepEqual(idsOf(await waiting), [0]);
  assert.deepEqual(
    decided.filter(({ type }) => type === 'transfer'),
    [transfer(['first', 'q', 'last'])],
  );
  assert.ok(others.every(({ out }) => out() === undefined));
});

test('every transfer that waits for a queue gets its message', async (t) => {
  const { client } = held(t);
  const waiting = [client().perform(transfer(['q'])), client().perform(transfer(['q']))];
  client().perform(sent('q', 'hello'));
  assert.deepEqual((await Promise.all(waiting)).map(idsOf), [[0], [0]]);
});

test('a transfer ends empty when its time has passed, and not before', async (t) => {
  const { client, tick } = held(t);
  const waiting = watch(client().perform(transfer(['q'], 7, 5000)));
  tick(4999);
  await turn();
  assert.equal(waiting.out(), undefined);
  tick(1);
  await turn();
  assert.deepEqual(waiting.out(), nothing(7));
});

test('a message that is read in the turn in which the time of a transfer has passed is in its answer', async (t) => {
  const { client, tick } = held(t);
  const waiting = client().perform(transfer(['q'], -1, 5000));
  tick(5000);
  client().perform(sent('q', 'hello'));
  assert.deepEqual(idsOf(await waiting), [0]);
});

test('a message at or below the cursor does not end a transfer, nor give it more time', async (t) => {
  const { client, tick } = held(t);
  const waiting = watch(client().perform(transfer(['q'], 0, 5000)));
  tick(3000);
  client().perform(sent('q', 'has the id 0'));
  await turn();
  assert.equal(waiting.out(), undefined);
  tick(2000);
  await turn();
  assert.deepEqual(waiting.out(), nothing(0));
});

test('a message that is acked at once does not end a transfer', async (t) => {
  const { client } = held(t);
  const waiting = watch(client().perform(transfer(['q'])));
  client().perform(sent('q', 'gone'));
  client().perform({ type: 'ack', id: { queue: 'q', id: 0 } });
  await turn();
  assert.equal(waiting.out(), undefined);
  client().perform(sent('q', 'stays'));
  await turn();
  assert.deepEqual(idsOf(waiting.out()), [1]);
});

test('a transfer may wait for a queue that is not there yet, which is alive as soon as it is', async (t) => {
  const { client } = held(t, []);
  const waiting = client().perform(transfer(['later']));
  const other = client();
  other.perform({ type: 'create', queue: 'later', lifetime: 'persistent' });
  assert.deepEqual(other.perform({ type: 'list', prefix: '', alive: true }), {
    type: 'names',
    names: ['later'],
  });
  other.perform(sent('later', 'hello'));
  assert.deepEqual(idsOf(await waiting), [0]);
});

test('a queue that is destroyed and created again under its listener is still listened to', async (t) => {
  const { client } = held(t);
  const waiting = client().perform(transfer(['q']));
  const other = client();
  other.perform({ type: 'destroy', queue: 'q' });
  other.perform({ type: 'create', queue: 'q', lifetime: 'persistent' });
  other.perform(sent('q', 'hello'));
  assert.deepEqual(idsOf(await waiting), [0]);
});

test('a client that leaves while it waits leaves nothing behind', async (t) => {
  const { client, decided } = held(t, []);
  const cleared = t.mock.method(globalThis, 'clearTimeout');
  const leaver = client();
  const waiting = leaver.perform(transfer(['q']));
  leaver.leave();
  await waiting;
  assert.equal(cleared.mock.callCount(), 1);
  const other = client();
  other.perform({ type: 'create', queue: 'q', lifetime: 'persistent' });
  assert.deepEqual(other.perform({ type: 'list', prefix: '', alive: true }), { type: 'names', names: [] });
  decided.length = 0;
  other.perform(sent('q', 'hello'));
  await turn();
  assert.deepEqual(decided, [sent('q', 'hello')]);
});

test('hurry answers what waits, and what is asked after it does not wait', async (t) => {
  const { client } = held(t);
  const hurried = client();
  const waiting = hurried.perform(transfer(['q'], 3));
  hurried.hurry();
  assert.deepEqual(await waiting, nothing(3));
  assert.deepEqual(await hurried.perform(transfer(['q'])), nothing());
  client().perform(sent('q', 'hello'));
  assert.deepEqual(idsOf(await hurried.perform(transfer(['q']))), [0]);
});

test('a wait longer than a timer can be does not end at once', async (t) => {
  const { client } = held(t);
  const set = t.mock.method(globalThis, 'setTimeout');
  const waiting = watch(client().perform(transfer(['q'], -1, 1e12)));
  await turn();
  assert.equal(waiting.out(), undefined);
  assert.deepEqual(
    set.mock.calls.map((call) => call.arguments[1]),
    [2 ** 31 - 1],
  );
});

test('a trace is answered at once where an event with its number could have been, else at the next event', async (t) => {
  const { client, tick } = held(t);
  const looker = client();
  const trace = (from: number): In => ({ type: 'trace', from, timeout: 5000 });
  assert.deepEqual(await looker.perform(trace(-1)), { type: 'events', events: [] });
  const waiting = looker.perform(trace(0));
  client().perform(sent('q', 'hello'));
  const out = await waiting;
  assert.deepEqual(out.type === 'events' && out.events.map(({ number }) => number), [0]);
  const late = watch(looker.perform(trace(1)));
  tick(5000);
  await turn();
  assert.deepEqual(late.out(), { type: 'events', events: [] });
});

/** A host whose commits the test settles. */
function keptByHand() {
  const broker = new Broker(LIMITS, 0);
  const settles: Settle[] = [];
  const commit = (_operations: unknown, settle: Settle) => {
    settles.push(settle);
  };
  const host = new SwitchHost({ broker, now: () => 0, commit, shutdown: () => {} });
  const client = () => {
    const connected = host.connect();
    connected.perform({ type: 'login', token: 'me' });
    return connected;
  };
  return { client, settle: (failure?: string) => settles.shift()?.(failure) };
}

test('no answer leaves before what it changed is kept', async () => {
  const { client, settle } = keptByHand();
  const created = watch(client().perform({ type: 'create', queue: 'q', lifetime: 'persistent' }));
  await turn();
  assert.equal(created.out(), undefined);
  settle();
  await turn();
  assert.deepEqual(created.out(), { type: 'created', queue: 'q' });
});

test('what is not kept yet is seen by nobody, but has its id', async () => {
  const { client, settle } = keptByHand();
  const sender = client();
  sender.perform({ type: 'create', queue: 'q', lifetime: 'persistent' });
  settle();
  const first = watch(sender.perform(sent('q', 'first')));
  const second = watch(client().perform(sent('q', 'second')));
  const listener = watch(client().perform(transfer(['q'])));
  await turn();
  assert.equal(listener.out(), undefined);
  settle();
  settle();
  await turn();
  assert.deepEqual(idsOf(listener.out()), [0, 1].slice(0, idsOf(listener.out()).length));
  assert.deepEqual(
    [first.out(), second.out()].map((out) => out?.type),
    ['sent', 'sent'],
  );
});

test('what can not be kept is refused with the reason, and nobody sees it', async () => {
  const { client, settle } = keptByHand();
  const sender = client();
  sender.perform({ type: 'create', queue: 'q', lifetime: 'persistent' });
  settle();
  const refused = watch(sender.perform(sent('q', 'lost')));
  settle('the disk is full');
  await turn();
  assert.deepEqual(refused.out(), { type: 'refused', status: 503, reason: 'the disk is full' });
  const kept = watch(sender.perform(sent('q', 'kept')));
  settle();
  await turn();
  assert.deepEqual(kept.out(), { type: 'sent', id: { queue: 'q', id: 1 } });
  const out = await client().perform(transfer(['q']));
  assert.deepEqual(idsOf(out), [1]);
});

/** Two queues, of which one gets messages while a message to the other is not kept yet. */
function withOneBehind() {
  const { client, settle } = keptByHand();
  const sender = client();
  for (const queue of ['busy', 'slow']) {
    sender.perform({ type: 'create', queue, lifetime: 'persistent' });
    settle();
  }
  for (const payload of ['first', 'second']) sender.perform(sent('busy', payload));
  sender.perform(sent('slow', 'behind'));
  settle();
  settle();
  const fetch = (from?: number) => watch(client().perform(transfer(['busy', 'slow'], from)));
  return { settle, fetch };
}

const payloadsOf = (out: Out | undefined): string[] =>
  out?.type === 'messages' ? out.messages.map(({ payload }) => payload.toString()) : [];

test('no cursor over several queues passes a message that is not kept yet', async () => {
  const { settle, fetch } = withOneBehind();
  const came: string[] = [];
  const before = fetch();
  await turn();
  came.push(...payloadsOf(before.out()));
  settle();
  await turn();
  const next = before.out();
  if (came.length === 0) came.push(...payloadsOf(next));
  assert.ok(next?.type === 'messages');
  const after = fetch(next.next);
  await turn();
  came.push(...payloadsOf(after.out()));
  assert.deepEqual(came.sort(), ['behind', 'first', 'second']);
});

test('what waits for a message that can not be kept is given then', async () => {
  const { settle, fetch } = withOneBehind();
  const waiting = fetch();
  await turn();
  settle('the disk is full');
  await turn();
  assert.deepEqual(payloadsOf(waiting.out()), ['first', 'second']);
});

test('a queue that is about to be removed takes no messages any more', async () => {
  const { client, settle } = keptByHand();
  const sender = client();
  sender.perform({ type: 'create', queue: 'q', lifetime: 'persistent' });
  settle();
  sender.perform({ type: 'destroy', queue: 'q' });
  assert.deepEqual(sender.perform(sent('q', 'late')), { type: 'sent', id: undefined });
});

test('what changes nothing is not committed', () => {
  const committed: unknown[] = [];
  const broker = new Broker(LIMITS, 0);
  const commit = (operations: unknown) => {
    committed.push(operations);
  };
  const host = new SwitchHost({ broker, now: () => 0, commit, shutdown: () => {} });
  const client = host.connect();
  client.perform({ type: 'login', token: 'me' });
  client.perform({ type: 'destroy', queue: 'none' });
  client.perform({ type: 'ack', id: { queue: 'none', id: 1 } });
  client.leave();
  assert.deepEqual(committed, []);
});
