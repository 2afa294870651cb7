import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DeclaredError } from '../../src/rpc/declared-error.ts';
import { callScript } from '../../src/storage/old-api.ts';
import type { ScriptOutcome } from '../../src/storage/plugins/outcome.ts';
import type { Struct, Value } from '../../src/wire/value.ts';
import { stubPlugin } from './model-plugin.ts';

const result = (value: Value): ScriptOutcome => ({ type: 'result', value, waited: 1, ran: 2 });
const MISSING: ScriptOutcome = { type: 'missing' };

/** Calls a script of a plugin; gives what it was given and what came of it. */
async function call(
  method: string,
  params: Struct,
  outcome: ScriptOutcome,
  version = '3.0',
): Promise<{ readonly given: Struct; readonly came: ScriptOutcome }> {
  let given: Struct = {};
  const plugin = stubPlugin(
    'q',
    (_method, got) => {
      given = got;
      return outcome;
    },
    version,
  );
  return { came: await callScript(plugin, method, params), given };
}

const CONFIGURATION = { configuration: { uri: 'u', more: 'x' } };
const HANDLE = result('h');

for (const method of ['SR.create', 'SR.attach']) {
  test(`${method} of 3.0 gets the URI beside its configuration`, async () => {
    assert.deepEqual((await call(method, CONFIGURATION, HANDLE)).given, { ...CONFIGURATION, uri: 'u' });
    assert.deepEqual((await call(method, CONFIGURATION, HANDLE, '5.0')).given, CONFIGURATION);
  });

  test(`${method} of 3.0 is not run without a URI`, async () => {
    for (const params of [{ configuration: {} }, { configuration: { uri: 5 } }, {}]) {
      await assert.rejects(call(method, params, HANDLE), (error) => {
        assert.ok(error instanceof DeclaredError);
        assert.deepEqual(error.value, ['MISSING_URI', ['Please include a URI in the device-config']]);
        return true;
      });
    }
    assert.deepEqual((await call(method, { configuration: {} }, HANDLE, '5.0')).came, HANDLE);
  });
}

test('SR.probe of 3.0 gets what it always gets', async () => {
  assert.deepEqual((await call('SR.probe', { configuration: {} }, result([]))).given, { configuration: {} });
});

test('SR.create of 3.0 that answers nothing was created with what it was given', async () => {
  assert.deepEqual(
    (await call('SR.create', CONFIGURATION, result(null))).came,
    result(CONFIGURATION.configuration),
  );
  assert.deepEqual((await call('SR.create', CONFIGURATION, result({ a: 'b' }))).came, result({ a: 'b' }));
  assert.deepEqual((await call('SR.create', CONFIGURATION, result(null), '5.0')).came, result(null));
});

for (const method of ['Volume.create', 'Volume.stat', 'Volume.snapshot', 'Volume.clone', 'Volume.copy']) {
  test(`${method} of 3.0 gives a volume that is not sharable, unless it says so`, async () => {
    const plain = { key: 'v' };
    assert.deepEqual((await call(method, {}, result(plain))).came, result({ ...plain, sharable: false }));
    const sharable = { ...plain, sharable: true };
    assert.deepEqual((await call(method, {}, result(sharable))).came, result(sharable));
    assert.deepEqual((await call(method, {}, result(plain), '5.0')).came, result(plain));
  });
}

test('SR.ls of 3.0 gives volumes that are not sharable, unless they say so', async () => {
  const volumes = [{ key: 'v' }, { key: 'w', sharable: true }];
  assert.deepEqual(
    (await call('SR.ls', {}, result(volumes))).came,
    result([
      { key: 'v', sharable: false },
      { key: 'w', sharable: true },
    ]),
  );
  assert.deepEqual((await call('SR.ls', {}, result('no list'))).came, result('no list'));
});

test('a plugin of 3.0 need not know of keys; whatever else is missing is missing', async () => {
  for (const method of ['Volume.set', 'Volume.unset']) {
    const { came } = await call(method, {}, MISSING);
    assert.deepEqual(came, { type: 'result', value: null, waited: 0, ran: 0 });
    assert.deepEqual((await call(method, {}, MISSING, '5.0')).came, MISSING);
  }
  assert.deepEqual((await call('Volume.clone', {}, MISSING)).came, MISSING);
});

test('the errors of a plugin of 3.0 are those of any', async () => {
  const error: ScriptOutcome = { type: 'error', code: 'E', params: [], backtrace: '{}', waited: 0, ran: 0 };
  assert.deepEqual((await call('Volume.set', {}, error)).came, error);
});
