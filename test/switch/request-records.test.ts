import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeRecord, encodeRecord } from '../../src/journal/record.ts';
import type { Operation } from '../../src/switch/protocol.ts';
import { Queues } from '../../src/switch/queues.ts';
import { operationCodec } from '../../src/switch/record.ts';
import { readRequests } from '../../src/switch/request-records.ts';
import { operation } from './operations.ts';

const isRequest = (each: Operation): boolean =>
  each.type === 'message-sent' && each.message.kind.type === 'request';

/** Ids count up from 0. */
const written = operation.filter((each) => each.type !== 'message-sent' || each.message.id.id >= 0);

const bodyOf = (operations: readonly Operation[]): Buffer => encodeRecord(operationCodec, operations)[1];

/** What was read, as the operations that it stands for. */
const asOperations = (body: Buffer): Operation[] | undefined => {
  const read = readRequests(body);
  return read?.requests.map(({ id, kind, origin, time, start, length }) => ({
    type: 'message-sent',
    message: {
      id: { queue: read.queue, id },
      payload: body.subarray(start, start + length),
      kind,
      origin,
      time,
    },
  }));
};

test('a record of requests to one queue is read as it is decoded, and any other is not read', () => {
  fc.assert(
    fc.property(fc.array(written, { maxLength: 5 }), (operations) => {
      const body = bodyOf(operations);
      const queues = new Set(operations.map((each) => each.type === 'message-sent' && each.message.id.queue));
      const isRead = operations.every(isRequest) && queues.size === 1;
      assert.deepEqual(asOperations(body), isRead ? decodeRecord(operationCodec, body) : undefined);
    }),
    { numRuns: 2000 },
  );
});

const request = (id: number, payload: Buffer): Operation => ({
  type: 'message-sent',
  message: {
    id: { queue: 'q', id },
    payload,
    kind: { type: 'request', replyTo: `r${id % 3}` },
    origin: `client ${id % 2}`,
    time: id + 0.5,
  },
});

const requests = (count: number, payloadBytes: number): Operation[] =>
  Array.from({ length: count }, (_, id) => request(id * 1000, Buffer.alloc(payloadBytes, `${id} `)));

for (const [count, payloadBytes] of [
  [20, 0],
  [20, 31],
  [20, 255],
  [3, 256],
  [2, 65_536],
] as const) {
  test(`${count} requests of ${payloadBytes} bytes are read as they are decoded`, () => {
    const body = bodyOf(requests(count, payloadBytes));
    assert.deepEqual(asOperations(body), decodeRecord(operationCodec, body));
  });
}

test('a body that is cut short, or longer than what stands in it, is not read', () => {
  const body = bodyOf(requests(3, 10));
  for (let length = 0; length < body.length; length += 1) {
    assert.equal(readRequests(body.subarray(0, length)), undefined, `${length} bytes`);
  }
  assert.equal(readRequests(Buffer.concat([body, Buffer.alloc(1)])), undefined);
});

/** What a queue holds when records were applied as they are, and when they were decoded. */
function both(records: readonly Buffer[]): readonly [Queues, Queues] {
  const made = [new Queues(0), new Queues(0)] as const;
  const [read, decoded] = made;
  for (const queues of made) queues.apply({ type: 'queue-created', queue: 'q', owner: undefined });
  for (const body of records) {
    assert.ok(read.applyRequests(body));
    for (const each of decodeRecord(operationCodec, body)) decoded.apply(each);
    // What was read must not be needed any more.
    body.fill(0);
  }
  return made;
}

const messagesOf = (queues: Queues) =>
  Array.from(queues.find('q')?.messages() ?? [], (message) => message.toMessage());

test('whatever is acked of requests that were read from records, the rest is as it was written', () => {
  // Small payloads, such as share memory with what stands around them, and some that are too large to share any.
  const sizes = [0, 1, 40, 1000, 20_000];
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(40), fc.constantFrom(...sizes)), {
        minLength: 20,
        maxLength: 60,
        size: 'max',
      }),
      fc.integer({ min: 2, max: 10 }),
      (groups, kept) => {
        let id = 0;
        const records = groups.map(([count, payloadBytes]) =>
          bodyOf(
            Array.from({ length: count + 1 }, () => {
              id += 1;
              return request(id, Buffer.alloc(payloadBytes, `${id} `));
            }),
          ),
        );
        const [read, decoded] = both(records);
        assert.deepEqual(messagesOf(read), messagesOf(decoded));
        assert.equal(read.heldBytes, decoded.heldBytes);
        for (const queues of [read, decoded]) {
          for (let acked = 1; acked <= id; acked += 1) {
            if (acked % kept > 0) queues.apply({ type: 'message-acked', id: { queue: 'q', id: acked } });
          }
        }
        assert.deepEqual(messagesOf(read), messagesOf(decoded));
        assert.equal(read.heldBytes, decoded.heldBytes);
        const awaited = (queues: Queues): number[] => queues.awaiting('r0').map(({ number }) => number);
        assert.deepEqual(awaited(read), awaited(decoded));
      },
    ),
    { numRuns: 20 },
  );
});
