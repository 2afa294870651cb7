import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { WireFault } from '../../src/wire/fault.ts';
import { JsonFailure, writeJson } from '../../src/wire/json.ts';
import { JsonTextReader } from '../../src/wire/json-reader.ts';
import { readAll } from '../helpers/readers.ts';
import { cut, places, singly, value } from '../helpers/values.ts';

const LIMITS = { maxRequestBytes: 10_000, maxDepth: 8 };
const read = (pieces: readonly (string | Buffer)[], limits = LIMITS, end?: 'stay open') =>
  readAll(
    new JsonTextReader(limits),
    pieces.map((piece) => Buffer.from(piece)),
    end,
  );

const space = fc.constantFrom('\n', ' ', '\r\n', '\t', ' \n ');
const container = value.filter((candidate) => typeof candidate === 'object' && candidate !== null);

/** What good and bad texts are made of. */
const piece = fc
  .constantFrom(
    '{',
    '}',
    '[',
    ']',
    '"',
    '\\',
    ':',
    ',',
    ' ',
    '\n',
    '1',
    '"a"',
    '"b":',
    'word',
    '\x01',
    '\xff',
    '[{}]',
  )
  .map((bytes) => Buffer.from(bytes, 'latin1'));

test('texts come out as they went in, however the bytes are cut and whatever space is between them', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(value, space), { maxLength: 5 }), places, (texts, cuts) => {
      const bytes = Buffer.from(texts.map(([written, between]) => writeJson(written) + between).join(''));
      const limits = { ...LIMITS, maxDepth: 64 };
      assert.deepEqual(
        read(cut(bytes, cuts), limits),
        texts.map(([written]) => written),
      );
    }),
  );
});

test('arrays and objects need nothing between them', () => {
  fc.assert(
    fc.property(fc.array(container, { maxLength: 5 }), places, (values, cuts) => {
      const bytes = Buffer.from(values.map(writeJson).join(''));
      assert.deepEqual(read(cut(bytes, cuts), { ...LIMITS, maxDepth: 64 }), values);
    }),
  );
});

test('pretty-printed texts are read', () => {
  const texts = [{ method: 'm', params: [{ dbg: 'é€😀' }] }, [1, { a: [] }]];
  const bytes = Buffer.from(texts.map((text) => JSON.stringify(text, null, 4)).join('\n'));
  assert.deepEqual(read([bytes]), texts);
  assert.deepEqual(read(singly(bytes)), texts);
});

test('a text is read as soon as its last bracket is here', () => {
  assert.deepEqual(read(['{"a":1}'], LIMITS, 'stay open'), [{ a: 1 }]);
});

test('a text without brackets is read at the next white space, or at the end', () => {
  assert.deepEqual(read(['12'], LIMITS, 'stay open'), []);
  assert.deepEqual(read(['12 true', ' "a b"', 'null']), [12, true, 'a b', null]);
});

test('what can not be read while its brackets match is a failure, and reading goes on behind it', () => {
  const [first, second, third, fourth] = read(['{"a":nope} {"a":1}\nhello {"b":2}']);
  assert.ok(first instanceof JsonFailure);
  assert.deepEqual(second, { a: 1 });
  assert.ok(third instanceof JsonFailure);
  assert.deepEqual(fourth, { b: 2 });
});

test('bytes that are no UTF-8 spoil only their own text', () => {
  const [spoiled, next] = read([Buffer.from('{"a":"\xff"}{"b":1}', 'latin1')]);
  assert.ok(spoiled instanceof JsonFailure);
  assert.deepEqual(next, { b: 1 });
});

const faults: [string, string, WireFault['kind'], string][] = [
  ['brackets that do not match', '{"a":1]', 'malformed', '{ is closed by ]'],
  ['a closing bracket alone', '}', 'malformed', '} closes what was not opened'],
  ['a string over a line break', '{"a":"b\n', 'malformed', 'a string holds the control character 0x0a'],
  ['a text that is too deep', '['.repeat(9), 'limit', 'nested deeper than sockets.maxDepth (8)'],
  [
    'a text that is too long',
    `"${'x'.repeat(10_000)}`,
    'limit',
    'a text of more than sockets.maxRequestBytes (10000) bytes',
  ],
  ['half a text at the end', '{"a":', 'incomplete', 'the text ended too early'],
];
for (const [what, bytes, kind, reason] of faults) {
  test(`${what} is a fault, in one piece and byte by byte`, () => {
    for (const pieces of [[Buffer.from(bytes)], singly(Buffer.from(bytes))]) {
      const fault = read(pieces).at(-1);
      assert.ok(fault instanceof WireFault);
      assert.deepEqual([fault.kind, fault.reason], [kind, reason]);
    }
  });
}

test('white space between texts counts for no text and is not kept', () => {
  const reader = new JsonTextReader(LIMITS);
  for (let round = 0; round < 1000; round += 1) {
    reader.push(Buffer.from(' '.repeat(1000)));
    assert.equal(reader.read(), undefined);
  }
  assert.equal(reader.begun, false);
  reader.push(Buffer.from('{}'));
  assert.deepEqual(reader.read(), {});
});

test('white space before a text does not count against the limit, in one piece and byte by byte', () => {
  const limits = { maxRequestBytes: 7, maxDepth: 8 };
  const bytes = Buffer.from(`${' '.repeat(20)}{"a":1}\n\n\n{"b":2}`);
  for (const pieces of [[bytes], singly(bytes)]) assert.deepEqual(read(pieces, limits), [{ a: 1 }, { b: 2 }]);
});

test('the same bytes give the same texts, failures and faults, however they are cut', () => {
  const limits = { maxRequestBytes: 12, maxDepth: 2 };
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), places, (pieces, cuts) => {
      const bytes = Buffer.concat(pieces);
      const whole = read([bytes], limits);
      assert.deepEqual(read(singly(bytes), limits), whole);
      assert.deepEqual(read(cut(bytes, cuts), limits), whole);
    }),
    { numRuns: 2000 },
  );
});

test('a text has begun with its first character', () => {
  const reader = new JsonTextReader(LIMITS);
  reader.push(Buffer.from(' {'));
  reader.read();
  assert.equal(reader.begun, true);
});

test('what was read does not change when more comes', () => {
  const reader = new JsonTextReader(LIMITS);
  reader.push(Buffer.from('{"a":"first"'));
  reader.read();
  reader.push(Buffer.from('}{"b":"second"}'));
  const first = reader.read();
  reader.push(Buffer.from('{"c":"third"}'));
  reader.read();
  assert.deepEqual(first, { a: 'first' });
});

test('no bytes make it throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), places, (bytes, cuts) => {
      read(cut(Buffer.from(bytes), cuts));
    }),
  );
});
