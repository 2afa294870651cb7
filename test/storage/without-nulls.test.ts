import assert from 'node:assert/strict';
import { test } from 'node:test';
import Type, { type TSchema } from 'typebox';
import { withoutNulls } from '../../src/storage/without-nulls.ts';
import type { Value } from '../../src/wire/value.ts';

const Inner = Type.Object({ uuid: Type.Optional(Type.String()), key: Type.String() });

const rows: [string, TSchema, Value, Value][] = [
  ['an optional member', Inner, { uuid: null, key: 'k' }, { key: 'k' }],
  ['one in a list', Type.Array(Inner), [{ uuid: null, key: 'k' }], [{ key: 'k' }]],
  [
    'one in an optional member',
    Type.Object({ sr: Type.Optional(Inner) }),
    { sr: { uuid: null, key: 'k' } },
    { sr: { key: 'k' } },
  ],
  [
    'one in a tuple',
    Type.Tuple([Type.String(), Inner]),
    ['a', { uuid: null, key: 'k' }],
    ['a', { key: 'k' }],
  ],
  ['one in a map', Type.Record(Type.String(), Inner), { a: { uuid: null, key: 'k' } }, { a: { key: 'k' } }],
  [
    'one in the constructor that a tag names',
    Type.Union([Type.Tuple([Type.Literal('A'), Type.String()]), Type.Tuple([Type.Literal('B'), Inner])]),
    ['B', { uuid: null, key: 'k' }],
    ['B', { key: 'k' }],
  ],
];
for (const [name, schema, value, expected] of rows) {
  test(`null for ${name} is absence`, () => {
    assert.deepEqual(withoutNulls(schema, value), expected);
  });
}

const kept: [string, TSchema, Value][] = [
  ['a required member', Inner, { key: null }],
  ['a member that the schema does not know', Inner, { key: 'k', other: null }],
  ['an element of a list', Type.Array(Type.String()), [null]],
  ['a value of a map', Type.Record(Type.String(), Type.String()), { a: null }],
  ['the whole', Type.Null(), null],
  ['what is of another type', Type.Array(Inner), { uuid: null }],
];
for (const [name, schema, value] of kept) {
  test(`null for ${name} stays, for the check to judge`, () => {
    assert.deepEqual(withoutNulls(schema, value), value);
  });
}
