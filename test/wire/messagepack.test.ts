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

/** Values and their bytes, from the format table of the specification; these are how we write them, too. */
const formats: [Value, string][] = [
  [[null, false, true], '93c0c2c3'],
  [[0, 127, -1, -32], '94007fffe0'],
  [[128, 255, 256, 65535, 65536], '95cc80ccffcd0100cdffffce00010000'],
  [[4294967295], '91ceffffffff'],
  [[4294967296], '91d30000000100000000'],
  [[-33, -128, -129, -32768, -32769], '95d0dfd080d1ff7fd18000d2ffff7fff'],
  [[-2147483649], '91d3ffffffff7fffffff'],
  [[9223372036854775807n], '91d37fffffffffffffff'],
  [[18446744073709551615n], '91cfffffffffffffffff'],
  [[-9223372036854775808n], '91d38000000000000000'],
  [[1.5], '91cb3ff8000000000000'],
  [['', 'a'], '92a0a161'],
  [['é€😀'], '91a9c3a9e282acf09f9880'],
  [['x'.repeat(32)], `91d920${'78'.repeat(32)}`],
  [Array(16).fill(0), `dc0010${'00'.repeat(16)}`],
  [[{ a: [] }], '9181a16190'],
];
for (const [values, hex] of formats) {
  test(`${hex} is read and written as the specification says`, () => {
    assert.deepEqual(read([Buffer.from(hex, 'hex')]), [values]);
    assert.equal(writeMessagePack(values).toString('hex'), hex);
  });
}

/** What other writers may choose where we write something shorter. */
const longForms: [Value, string][] = [
  [[1, 1, 1, 1], '94cc01cd0001ce00000001cf0000000000000001'],
  [[-1, -1, -1, -1], '94d0ffd1ffffd2ffffffffd3ffffffffffffffff'],
  [[4294967296], '91cf0000000100000000'],
  [[9007199254740991, 9007199254740992n], '92cf001fffffffffffffcf0020000000000000'],
  [[-9007199254740991, -9007199254740992n], '92d3ffe0000000000001d3ffe0000000000000'],
  [[1.5], '91ca3fc00000'],
  [['a', 'a', 'a'], '93d90161da000161db0000000161'],
  [[[0], [0]], '92dc000100dd0000000100'],
  [[{ a: 0 }, { a: 0 }], '92de0001a16100df00000001a16100'],
];
for (const [values, hex] of longForms) {
  test(`${hex} is read as the specification says, in one piece and byte by byte`, () => {
    const bytes = Buffer.from(hex, 'hex');
    for (const pieces of [[bytes], singly(bytes)]) assert.deepEqual(read(pieces), [values]);
  });
}

test('the same bytes give the same messages and faults, however they are cut', () => {
  const limits = { maxRequestBytes: 12, maxDepth: 2 };
  const piece = fc.constantFrom(
    ...['90', '91', '92', '81', 'dc0001', 'de0001', 'dd000000ff', 'a0', 'a161', 'd90161', 'a1ff', 'c0'],
    ...['c1', 'c400', 'd40000', 'cf0000000000000001', 'cb3ff8000000000000', 'cd0100', '7f', '81a16100'],
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 10 }), places, (pieces, cuts) => {
      const bytes = Buffer.from(`92${pieces.join('')}`, 'hex');
      const whole = read([bytes], limits);
      assert.deepEqual(read(singly(bytes), limits), whole);
      assert.deepEqual(read(cut(bytes, cuts), limits), whole);
    }),
    { numRuns: 2000 },
  );
});

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
  ['a text in its place, before it is here', 'd9ff', 'malformed', 'a message is no array'],
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
  ['an empty array too deep', `${'91'.repeat(64)}90`, 'limit', 'nested deeper than sockets.maxDepth (64)'],
  ['an empty map too deep', `${'91'.repeat(64)}80`, 'limit', 'nested deeper than sockets.maxDepth (64)'],
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

test('a depth that is allowed and that the stack does not hold is a fault', () => {
  const limits = { maxRequestBytes: 200_000, maxDepth: 200_000 };
  const fault = read([Buffer.concat([Buffer.alloc(100_000, 0x91), Buffer.from([0x90])])], limits).at(-1);
  assert.ok(fault instanceof WireFault);
});

test('what was read does not change when more comes', () => {
  const reader = new MessagePackReader(LIMITS);
  for (const byte of singly(writeMessagePack(['first', { name: 'of the first' }]))) reader.push(byte);
  const first = reader.read();
  reader.push(Buffer.concat(Array(100).fill(writeMessagePack(['other', { other: 'than the first' }]))));
  while (reader.read() !== undefined);
  assert.deepEqual(first, ['first', { name: 'of the first' }]);
});

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
