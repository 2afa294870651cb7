import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Packr } from 'msgpackr/pack';
import { decodeRecord, encodeRecord, RECORD_HEADER_BYTES } from '../../../src/switch/journal/record.ts';
import { operation } from './operations.ts';

test('what is written is read as it was', () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 5 }), (operations) => {
      const [header, body] = encodeRecord(operations);
      assert.equal(header.length, RECORD_HEADER_BYTES);
      assert.equal(header.readUInt32LE(0), body.length);
      assert.deepEqual(decodeRecord(body), operations);
    }),
  );
});

test('a payload that is read keeps no more memory than its own bytes need', () => {
  const payload = Buffer.alloc(10_000, 'x');
  const message = { id: { queue: 'q', id: 1 }, payload, kind: { type: 'request', replyTo: 'r' } } as const;
  const [, body] = encodeRecord([{ type: 'message-sent', message: { ...message, origin: 'me', time: 1 } }]);
  const [read] = decodeRecord(body);
  assert.ok(read?.type === 'message-sent');
  assert.notEqual(read.message.payload.buffer, body.buffer);
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
    assert.throws(() => decodeRecord(packr.pack(value)), { name: 'TypeError', message: expected });
  });
}
