import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { WireFault } from '../../src/wire/fault.ts';
import { Length16Reader, writeLength16 } from '../../src/wire/length16.ts';
import { measured } from '../../src/wire/utf8-text.ts';
import { readAll } from '../helpers/readers.ts';
import { cut, places, singly, text } from '../helpers/values.ts';

const read = (pieces: readonly Buffer[]) => readAll(new Length16Reader({ maxRequestBytes: 100 }), pieces);

test('a body has its length in 16 digits before it, counted in bytes', () => {
  assert.equal(writeLength16(measured('{"a":"é"}')), '0000000000000010{"a":"é"}');
});

test('bodies come out as they went in, however the bytes are cut', () => {
  fc.assert(
    fc.property(fc.array(text, { maxLength: 5 }), places, (bodies, cuts) => {
      const bytes = Buffer.from(bodies.map((body) => writeLength16(measured(body))).join(''));
      assert.deepEqual(read(cut(bytes, cuts)).map(String), bodies);
    }),
  );
});

test('the same bytes give the same bodies and faults, however they are cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('0000000000000003', '0000000000000101', '0', '1', 'abc'), { maxLength: 8 }),
      places,
      (pieces, cuts) => {
        const bytes = Buffer.from(pieces.join(''));
        const whole = read([bytes]);
        assert.deepEqual(read(singly(bytes)), whole);
        assert.deepEqual(read(cut(bytes, cuts)), whole);
      },
    ),
  );
});

test('a body does not change when more comes', () => {
  const reader = new Length16Reader({ maxRequestBytes: 100 });
  for (const byte of singly(Buffer.from(writeLength16(measured('first'))))) reader.push(byte);
  const first = reader.read();
  reader.push(Buffer.from(writeLength16(measured('other')).repeat(100)));
  while (reader.read() !== undefined);
  assert.equal(String(first), 'first');
});

test('an empty body is a message', () => {
  assert.deepEqual(read([Buffer.from('0000000000000000')]).map(String), ['']);
});

const faults: [string, string, string][] = [
  ['a letter', '00000000000000x1a', 'a length: expected 16 decimal digits, got the byte 0x78'],
  ['a sign', '-000000000000001a', 'a length: expected 16 decimal digits, got the byte 0x2d'],
  ['white space', '               1a', 'a length: expected 16 decimal digits, got the byte 0x20'],
  [
    'a length over the limit',
    '0000000000000101',
    'a message of 101 bytes is over sockets.maxRequestBytes (100)',
  ],
  [
    'the largest length',
    '9999999999999999',
    'a message of 10000000000000000 bytes is over sockets.maxRequestBytes (100)',
  ],
  ['half a length', '00000000', 'a length of 16 digits ended after 8'],
  ['half a body', '0000000000000010abc', 'a message of 10 bytes ended after 3'],
];
for (const [what, bytes, reason] of faults) {
  test(`${what} is a fault, in one piece and byte by byte`, () => {
    for (const pieces of [[Buffer.from(bytes)], singly(Buffer.from(bytes))]) {
      const fault = read(pieces).at(-1);
      assert.ok(fault instanceof WireFault);
      assert.equal(fault.reason, reason);
    }
  });
}

test('a wrong length is refused before its body comes', () => {
  const reader = new Length16Reader({ maxRequestBytes: 100 });
  reader.push(Buffer.from('x'));
  assert.ok(reader.read() instanceof WireFault);
});
