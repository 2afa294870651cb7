import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Message } from '../../src/switch/protocol.ts';
import { Subscriptions } from '../../src/switch/push-subscriptions.ts';

const QUEUES = ['a', 'b', 'c'];

/** Subscriptions over queues that are arrays, and a connection that is full when the test says so. */
function setUp() {
  const queues = new Map<string, Message[]>(QUEUES.map((name) => [name, []]));
  const wakes = new Map<string, () => void>();
  const delivered: Message['id'][] = [];
  const state = { full: false, takes: 0 };
  const subscriptions = new Subscriptions({
    listen: (queue, wake) => {
      wakes.set(queue, wake);
      return () => wakes.delete(queue);
    },
    take: (queue, from, limit) => {
      state.takes += 1;
      return (queues.get(queue) ?? []).filter(({ id }) => id.id > from).slice(0, Math.min(limit, 2));
    },
    deliver: (_, { id }) => {
      assert.equal(state.full, false);
      delivered.push(id);
    },
    full: () => state.full,
    maxCredit: 1000,
    maxQueues: 3,
  });
  const publish = (queue: string): void => {
    const messages = queues.get(queue) ?? [];
    messages.push({
      id: { queue, id: messages.length },
      payload: Buffer.alloc(0),
      kind: { type: 'request', replyTo: '' },
      origin: '',
      time: 0,
    });
    wakes.get(queue)?.();
  };
  return { state, subscriptions, delivered, publish, wakes };
}

const step = fc.oneof(
  fc.record({ type: fc.constant('publish' as const), queue: fc.constantFrom(...QUEUES) }),
  fc.record({ type: fc.constantFrom('ack' as const, 'turn' as const, 'full' as const, 'taken' as const) }),
);

test('all is delivered in the order of its queue, never above the credit, never to a full connection', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.array(step, { maxLength: 60 }),
      async (credit, steps) => {
        const { state, subscriptions, delivered, publish } = setUp();
        assert.equal(subscriptions.add({ subscription: 1, queues: QUEUES, credit, from: -1 }), undefined);
        let published = 0;
        let acked = 0;
        const ack = (): void => {
          const id = delivered[acked];
          if (id === undefined) return;
          acked += 1;
          subscriptions.acked(id);
        };
        for (const each of steps) {
          if (each.type === 'publish') {
            publish(each.queue);
            published += 1;
          } else if (each.type === 'ack') ack();
          else if (each.type === 'turn') await Promise.resolve();
          else {
            state.full = each.type === 'full';
            if (!state.full) subscriptions.resume();
          }
          assert.ok(delivered.length - acked <= credit);
        }
        state.full = false;
        subscriptions.resume();
        while (acked < published) {
          await Promise.resolve();
          assert.ok(delivered.length > acked, 'nothing comes though there is credit');
          ack();
        }
        for (const queue of QUEUES) {
          const ids = delivered.filter((id) => id.queue === queue).map(({ id }) => id);
          assert.deepEqual(
            ids,
            ids.map((_, place) => place),
          );
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('a message costs a subscription without credit nothing', async () => {
  const { state, subscriptions, publish } = setUp();
  subscriptions.add({ subscription: 1, queues: ['a'], credit: 1, from: -1 });
  publish('a');
  await Promise.resolve();
  const before = state.takes;
  for (let n = 0; n < 100; n += 1) publish('a');
  await Promise.resolve();
  assert.equal(state.takes, before);
});

test('an ack by another subscription, of an unknown id, or twice gives no credit', async () => {
  const { subscriptions, delivered, publish } = setUp();
  subscriptions.add({ subscription: 1, queues: ['a'], credit: 1, from: -1 });
  for (let n = 0; n < 5; n += 1) publish('a');
  await Promise.resolve();
  subscriptions.acked({ queue: 'b', id: 0 });
  subscriptions.acked({ queue: 'a', id: 7 });
  await Promise.resolve();
  assert.equal(delivered.length, 1);
  subscriptions.acked({ queue: 'a', id: 0 });
  subscriptions.acked({ queue: 'a', id: 0 });
  await Promise.resolve();
  assert.equal(delivered.length, 2);
});

test('queues that have much to give take turns', async () => {
  const { subscriptions, delivered, publish } = setUp();
  for (const queue of ['a', 'a', 'a', 'a', 'a', 'a', 'b']) publish(queue);
  subscriptions.add({ subscription: 1, queues: ['a', 'b'], credit: 4, from: -1 });
  await Promise.resolve();
  assert.ok(delivered.some(({ queue }) => queue === 'b'));
});

test('the end lets go of every queue', () => {
  const { subscriptions, wakes } = setUp();
  subscriptions.add({ subscription: 1, queues: ['a', 'b'], credit: 1, from: -1 });
  subscriptions.add({ subscription: 2, queues: ['c'], credit: 1, from: -1 });
  assert.equal(wakes.size, 3);
  subscriptions.end();
  assert.equal(wakes.size, 0);
  assert.equal(subscriptions.remove(1), 'subscription: there is no 1 on this connection');
});
