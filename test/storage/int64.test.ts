import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Packr, Unpackr } from 'msgpackr';
import Type from 'typebox';
import { createRpcFront } from '../../src/rpc/front.ts';
import { defineInterface } from '../../src/rpc/interface.ts';
import { openRpcDocument } from '../../src/rpc/openrpc.ts';
import { createService, implement } from '../../src/rpc/service.ts';
import { checker } from '../../src/rpc/validate.ts';
import { Int64 } from '../../src/storage/int64.ts';
import { connectClient, exchange } from '../helpers/client.ts';
import { runProgram } from '../helpers/programs.ts';
import { observe } from '../rpc/helpers.ts';
import { LIMITS } from '../rpc/serve.ts';
import { listen } from '../socket/helpers.ts';

const SizesInterface = defineInterface({
  name: 'Sizes',
  description: 'An interface for tests.',
  types: [],
  errorType: 'exnt',
  errors: {},
  methods: {
    same: {
      aliases: [],
      description: 'gives back the size',
      params: Type.Object({ size: Int64({ description: 'a size' }) }),
      result: { name: 'size', description: '', schema: Int64() },
    },
  },
});

/** A socket that serves the interface, and what the method was given. */
async function serveSizes(t: TestContext) {
  const given: (number | bigint)[] = [];
  const same = ({ size }: { size: number | bigint }) => {
    given.push(size);
    return size;
  };
  const methods = implement(SizesInterface, { same }, observe());
  const { path } = await listen(
    t,
    createRpcFront(
      createService('sizes', methods, observe(), () => 0),
      LIMITS,
      () => {},
    ),
  );
  return { path, given };
}

// The types don't know 'auto' yet: a number where it is exact, else a bigint.
const unpacking: object = { int64AsType: 'auto', mapsAsObjects: true };
const unpackr = new Unpackr(unpacking);
const packr = new Packr({ useRecords: false });

const SIGNED: readonly (number | bigint)[] = [
  0,
  -1,
  2 ** 53 - 1,
  2n ** 53n + 1n,
  2n ** 63n - 1n,
  -(2n ** 63n),
];
/** XML-RPC's i8 is signed: what does not fit it comes in the other protocols only. */
const ALL = [...SIGNED, 2n ** 63n, 2n ** 64n - 1n];

for (const size of ALL) {
  test(`${size} comes to a method and back exactly in JSON`, async (t) => {
    const { path, given } = await serveSizes(t);
    const answer = await exchange(t, path, `{"method":"Sizes.same","params":[{"size":${size}}],"id":1}`);
    assert.equal(answer, `{"result":${size},"error":null,"id":1}\n`);
    assert.deepEqual(given, [size]);
  });

  test(`${size} comes to a method and back exactly in MessagePack`, async (t) => {
    const { path, given } = await serveSizes(t);
    const client = await connectClient(t, path);
    client.send(packr.pack([0, 1, 'Sizes.same', [{ size }]]));
    client.end();
    assert.deepEqual(unpackr.unpack(await client.receiveAll()), [1, 1, null, size]);
    assert.deepEqual(given, [size]);
  });
}

for (const size of SIGNED) {
  test(`${size} comes to a method and back exactly in XML-RPC`, async (t) => {
    const { path, given } = await serveSizes(t);
    const program = join(import.meta.dirname, '../clients/xmlrpc_calls.py');
    const input = `[["Sizes.same",[{"size":${size}}]]]`;
    const { stdout, stderr } = await runProgram(t, 'python3', [program, path], { input });
    assert.equal(stderr, '');
    assert.match(stdout, new RegExp(`"Value": ?${size}[,}]`));
    assert.deepEqual(given, [size]);
  });
}

const check = checker(Type.Object({ size: Int64() }), 'params');

for (const [came, value, words] of [
  ['a fraction', 0.5, 'number 0.5'],
  ['a number that is not exact', 1e18, 'number 1000000000000000000'],
  ['a text', '5', 'a string of 1 characters'],
  ['more than 64 bits', 2n ** 64n, 'bigint 18446744073709551616'],
  ['less than 64 bits', -(2n ** 63n) - 1n, 'bigint -9223372036854775809'],
  ['null', null, 'null'],
] as const) {
  test(`${came} is no integer of 64 bits, and the refusal says so`, () => {
    assert.deepEqual(check({ size: value }), {
      type: 'invalid',
      reason: `params.size: expected a 64-bit integer, got ${words}`,
    });
  });
}

test('an integer of 64 bits that is missing is named as such', () => {
  assert.deepEqual(check({}), {
    type: 'invalid',
    reason: 'params.size: expected a 64-bit integer, got nothing',
  });
});

test('to JSON Schema it is an integer of the format int64', () => {
  const info = { title: 'sizes', description: '', version: '1' };
  const { methods } = openRpcDocument(info, [SizesInterface]);
  assert.ok(Array.isArray(methods));
  assert.deepEqual(methods[0].params[0].schema, {
    type: 'integer',
    format: 'int64',
    description: 'a size',
  });
});
