import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Message } from '../../src/switch/protocol.ts';
import { Queue } from '../../src/switch/queue.ts';
import { Queues } from '../../src/switch/queues.ts';

const PAYLOAD_BYTES = 1000;
/** Enough that payloads share memory. */
const MANY = 1000;

const payloadOf = (id: number): Buffer => Buffer.alloc(PAYLOAD_BYTES, `${id} `);

const message = (id: number): Message => ({
  id: { queue: 'q', id },
  payload: payloadOf(id),
  kind: { type: 'request', replyTo: 'r' },
  origin: 'me',
  time: id,
});

function longQueue(): Queue {
  const queue = new Queue('q', undefined, 0);
  for (let id = 0; id < MANY; id += 1) queue.add(message(id));
  return queue;
}

test('whatever is acked of a long queue, and in whatever order, the rest stays as it came', () => {
  fc.assert(
    fc.property(
      fc.shuffledSubarray(Array.from({ length: MANY }, (_, id) => id)),
      fc.nat(9),
      (acked, more) => {
        const queue = longQueue();
        for (const id of acked) assert.equal(queue.ack(id)?.id.id, id);
        for (let id = MANY; id < MANY + more; id += 1) queue.add(message(id));
        const gone = new Set(acked);
        const left = Array.from({ length: MANY + more }, (_, id) => id).filter((id) => !gone.has(id));
        assert.deepEqual(
          Array.from(queue.messages(), (each) => each.toMessage()),
          left.map(message),
        );
        assert.equal(queue.size, left.length);
        assert.equal(queue.bytes, left.length * PAYLOAD_BYTES);
        for (const id of acked) assert.equal(queue.get(id), undefined);
      },
    ),
    { numRuns: 20 },
  );
});

test('messages of a long queue keep who sent them, when, and what they answer', () => {
  const queue = new Queue('q', undefined, 0);
  const messages = Array.from({ length: MANY }, (_, id): Message => {
    const kinds = [
      { type: 'request', replyTo: `r${id % 20}` },
      { type: 'response', to: { queue: 'p', id: id * 7 } },
    ] as const;
    return { ...message(id), kind: kinds[id % 2] ?? kinds[0], origin: `client ${id % 30}`, time: id / 3 };
  });
  for (const each of messages) queue.add(each);
  assert.deepEqual(
    Array.from(queue.messages(), (each) => each.toMessage()),
    messages,
  );
});

test('the last messages of a queue that was long keep no more memory than their own bytes', () => {
  const queue = longQueue();
  for (let id = 0; id < MANY; id += 1) if (id % 100 > 0) queue.ack(id);
  const memory = Array.from(queue.messages(), ({ payload }) => payload.buffer.byteLength);
  assert.deepEqual(
    memory,
    Array.from({ length: MANY / 100 }, () => PAYLOAD_BYTES),
  );
});

test('of many requests those are known whose replies are awaited, when most are fetched or acked', () => {
  const queues = new Queues(0);
  queues.apply({ type: 'queue-created', queue: 'q', owner: undefined });
  for (let id = 0; id < MANY; id += 1) queues.apply({ type: 'message-sent', message: message(id) });
  for (let id = 0; id < MANY; id += 1) {
    const held = queues.find('q')?.get(id);
    if (id % 3 === 0) queues.apply({ type: 'message-acked', id: { queue: 'q', id } });
    else if (id % 100 > 1 && held !== undefined) queues.fetched(held);
  }
  const awaited = queues.awaiting('r').map(({ id }) => id.id);
  const left = Array.from({ length: MANY }, (_, id) => id).filter((id) => id % 100 <= 1 && id % 3 > 0);
  assert.deepEqual(awaited, left);
});
