import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseStateDb, renderStateDb, type StateDbSr } from '../../src/storage/state-db.ts';
import { text } from '../helpers/values.ts';

const SR = '00000001-0000-4000-8000-000000000001';

/** Texts as they come, and those in which every character means something. */
const any = fc.oneof(
  text,
  fc.string({ unit: fc.constantFrom(...'()"\\;#| \n\t\r\b0aü€\0\x7f'), maxLength: 8 }),
);

const sr: fc.Arbitrary<StateDbSr> = fc.record(
  { sr: any, handle: any, uids: fc.array(any, { maxLength: 3 }) },
  { noNullPrototype: true },
);

test('what is written is read back, whatever the texts hold', () => {
  fc.assert(
    fc.property(fc.array(sr, { maxLength: 4 }), (srs) => {
      assert.deepEqual(parseStateDb(renderStateDb(srs)), srs);
    }),
  );
});

test('what is written is ASCII without control characters, as OCaml quotes', () => {
  fc.assert(
    fc.property(fc.array(sr, { maxLength: 4 }), (srs) => {
      assert.match(renderStateDb(srs), /^[ -~]*$/);
    }),
  );
});

/** As sexplib writes them for machines. */
for (const [what, srs, written] of [
  ['no SR', [], '()'],
  ['an SR', [{ sr: SR, handle: 'h', uids: [] }], `((${SR}((sr h)(uids()))))`],
  [
    'its datasources',
    [{ sr: SR, handle: '/a/b:c?d=e', uids: ['x', 'y z'] }],
    `((${SR}((sr /a/b:c?d=e)(uids(x"y z")))))`,
  ],
  [
    'two SRs, and a text that is empty',
    [
      { sr: 'a', handle: '', uids: ['', 'u', 'v'] },
      { sr: 'b', handle: 'i', uids: [] },
    ],
    '((a((sr"")(uids(""u v))))(b((sr i)(uids()))))',
  ],
  [
    'brackets, quotes, backslashes and semicolons',
    [{ sr: 'a', handle: '(")', uids: ['\\', ';'] }],
    String.raw`((a((sr"(\")")(uids("\\"";")))))`,
  ],
  [
    'control characters and what is not ASCII',
    [{ sr: 'a', handle: '\n\t\r\b\0\x7f', uids: ['ü'] }],
    String.raw`((a((sr"\n\t\r\b\000\127")(uids("\195\188")))))`,
  ],
  [
    'what would begin or end a comment, and what would not',
    [{ sr: 'a', handle: '#|', uids: ['|#', '#', '|', '#;'] }],
    '((a((sr"#|")(uids("|#"# |"#;")))))',
  ],
] as const) {
  test(`written as OCaml does: ${what}`, () => {
    assert.equal(renderStateDb(srs), written);
    assert.deepEqual(parseStateDb(written), srs);
  });
}

test('blanks and fields that are not known change nothing', () => {
  const read = parseStateDb(`(\n (${SR}\t( (new (a b)) (uids (u)) (sr h) ) ) )\n`);
  assert.deepEqual(read, [{ sr: SR, handle: 'h', uids: ['u'] }]);
});

test('an SR without datasources need not say so', () => {
  assert.deepEqual(parseStateDb(`((${SR}((sr h))))`), [{ sr: SR, handle: 'h', uids: [] }]);
});

const BRACKETS = 'no S-expression: the brackets do not match';
const PAIRS = 'expected pairs of an SR and ((sr handle)(uids(…)))';

for (const [what, damaged, reason] of [
  ['nothing', '', BRACKETS],
  ['a file that was cut', `((${SR}((sr h)(uids`, BRACKETS],
  ['a bracket too many', '())', BRACKETS],
  ['a text that does not end', '((a((sr "h', 'no S-expression: a quoted text does not end'],
  ['more depth than there can be', `${'('.repeat(100_000)}${')'.repeat(100_000)}`, BRACKETS],
  ['a word', 'hello', PAIRS],
  ['a list of words', '(a b)', PAIRS],
  ['an SR alone', '((a))', PAIRS],
  ['an SR that is a list', '(((a)((sr h)(uids()))))', PAIRS],
  ['an SR with more', '((a((sr h))b))', PAIRS],
  ['no record', '((a h))', PAIRS],
  ['no handle', '((a((uids()))))', PAIRS],
  ['a handle that is a list', '((a((sr(h))(uids()))))', PAIRS],
  ['datasources that are a word', '((a((sr h)(uids u))))', PAIRS],
  ['a datasource that is a list', '((a((sr h)(uids((u))))))', PAIRS],
] as const) {
  test(`not read: ${what}`, () => {
    assert.deepEqual(parseStateDb(damaged), { reason });
  });
}
