import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { WireFault } from '../../src/wire/fault.ts';
import { joinStrings, Operation, PacketReader, splitStrings, writePacket } from '../../src/wire/xenstore.ts';
import { readAll } from '../helpers/readers.ts';
import { cut, places, singly } from '../helpers/values.ts';

const LIMITS = { maxPayloadBytes: 4096, setting: 'the limit' };
const read = (pieces: readonly Buffer[]) => readAll(new PacketReader(LIMITS), pieces);

const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });
const packet = fc.record(
  {
    type: uint32,
    requestId: uint32,
    transactionId: uint32,
    payload: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  },
  { noNullPrototype: true },
);

test('packets come out as they went in, however the bytes are cut', () => {
  fc.assert(
    fc.property(fc.array(packet, { maxLength: 5 }), places, (packets, cuts) => {
      const bytes = Buffer.concat(
        packets.map(({ type, requestId, transactionId, payload }) =>
          writePacket(type, requestId, transactionId, payload),
        ),
      );
      assert.deepEqual(read(cut(bytes, cuts)), packets);
    }),
  );
});

test('a packet has the layout of xs_wire.h', () => {
  assert.equal(
    writePacket(Operation.READ, 1, 2, joinStrings('/a')).toString('hex'),
    '02000000' + '01000000' + '02000000' + '03000000' + '2f6100',
  );
});

test('a payload over the limit is refused before it comes', () => {
  const [fault] = read([writePacket(1, 1, 0, Buffer.alloc(4097)).subarray(0, 16)]);
  assert.ok(fault instanceof WireFault);
  assert.equal(fault.reason, 'a payload of 4097 bytes is over the limit (4096)');
});

test('half a packet at the end is a fault', () => {
  const [fault] = read(singly(writePacket(1, 1, 0, 'abc')).slice(0, 17));
  assert.ok(fault instanceof WireFault);
  assert.equal(fault.reason, 'a packet of 19 bytes ended after 17');
});

test('strings are told apart by the NUL behind each', () => {
  assert.deepEqual(splitStrings(Buffer.from('a\0b\0')), ['a', 'b']);
  assert.deepEqual(splitStrings(Buffer.from('a\0\0')), ['a', '']);
  assert.deepEqual(splitStrings(Buffer.from('')), []);
  assert.equal(joinStrings('a', '', 'b'), 'a\0\0b\0');
});
