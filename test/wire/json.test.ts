import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { JsonFailure, parseJsonBytes, writeJson } from '../../src/wire/json.ts';
import type { Value } from '../../src/wire/value.ts';
import { value } from '../helpers/values.ts';

const parse = (text: string | Buffer, maxDepth = 64) => parseJsonBytes(Buffer.from(text), { maxDepth });

test('any value comes back from its text', () => {
  fc.assert(
    fc.property(value, (written) => {
      assert.deepEqual(parse(writeJson(written)), written);
    }),
    { numRuns: 500 },
  );
});

test('text that holds no large integer reads as JSON.parse reads it', () => {
  fc.assert(
    fc.property(
      fc.json().filter((text) => !/[0-9]{16}/.test(text)),
      (text) => {
        const read = parse(text);
        if (!(read instanceof JsonFailure)) assert.deepEqual(read, JSON.parse(text));
      },
    ),
  );
});

const integers: [string, Value][] = [
  ['0', 0],
  ['9007199254740991', 9007199254740991],
  ['-9007199254740991', -9007199254740991],
  ['9007199254740992', 9007199254740992n],
  ['9007199254740993', 9007199254740993n],
  ['9223372036854775807', 9223372036854775807n],
  ['-9223372036854775808', -9223372036854775808n],
  ['18446744073709551615', 18446744073709551615n],
  ['1.0', 1],
  ['1.5', 1.5],
  ['1e3', 1000],
  ['-0', -0],
  ['0.1234567890123456789', 0.12345678901234568],
];
for (const [text, expected] of integers) {
  test(`${text} is read exactly`, () => {
    assert.deepEqual(parse(`{"n":[${text}]}`), { n: [expected] });
  });
}

test('an integer of 64 bits is written exactly', () => {
  assert.equal(
    writeJson({ a: [2n ** 64n - 1n, -(2n ** 63n)] }),
    '{"a":[18446744073709551615,-9223372036854775808]}',
  );
});

const bad: [string, string | Buffer, RegExp][] = [
  ['nothing', '', /^no JSON: no text at all$/],
  ['white space', ' \n', /^no JSON: no text at all$/],
  ['half a text', '{"a":', /^no JSON: the text ends too early$/],
  ['a bare word', 'hello', /^no JSON: Unexpected token/],
  ['two texts', '{} {}', /^no JSON: something follows the text$/],
  ['a comma too many', '[1,]', /^no JSON: /],
  ['brackets that do not match', '{"a":[1}', /^\[ is closed by }$/],
  ['a bracket too many', ']', /^] closes what was not opened$/],
  ['a line break in a string', '"a\nb"', /^a string holds the control character 0x0a$/],
  [
    'an integer of more than 64 bits',
    '18446744073709551616',
    /^the integer 18446744073709551616 does not fit 64 bits$/,
  ],
  ['a negative integer of more than 64 bits', '-9223372036854775809', /does not fit 64 bits$/],
  ['an integer of a million digits', '9'.repeat(1_000_000), /^the integer 9{40} does not fit 64 bits$/],
  ['a number too large for a double', '1e999', /^a number is too large$/],
  ['a name that comes twice', '{"a":1,"b":{"c":1,"c":2}}', /^the same name comes twice in an object$/],
  [
    'a name that comes twice, once escaped',
    '{"a":1,"\\u0061":2}',
    /^the same name comes twice in an object$/,
  ],
  ['the prototype', '{"a":{"__proto__":{"x":1}}}', /^the name __proto__ is refused$/],
  ['the prototype, escaped', '{"\\u005f_proto__":1}', /^the name __proto__ is refused$/],
  ['bytes that are no UTF-8', Buffer.from('"\xff"', 'latin1'), /^no JSON: the bytes are no UTF-8$/],
  ['UTF-8 of a surrogate', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), /^no JSON: the bytes are no UTF-8$/],
];
for (const [what, text, reason] of bad) {
  test(`${what} is a failure that says so`, () => {
    const read = parse(text);
    assert.ok(read instanceof JsonFailure, `read as ${JSON.stringify(read)}`);
    assert.match(read.reason, reason);
  });
}

test('the depth is bounded, and the bound named', () => {
  assert.deepEqual(parse('[[[]]]', 3), [[[]]]);
  const deeper = parse('[[[[]]]]', 3);
  assert.ok(deeper instanceof JsonFailure);
  assert.equal(deeper.reason, 'nested deeper than sockets.maxDepth (3)');
});

test('the deepest text that can be sent is no danger', () => {
  assert.ok(parse('['.repeat(1_000_000)) instanceof JsonFailure);
});

test('a depth that is allowed and that the stack does not hold is a failure', () => {
  const deep = 100_000;
  assert.ok(parse('['.repeat(deep) + ']'.repeat(deep), deep) instanceof JsonFailure);
});

test('names that objects treat in a way of their own are plain names', () => {
  assert.deepEqual(parse('{"constructor":1,"toString":2}'), { constructor: 1, toString: 2 });
});

test('a colon in a string is no member', () => {
  assert.deepEqual(parse('{"a:b":":{\\":"}'), { 'a:b': ':{":' });
});

test('no bytes make it throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      parse(Buffer.from(bytes));
    }),
  );
});
