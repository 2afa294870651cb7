import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Broker } from '../../src/switch/broker.ts';
import type { BrokerLimits } from '../../src/switch/limits.ts';
import type { In } from '../../src/switch/protocol.ts';
import { ask, contents, idsOf, outcome, sent } from './ask.ts';
import { LIMITS } from './helpers.ts';

const limited = (limits: Partial<BrokerLimits>): Broker => new Broker({ ...LIMITS, ...limits }, 0);
const persistent = (queue: string): In => ({ type: 'create', queue, lifetime: 'persistent' });
const transfer = (queues: readonly string[], from = -1): In => ({
  type: 'transfer',
  from,
  timeout: 0,
  queues,
});

/** Asks for what is over a limit, and holds the refusal to its status and text, and the broker to what it had. */
function assertRefused(broker: Broker, request: In, status: number, reason: string): void {
  const before = contents(broker);
  assert.deepEqual(ask(broker, request), { type: 'refused', status, reason });
  assert.deepEqual(contents(broker), before);
}

test('a queue whose name is longer than switch.maxNameBytes is not created', () => {
  const broker = limited({ maxNameBytes: 10 });
  assert.deepEqual(ask(broker, persistent('€€€x')), { type: 'created', queue: '€€€x' });
  const reason = 'the name of a queue of 11 bytes is over switch.maxNameBytes (10)';
  assertRefused(broker, persistent('€€€xx'), 400, reason);
});

test('no message names a queue longer than switch.maxNameBytes, and nobody listens on one', () => {
  const broker = limited({ maxNameBytes: 10 });
  ask(broker, persistent('q'));
  const long = 'much longer';
  const reason = 'the name of a queue of 11 bytes is over switch.maxNameBytes (10)';
  assertRefused(broker, { ...sent('q', ''), kind: { type: 'request', replyTo: long } }, 400, reason);
  const to = { queue: long, id: 1 };
  assertRefused(broker, { ...sent('q', ''), kind: { type: 'response', to } }, 400, reason);
  assertRefused(broker, { type: 'subscribe', queues: ['q', long] }, 400, reason);
});

test('an ack that names a longer one is taken, and not kept in the trace', () => {
  const broker = limited({ maxNameBytes: 10 });
  assert.deepEqual(ask(broker, { type: 'ack', id: { queue: 'much longer', id: 1 } }), { type: 'done' });
  assert.deepEqual(broker.observed.trace.from(0), []);
});

test('a session whose name is longer than switch.maxNameBytes is refused, and the one before goes on', () => {
  const broker = limited({ maxNameBytes: 10 });
  const connection = broker.connect();
  broker.decide(connection, { type: 'login', token: 'short' }, 0);
  const refusal = broker.decide(connection, { type: 'login', token: 'much longer' }, 0);
  assert.deepEqual(outcome(broker, refusal), {
    type: 'refused',
    status: 400,
    reason: 'the name of a session of 11 bytes is over switch.maxNameBytes (10)',
  });
  assert.equal(connection.token, 'short');
});

test('a message longer than switch.maxMessageBytes is not taken', () => {
  const broker = limited({ maxMessageBytes: 5 });
  ask(broker, persistent('q'));
  ask(broker, sent('q', '12345'));
  assertRefused(broker, sent('q', '123456'), 413, 'a message of 6 bytes is over switch.maxMessageBytes (5)');
});

test('one more queue than switch.maxQueues is refused, and there is room again when one has gone', () => {
  const broker = limited({ maxQueues: 2 });
  ask(broker, persistent('a'));
  ask(broker, persistent('b'));
  const reason = 'there are as many queues as switch.maxQueues (2) allows';
  assertRefused(broker, persistent('c'), 503, reason);
  assert.deepEqual(ask(broker, persistent('a')), { type: 'created', queue: 'a' });
  ask(broker, { type: 'destroy', queue: 'a' });
  assert.deepEqual(ask(broker, persistent('c')), { type: 'created', queue: 'c' });
});

test('one more session than switch.maxSessions is refused, and there is room again when one has ended', () => {
  const broker = limited({ maxSessions: 2 });
  const [one, two, three] = [broker.connect(), broker.connect(), broker.connect()];
  const login = (connection: typeof one, token: string) =>
    outcome(broker, broker.decide(connection, { type: 'login', token }, 0));
  login(one, 'one');
  login(two, 'two');
  assert.deepEqual(login(three, 'three'), {
    type: 'refused',
    status: 503,
    reason: 'there are as many sessions as switch.maxSessions (2) allows',
  });
  assert.deepEqual(login(three, 'one'), { type: 'done' });
  broker.disconnect(two, 0);
  assert.deepEqual(login(three, 'three'), { type: 'done' });
});

test('one more message than switch.maxQueueMessages is not taken until one is acked', () => {
  const broker = limited({ maxQueueMessages: 2 });
  ask(broker, persistent('q'));
  ask(broker, sent('q', 'a'));
  ask(broker, sent('q', 'b'));
  const reason = 'the queue q holds switch.maxQueueMessages (2) messages';
  assertRefused(broker, sent('q', 'c'), 503, reason);
  ask(broker, { type: 'ack', id: { queue: 'q', id: 0 } });
  assert.deepEqual(ask(broker, sent('q', 'c')), { type: 'sent', id: { queue: 'q', id: 2 } });
});

test('more bytes than switch.maxQueueBytes are not taken until some are acked', () => {
  const broker = limited({ maxQueueBytes: 10 });
  ask(broker, persistent('q'));
  ask(broker, sent('q', '123456'));
  ask(broker, sent('q', '1234'));
  const reason = 'the queue q would hold more than switch.maxQueueBytes (10)';
  assertRefused(broker, sent('q', 'x'), 503, reason);
  assert.deepEqual(ask(broker, sent('q', '')), { type: 'sent', id: { queue: 'q', id: 2 } });
  ask(broker, { type: 'ack', id: { queue: 'q', id: 0 } });
  assert.deepEqual(ask(broker, sent('q', '654321')), { type: 'sent', id: { queue: 'q', id: 3 } });
});

test('a transfer that asks for more queues than switch.maxTransferQueues is refused', () => {
  const broker = limited({ maxTransferQueues: 2 });
  assert.deepEqual(ask(broker, transfer(['a', 'b'])), { type: 'waits', next: -1 });
  assertRefused(broker, transfer(['a', 'b', 'c']), 400, '3 queues are over switch.maxTransferQueues (2)');
});

test('a transfer gives as much as switch.maxTransferBytes, and the rest comes with the next', () => {
  const broker = limited({ maxTransferBytes: 10 });
  ask(broker, persistent('q'));
  for (const payload of ['12345', '12345', '1', 'larger than the limit', '']) ask(broker, sent('q', payload));
  const pages = [-1, 1, 2, 3].map((from) => idsOf(ask(broker, transfer(['q'], from))).map(([, id]) => id));
  assert.deepEqual(pages, [[0, 1], [2], [3], [4]]);
});

test('no message is skipped and none comes twice however a transfer of several queues is divided', () => {
  const lengths = fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 12 });
  fc.assert(
    fc.property(fc.array(lengths, { maxLength: 4 }), fc.integer({ min: 0, max: 20 }), (queues, maxBytes) => {
      const broker = limited({ maxTransferBytes: maxBytes });
      const names = queues.map((_, index) => `q${index}`);
      const expected: (readonly [string, number])[] = [];
      for (const [index, name] of names.entries()) {
        ask(broker, persistent(name));
        for (const [id, length] of (queues[index] ?? []).entries()) {
          ask(broker, sent(name, 'x'.repeat(length)));
          expected.push([name, id]);
        }
      }
      const came: (readonly [string, number])[] = [];
      let page = ask(broker, transfer(names));
      while (typeof page === 'object' && page.type === 'messages') {
        const bytes = page.payloads.join('').length;
        const oneId = new Set(page.ids.map(([, id]) => id)).size === 1;
        assert.ok(bytes <= maxBytes || oneId, `${bytes} bytes in one transfer`);
        came.push(...page.ids);
        page = ask(broker, transfer(names, page.next));
      }
      assert.deepEqual(came.sort(), expected.sort());
    }),
    { numRuns: 500 },
  );
});

test('one more transfer than switch.maxWaitingTransfers may wait is refused, until one of the session ends', () => {
  const broker = limited({ maxWaitingTransfers: 2 });
  const wait = (token: string) => {
    const connection = broker.connect();
    broker.decide(connection, { type: 'login', token }, 0);
    const decision = broker.decide(connection, transfer(['q']), 0);
    return decision.type === 'wait' ? decision.subscribe(() => {}) : decision.out;
  };
  const end = wait('one');
  wait('one');
  assert.deepEqual(wait('one'), {
    type: 'refused',
    status: 503,
    reason: '2 transfers of this session wait, as many as switch.maxWaitingTransfers allows',
  });
  assert.equal(typeof wait('other'), 'function');
  assert.ok(typeof end === 'function');
  end();
  assert.equal(typeof wait('one'), 'function');
});
