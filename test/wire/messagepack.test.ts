import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { WireFault } from '../../src/wire/fault.ts';
import { MessagePackReader, writeMessagePack } from '../../src/wire/messagepack.ts';
import type { Value } from '../../src/wire/value.ts';
import { readAll } from '../helpers/readers.ts';
import { cut, places, singly, value } from '../helpers/values.ts';

const LIMITS = { maxRequestBytes: 100_000, maxDepth: 64 };
const read = (pieces: readonly Buffer[], limits = LIMITS) => readAll(new MessagePackReader(limits), pieces);
const message = fc.array(value, { maxLength: 5 });

test('messages come out as they went in, however the bytes are cut', () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 5 }), places, (messages, cuts) => {
      assert.deepEqual(read(cut(Buffer.concat(messages.map(writeMessagePack)), cuts)), messages);
    }),
    { numRuns: 300 },
  );
});

test('messages come out as they went in byte by byte', () => {
  fc.assert(
    fc.property(message, (written) => {
      assert.deepEqual(read(singly(writeMessagePack(written))), [written]);
    }),
  );
});

test('the same value gives the same bytes', () => {
  fc.assert(
    fc.property(value, (written) => {
      assert.deepEqual(writeMessagePack(written), writeMessagePack(structuredClone(written)));
    }),
  );
});

/** Values and their bytes, from the format table of the specification. */
const formats: [Value, string][] = [
  [[null, false, true], '93c0c2c3'],
  [[0, 127, -1, -32], '94007fffe0'],
  [[128, 255, 256, 65535, 65536], '95cc80ccffcd0100cdffffce00010000'],
  [[4294967295], '91ceffffffff'],
  [[4294967296], '91cf0000000100000000'],
  [[-33, -128, -129, -32768, -32769], '95d0dfd080d1ff7fd18000d2ffff7fff'],
  [[-2147483649], '91d3ffffffff7fffffff'],
  [[9223372036854775807n], '91cf7fffffffffffffff'],
  [[18446744073709551615n], '91cfffffffffffffffff'],
  [[-9223372036854775808n], '91d38000000000000000'],
  [[1.5], '91cb3ff8000000000000'],
  [['', 'a'], '92a0a161'],
  [[{ a: [] }], '9181a16190'],
];
for (const [values, hex] of formats) {
  test(`${hex} is read as the specification says`, () => {
    assert.deepEqual(read([Buffer.from(hex, 'hex')]), [values]);
  });
}

test('integers are written as integers, up to 64 bits', () => {
  for (const number of [2 ** 32, -(2 ** 31) - 1, 2 ** 53 - 1, 2n ** 63n - 1n, -(2n ** 63n)]) {
    const [, format] = writeMessagePack([number]);
    assert.ok(
      format === 0xcf || format === 0xd3,
      `${number} was written in the format ${format?.toString(16)}`,
    );
  }
});

const faults: [string, string, WireFault['kind'], string][] = [
  ['a message that is no array', 'a161', 'malformed', 'a message is no array'],
  ['an extension', '91d40000', 'malformed', 'a message holds an extension, which has no place in a call'],
  [
    'a long extension',
    '91c7010000',
    'malformed',
    'a message holds an extension, which has no place in a call',
  ],
  ['binary data', '91c40100', 'malformed', 'a message holds binary data, which has no place in a call'],
  ['the unused byte', '91c1', 'malformed', 'a message holds the byte 0xc1, which has no place in a call'],
  ['a name that is no text', '91810101', 'malformed', 'the name of a member is no text'],
  ['a name that is a map', '91818001', 'malformed', 'the name of a member is no text'],
  ['a name that comes twice', '9182a16101a16102', 'malformed', 'the same name comes twice in a map'],
  [
    'the prototype',
    `9181a9${Buffer.from('__proto__').toString('hex')}80`,
    'malformed',
    'the name __proto__ is refused',
  ],
  ['a text that is no UTF-8', '91a1ff', 'malformed', 'a text is no UTF-8'],
  ['no number', '91cb7ff8000000000000', 'malformed', 'a number is too large'],
  [
    'a count over the limit',
    '91ddffffffff',
    'limit',
    'a message of more than sockets.maxRequestBytes (100000) bytes',
  ],
  [
    'a length over the limit',
    '91dbffffffff',
    'limit',
    'a message of more than sockets.maxRequestBytes (100000) bytes',
  ],
  ['nesting over the limit', '91'.repeat(65), 'limit', 'nested deeper than sockets.maxDepth (64)'],
  ['half a message at the end', '92a1', 'incomplete', 'the message ended too early'],
];
for (const [what, hex, kind, reason] of faults) {
  test(`${what} is a fault, in one piece and byte by byte`, () => {
    const bytes = Buffer.from(hex, 'hex');
    for (const pieces of [[bytes], singly(bytes)]) {
      const fault = read(pieces).at(-1);
      assert.ok(fault instanceof WireFault, `read as ${String(fault)}`);
      assert.deepEqual([fault.kind, fault.reason], [kind, reason]);
    }
  });
}

test('many small items are no way past the limit', () => {
  const bytes = Buffer.concat([Buffer.from('dd00020000', 'hex'), Buffer.alloc(0x20000)]);
  const fault = read(singly(bytes.subarray(0, 6))).at(-1);
  assert.ok(fault instanceof WireFault && fault.kind === 'limit');
});

test('what was written does not change when more is written', () => {
  const first = writeMessagePack(['first']);
  const copy = Buffer.from(first);
  for (let round = 0; round < 10_000; round += 1) writeMessagePack(['other', round]);
  assert.deepEqual(first, copy);
});

test('no bytes make it throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), places, (bytes, cuts) => {
      read(cut(Buffer.from([0x9f, ...bytes]), cuts));
    }),
    { numRuns: 1000 },
  );
});
