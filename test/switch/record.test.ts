import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Packr } from 'msgpackr/pack';
import { decodeRecord, encodeRecord, RECORD_HEADER_BYTES } from '../../src/journal/record.ts';
import type { Operation } from '../../src/switch/protocol.ts';
import { Queues } from '../../src/switch/queues.ts';
import { operationCodec } from '../../src/switch/record.ts';
import { operation as anyOperation } from './operations.ts';

test('what is written is read as it was', () => {
  fc.assert(
    fc.property(fc.array(anyOperation, { maxLength: 5 }), (operations) => {
      const [header, body] = encodeRecord(operationCodec, operations);
      assert.equal(header.length, RECORD_HEADER_BYTES);
      assert.equal(header.readUInt32LE(0), body.length);
      assert.deepEqual(decodeRecord(operationCodec, body), operations);
    }),
  );
});

const PAYLOAD = Buffer.from([0, 255]);
/** As the first version wrote them: journals on disk are to be read by every later one. */
const WRITTEN: readonly (readonly [Operation, string])[] = [
  [{ type: 'queue-created', queue: 'q', owner: undefined }, '9301a171c0'],
  [{ type: 'queue-created', queue: 't', owner: 'me' }, '9301a174a26d65'],
  [{ type: 'queue-listened', queue: 'q' }, '9207a171'],
  [
    {
      type: 'message-sent',
      message: {
        id: { queue: 'q', id: 300 },
        payload: PAYLOAD,
        kind: { type: 'request', replyTo: 't' },
        origin: 'me',
        time: 1700000000000.5,
      },
    },
    '9703a171cd012ca26d65cb4278bcfe56800800c40200ffa174',
  ],
  [
    {
      type: 'message-sent',
      message: {
        id: { queue: 't', id: 2 ** 40 },
        payload: PAYLOAD,
        kind: { type: 'response', to: { queue: 'q', id: 300 } },
        origin: 'it',
        time: 1,
      },
    },
    '9804a174cb4270000000000000a2697401c40200ffa171cd012c',
  ],
  [{ type: 'message-acked', id: { queue: 'q', id: 300 } }, '9305a171cd012c'],
  [{ type: 'queue-removed', queue: 't' }, '9202a174'],
  [{ type: 'ids-given', next: 7 }, '920607'],
];

for (const [operation, hex] of WRITTEN) {
  test(`${operation.type} is written as ever: ${hex}`, () => {
    const body = Buffer.from(`91${hex}`, 'hex');
    assert.deepEqual(encodeRecord(operationCodec, [operation])[1], body);
    assert.deepEqual(decodeRecord(operationCodec, body), [operation]);
  });
}

test('a payload that is read keeps no more memory than its own bytes when it is held', () => {
  const payload = Buffer.alloc(10_000, 'x');
  const message = { id: { queue: 'q', id: 1 }, payload, kind: { type: 'request', replyTo: 'r' } } as const;
  const [, body] = encodeRecord(operationCodec, [
    { type: 'queue-created', queue: 'q', owner: undefined },
    { type: 'message-sent', message: { ...message, origin: 'me', time: 1 } },
  ]);
  const queues = new Queues(0);
  for (const operation of decodeRecord(operationCodec, body)) queues.apply(operation);
  const held = queues.find('q')?.get(1)?.payload;
  assert.deepEqual(held, payload);
  assert.equal(held?.buffer.byteLength, payload.length);
});

test('a payload that is most of a record is no view of it', () => {
  const payload = Buffer.alloc(4 * 1024 * 1024, 'x');
  const message = { id: { queue: 'q', id: 1 }, payload, kind: { type: 'request', replyTo: 'r' } } as const;
  const [, body] = encodeRecord(operationCodec, [
    { type: 'message-sent', message: { ...message, origin: 'me', time: 1 } },
  ]);
  const record = Buffer.from(body);
  const [read] = decodeRecord(operationCodec, record);
  assert.ok(read?.type === 'message-sent');
  record.fill('y');
  assert.deepEqual(read.message.payload, payload);
});

const packr = new Packr({ useRecords: false });
const WRONG: readonly (readonly [string, unknown, RegExp])[] = [
  ['no array', 5, /no array/],
  ['an operation that is no array', [5], /no array/],
  ['an unknown kind', [[99]], /unknown kind 99/],
  ['a name that is no text', [[1, 5, null]], /field 2: expected a text/],
  ['an id that is no integer', [[5, 'q', 0.5]], /field 3: expected an integer/],
  ['an id beyond 2^53', [[5, 'q', 2 ** 60]], /field 3: expected an integer/],
  ['a payload that is no bytes', [[3, 'q', 1, 'me', 1, 'text', 'r']], /field 6: expected bytes/],
  ['a field that is missing', [[2]], /field 2: expected a text/],
];
for (const [name, value, expected] of WRONG) {
  test(`${name} is none that is written`, () => {
    assert.throws(() => decodeRecord(operationCodec, packr.pack(value)), {
      name: 'TypeError',
      message: expected,
    });
  });
}
