import assert from 'node:assert/strict';
import { test } from 'node:test';
import Type from 'typebox';
import { checker } from '../../src/rpc/validate.ts';
import type { Value } from '../../src/wire/value.ts';

const Inner = Type.Union([
  Type.Tuple([Type.Literal('Deep'), Type.Object({ size: Type.Integer() })]),
  Type.Tuple([Type.Literal('Flat'), Type.String()]),
]);

const check = checker(
  Type.Object({
    operation: Type.Union([
      Type.Tuple([Type.Literal('A'), Type.String()]),
      Type.Tuple([Type.Literal('B'), Type.Object({ inner: Type.Array(Inner) })]),
      Type.Tuple([Type.Literal('C'), Type.String()]),
      Type.Tuple([Type.Literal('D'), Type.String()]),
      Type.Tuple([Type.Literal('E'), Type.Object({ last: Type.Boolean() })]),
    ]),
    state: Type.Enum(['on', 'off']),
    pair: Type.Tuple([Type.Integer(), Type.Integer()]),
    map: Type.Record(Type.String(), Type.String()),
  }),
  'params',
);

const good: Record<string, Value> = { operation: ['A', 'a'], state: 'on', pair: [1, 2], map: { a: 'b' } };

test('a value of the type is valid', () => {
  assert.deepEqual(check(good), { type: 'valid', value: good });
});

const ONE_OF = '["A", …] or ["B", …] or ["C", …] or ["D", …] or ["E", …]';

const faults: [string, Record<string, Value>, string][] = [
  [
    'a variant of no known tag',
    { operation: ['X', 'a'] },
    `operation: expected ${ONE_OF}, got an array of 2`,
  ],
  [
    'a variant that is no array',
    { operation: 'A' },
    `operation: expected ${ONE_OF}, got a string of 1 characters`,
  ],
  ['a missing variant', { operation: null }, `operation: expected ${ONE_OF}, got null`],
  ['what a tag holds', { operation: ['A', 5] }, 'operation.1: expected string, got number 5'],
  [
    'what the last of many tags holds',
    { operation: ['E', { last: 1 }] },
    'operation.1.last: expected boolean, got number 1',
  ],
  [
    'a field that a tag’s struct lacks',
    { operation: ['E', {}] },
    'operation.1.last: expected boolean, got nothing',
  ],
  [
    'a variant in a variant',
    {
      operation: [
        'B',
        {
          inner: [
            ['Flat', 'f'],
            ['Deep', { size: 'big' }],
          ],
        },
      ],
    },
    'operation.1.inner.1.1.size: expected integer, got a string of 3 characters',
  ],
  ['a tag alone', { operation: ['A'] }, 'operation: expected ["A", …], got an array of 1'],
  ['a name of none', { state: 'up' }, 'state: expected "on" or "off", got a string of 2 characters'],
  ['a pair of one', { pair: [1] }, 'pair: expected an array of 2, got an array of 1'],
  ['a pair of three', { pair: [1, 2, 3] }, 'pair.2: expected nothing, got number 3'],
  ['half a pair', { pair: [1, 'b'] }, 'pair.1: expected integer, got a string of 1 characters'],
  ['a value of a map', { map: { 'a/b': 5 } }, 'map.a/b: expected string, got number 5'],
];
for (const [name, wrong, reason] of faults) {
  test(`${name} is named with its path, what was expected and what came`, () => {
    assert.deepEqual(check({ ...good, ...wrong }), { type: 'invalid', reason: `params.${reason}` });
  });
}

test('a variant that is not there is named with its tags', () => {
  const { operation: _, ...rest } = good;
  assert.deepEqual(check(rest), {
    type: 'invalid',
    reason: `params.operation: expected ${ONE_OF}, got nothing`,
  });
});
