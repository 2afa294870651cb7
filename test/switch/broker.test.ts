import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Broker } from '../../src/switch/broker.ts';
import type { Operation } from '../../src/switch/protocol.ts';
import { ask, contents, expire, idsOf, type Outcome, outcome, sent } from './ask.ts';
import { LIMITS } from './helpers.ts';
import { Model } from './model.ts';
import { CONNECTIONS, LOGINS, QUEUES, request, type Step, step } from './steps.ts';

const steps = fc
  .record({
    logins: fc.subarray([...LOGINS], { minLength: 2 }),
    rest: fc.array(step, { maxLength: 60, size: 'max' }),
  })
  .map(({ logins, rest }) => [...logins, ...rest]);

const connectAll = (broker: Broker) => CONNECTIONS.map(() => broker.connect());

/** Runs the steps; gives what came of each, and the operations that were applied. */
function run(
  broker: Broker,
  sequence: readonly Step[],
  connections = connectAll(broker),
): { outcomes: Outcome[]; operations: Operation[] } {
  const operations: Operation[] = [];
  const outcomes = sequence.map(({ connection: index, request: asked }, time): Outcome => {
    const connection = connections[index] ?? broker.connect();
    if (asked !== 'disconnect') {
      const decision = broker.decide(connection, asked, time);
      if (decision.type === 'answer') operations.push(...decision.operations);
      return outcome(broker, decision);
    }
    broker.disconnect(connection, time);
    operations.push(...expire(broker, time));
    return 'gone';
  });
  return { outcomes, operations };
}

test('a broker answers as a simple model of the protocol does', () => {
  fc.assert(
    fc.property(steps, (sequence) => {
      const model = new Model();
      const expected = sequence.map(({ connection, request: asked }) =>
        asked === 'disconnect' ? model.disconnect(connection) : model.ask(connection, asked),
      );
      assert.deepEqual(run(new Broker(LIMITS, 0), sequence).outcomes, expected);
    }),
    { numRuns: 1000 },
  );
});

test('the same operations, applied to a fresh broker, give the same queues, and ids that were never given', () => {
  fc.assert(
    fc.property(steps, (sequence) => {
      const broker = new Broker(LIMITS, 0);
      const { operations } = run(broker, sequence);
      const again = new Broker(LIMITS, 0);
      for (const operation of operations) again.apply(operation);
      assert.deepEqual(contents(again), contents(broker));
      // The clock stands at 0: only what was given before can make the ids go on.
      again.open(0);
      assert.deepEqual(contents(again), contents(broker));
      const given = operations.flatMap((each) => (each.type === 'message-sent' ? [each.message.id.id] : []));
      for (const name of QUEUES) {
        ask(again, { type: 'create', queue: name, lifetime: 'persistent' });
        const next = ask(again, sent(name, 'next'));
        assert.ok(typeof next === 'object' && next.type === 'sent');
        assert.ok((next.id?.id ?? -1) > Math.max(-1, ...given));
      }
    }),
    { numRuns: 300 },
  );
});

test('a snapshot, applied to a fresh broker, gives the same queues, and ids that were never given', () => {
  fc.assert(
    fc.property(steps, (sequence) => {
      const broker = new Broker(LIMITS, 0);
      run(broker, sequence);
      const again = new Broker(LIMITS, 0);
      for (const operation of broker.snapshot()) again.apply(operation);
      assert.deepEqual(contents(again), contents(broker));
    }),
    { numRuns: 300 },
  );
});

test('a snapshot that is taken while changes go on, and the changes after it, give the same queues', () => {
  fc.assert(
    fc.property(steps, steps, fc.nat({ max: 6 }), (before, during, pace) => {
      const broker = new Broker(LIMITS, 0);
      const connections = connectAll(broker);
      run(broker, before, connections);
      const snapshot = broker.snapshot()[Symbol.iterator]();
      const taken: Operation[] = [];
      const changes: Operation[] = [];
      const take = (count: number): void => {
        for (let left = count; left > 0; left -= 1) {
          const next = snapshot.next();
          if (next.done === true) return;
          taken.push(next.value);
        }
      };
      for (const step of during) {
        changes.push(...run(broker, [step], connections).operations);
        take(pace);
      }
      take(Number.POSITIVE_INFINITY);
      const again = new Broker(LIMITS, 0);
      for (const operation of [...taken, ...changes]) again.apply(operation);
      assert.deepEqual(contents(again), contents(broker));
    }),
    { numRuns: 500 },
  );
});

test('deciding changes nothing that the switch holds', () => {
  fc.assert(
    fc.property(steps, request, (sequence, asked) => {
      const broker = new Broker(LIMITS, 0);
      run(broker, sequence);
      const before = contents(broker);
      const connection = broker.connect();
      broker.decide(connection, { type: 'login', token: 'looker' }, 0);
      broker.decide(connection, asked, 0);
      assert.deepEqual(contents(broker), before);
    }),
    { numRuns: 300 },
  );
});

/** A message that is sent, or the ack of one: a number chooses among those that were sent. */
const traffic = fc.array(
  fc.oneof({ weight: 4, arbitrary: fc.constant('send' as const) }, { weight: 3, arbitrary: fc.nat() }),
  { minLength: 200, maxLength: 600, size: 'max' },
);

test('what was sent and not acked is given again to a transfer from any smaller id, in ascending order', () => {
  fc.assert(
    fc.property(traffic, fc.double({ min: 0, max: 1, noNaN: true }), (events, place) => {
      const broker = new Broker(LIMITS, 0);
      ask(broker, { type: 'create', queue: 'q', lifetime: 'persistent' });
      const waiting = new Set<number>();
      let count = 0;
      for (const event of events) {
        if (event === 'send') {
          assert.deepEqual(ask(broker, sent('q', `${count}`)), {
            type: 'sent',
            id: { queue: 'q', id: count },
          });
          waiting.add(count);
          count += 1;
        } else if (count > 0) {
          const acked = event % count;
          ask(broker, { type: 'ack', id: { queue: 'q', id: acked } });
          waiting.delete(acked);
        }
      }
      for (const from of [-1, Math.floor(place * count), -1]) {
        const left = [...waiting].filter((each) => each > from);
        const out = ask(broker, { type: 'transfer', from, timeout: 0, queues: ['q'] });
        assert.deepEqual(
          idsOf(out).map(([, each]) => each),
          left,
        );
      }
    }),
    { numRuns: 50 },
  );
});

test('a message keeps no more memory than its own bytes', () => {
  const broker = new Broker(LIMITS, 0);
  ask(broker, { type: 'create', queue: 'q', lifetime: 'persistent' });
  const packet = Buffer.alloc(64 * 1024, 'x');
  ask(broker, { ...sent('q', ''), payload: packet.subarray(100, 110) });
  const connection = broker.connect();
  broker.decide(connection, { type: 'login', token: 'me' }, 0);
  const decision = broker.decide(connection, { type: 'transfer', from: -1, timeout: 0, queues: ['q'] }, 0);
  assert.ok(decision.type === 'answer' && decision.out.type === 'messages');
  const [message] = decision.out.messages;
  assert.equal(message?.payload.toString(), 'x'.repeat(10));
  assert.equal(message?.payload.buffer.byteLength, 10);
});

test('a new queue counts from the first id that the broker was given', () => {
  const broker = new Broker(LIMITS, 0, { firstId: 1000 });
  ask(broker, { type: 'create', queue: 'q', lifetime: 'persistent' });
  assert.deepEqual(ask(broker, sent('q', '')), { type: 'sent', id: { queue: 'q', id: 1000 } });
  assert.deepEqual(ask(broker, sent('q', '')), { type: 'sent', id: { queue: 'q', id: 1001 } });
});
