import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { WireFault } from '../../src/wire/fault.ts';
import { BinaryMessagePackReader, writeBinaryMessagePack } from '../../src/wire/messagepack.ts';
import { readAll } from '../helpers/readers.ts';
import { cut, places, singly, text } from '../helpers/values.ts';

const read = (pieces: readonly Buffer[], limits = { maxRequestBytes: 100_000, maxDepth: 8 }) =>
  readAll(new BinaryMessagePackReader(limits), pieces);

const bytes = fc.uint8Array({ maxLength: 400 }).map((array) => Buffer.from(array));
const message = fc.array(fc.oneof(bytes, text, fc.integer(), fc.boolean(), fc.constant(null)), {
  maxLength: 5,
});

test('binary data comes out as it went in, however the bytes are cut', () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 5 }), places, (messages, cuts) => {
      const written = Buffer.concat(messages.map(writeBinaryMessagePack));
      assert.deepEqual(read(cut(written, cuts)), messages);
    }),
    { numRuns: 300 },
  );
});

for (const [what, hex] of [
  ['bin 8', '91c40161'],
  ['bin 16', '91c5000161'],
  ['bin 32', '91c60000000161'],
] as const) {
  test(`${what} is read as the specification says, in one piece and byte by byte`, () => {
    const written = Buffer.from(hex, 'hex');
    for (const pieces of [[written], singly(written)]) {
      assert.deepEqual(read(pieces), [[Buffer.from('a')]]);
    }
  });
}

test('binary data of more than the limit is refused before it is here, and so is what is nested too deep', () => {
  const limits = { maxRequestBytes: 100, maxDepth: 2, names: { bytes: 'a.setting', depth: 'this' } };
  const [large] = readAll(new BinaryMessagePackReader(limits), [Buffer.from('91c6ffffffff', 'hex')]);
  assert.deepEqual(large, new WireFault('limit', 'a message of more than a.setting (100) bytes'));
  const [deep] = readAll(new BinaryMessagePackReader(limits), [Buffer.from('919190', 'hex')]);
  assert.deepEqual(deep, new WireFault('limit', 'nested deeper than this (2)'));
});

test('binary data is no name of a member', () => {
  const [fault] = read([Buffer.from('9181c4016100', 'hex')]);
  assert.deepEqual(fault, new WireFault('malformed', 'the name of a member is no text'));
});

test('no bytes make it throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (random) => {
      read([Buffer.concat([Buffer.from([0x95]), random])]);
    }),
    { numRuns: 2000 },
  );
});
