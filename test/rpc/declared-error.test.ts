import assert from 'node:assert/strict';
import { test } from 'node:test';
import Type from 'typebox';
import { type Answer, internalError, unimplemented } from '../../src/rpc/call.ts';
import { DeclaredError, declaredErrors } from '../../src/rpc/declared-error.ts';
import { defineInterface, prefixed } from '../../src/rpc/interface.ts';
import { createService, implement } from '../../src/rpc/service.ts';
import { observe } from './helpers.ts';

const ERRORS = {
  Unimplemented: { code: 1, description: '', value: Type.String() },
  Internal_error: { code: 2, description: '', value: Type.String() },
  Gone: { code: 3, description: '', value: Type.String() },
  Failed: { code: 4, description: '', value: Type.Tuple([Type.String(), Type.Array(Type.String())]) },
};

const failure = declaredErrors(ERRORS);

const FailingInterface = defineInterface({
  name: 'Failing',
  description: 'An interface for tests.',
  types: [],
  errorType: 'exnt',
  errors: ERRORS,
  methods: {
    fail: {
      aliases: [],
      description: 'throws',
      params: Type.Object({}),
      result: { name: 'nothing', description: '', schema: Type.Null() },
    },
  },
});

/** What a call comes to whose method fails with this, and what the observer was told. */
async function answerTo(fail: () => Promise<null>) {
  const observer = observe();
  const methods = implement(FailingInterface, { fail }, observer);
  const service = createService('failing', methods, observer, () => 0);
  const answer = await service.call({ method: 'Failing.fail', params: {} });
  return { answer, thrown: observer.thrown };
}

const error = (
  code: number,
  variant: [string, ...(string | [string, string[]])[]] | string,
  message: string,
): Answer => ({
  type: 'error',
  error: { kind: 'interface', code, variant, message },
});

const rows: [string, DeclaredError, Answer][] = [
  ['with a text', failure('Gone', 'sr 1'), error(3, ['Gone', 'sr 1'], 'Gone: sr 1')],
  [
    'with several values',
    failure('Failed', ['CODE', ['a', 'b']]),
    error(4, ['Failed', ['CODE', ['a', 'b']]], 'Failed: ["CODE",["a","b"]]'),
  ],
  [
    'with a text for people',
    failure('Gone', 'sr 1', 'the SR was unplugged'),
    error(3, ['Gone', 'sr 1'], 'the SR was unplugged'),
  ],
  ['that holds nothing', new DeclaredError('Gone', undefined), error(3, 'Gone', 'Gone')],
  ['Unimplemented', failure('Unimplemented', 'Failing.fail'), unimplemented('Failing.fail')],
  ['Internal_error', failure('Internal_error', 'no room'), internalError('internal', 'no room')],
];
for (const [name, thrown, expected] of rows) {
  test(`a declared error ${name} is answered as the interface has it, and is no fault of ours`, async () => {
    const rejected = await answerTo(() => Promise.reject(thrown));
    assert.deepEqual(rejected, { answer: expected, thrown: [] });
    const threw = await answerTo(() => {
      throw thrown;
    });
    assert.deepEqual(threw, rejected);
  });
}

for (const tag of ['Other', 'constructor']) {
  test(`an error that the interface does not declare, ${tag}, is a fault of ours`, async () => {
    const thrown = new DeclaredError(tag, 'a secret');
    const { answer, thrown: told } = await answerTo(() => Promise.reject(thrown));
    assert.deepEqual(
      answer,
      internalError('internal', "Failing.fail failed: the daemon's log has the reason"),
    );
    assert.deepEqual(told, [['Failing.fail', thrown]]);
  });
}

test('an interface under a longer name answers under that name alone', async () => {
  const observer = observe();
  const methods = implement(prefixed('Old.', FailingInterface), { fail: () => null }, observer);
  const service = createService('failing', methods, observer, () => 0);
  assert.deepEqual(await service.call({ method: 'Old.Failing.fail', params: {} }), {
    type: 'result',
    result: null,
  });
  assert.deepEqual(await service.call({ method: 'Failing.fail', params: {} }), unimplemented('Failing.fail'));
});
