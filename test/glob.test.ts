import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { matchesGlob } from '../src/glob.ts';

const few = fc.string({ unit: fc.constantFrom('a', 'b', '.', '\n'), maxLength: 8 });
const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*'), maxLength: 8 });

/** The same said by an expression. */
const expression = (glob: string): RegExp =>
  new RegExp(
    `^${glob
      .split('*')
      .map((part) => part.replaceAll('.', '\\.'))
      .join('.*')}$`,
    's',
  );

test('a pattern matches what it is the form of, and nothing else', () => {
  fc.assert(
    fc.property(pattern, few, (glob, text) => {
      assert.equal(matchesGlob(glob)(text), expression(glob).test(text));
    }),
    { numRuns: 2000 },
  );
});

test('a pattern matches each text that it is made of by leaving pieces out', () => {
  fc.assert(
    fc.property(fc.array(few, { minLength: 1, maxLength: 4 }), few, (parts, between) => {
      assert.ok(matchesGlob(parts.join('*'))(parts.join(between)));
    }),
  );
});

test('without a star only the text itself matches', () => {
  const matches = matchesGlob('org.xen.xapi.storage');
  assert.deepEqual(
    ['org.xen.xapi.storage', 'org-xen.xapi.storage', 'org.xen.xapi.storage.mine', ''].map(matches),
    [true, false, false, false],
  );
});

test('one character is not taken for two', () => {
  assert.equal(matchesGlob('ab*b')('ab'), false);
  assert.equal(matchesGlob('a*ab*b')('ab'), false);
});

test('what other patterns would mean by a character is that character', () => {
  assert.equal(matchesGlob('a?[bc]\\*')('a?[bc]\\d'), true);
  assert.equal(matchesGlob('a?[bc]\\*')('axb'), false);
});
