import assert from 'node:assert/strict';
import { test } from 'node:test';
import { messagePackAnswers } from '../../src/rpc/messagepack-rpc.ts';
import { WireFault } from '../../src/wire/fault.ts';
import { MessagePackReader } from '../../src/wire/messagepack.ts';
import type { Value } from '../../src/wire/value.ts';
import { sampleService } from './helpers.ts';

const decode = (bytes: Buffer): Value | undefined => {
  const reader = new MessagePackReader({ maxRequestBytes: 10_000, maxDepth: 64 });
  reader.push(bytes);
  const value = reader.read();
  assert.ok(!(value instanceof WireFault));
  return value;
};
const ask = async (message: Value, maxAnswerBytes = 1000) =>
  decode(await messagePackAnswers(sampleService(), maxAnswerBytes)(message));

test('a call is answered with its id', async () => {
  assert.deepEqual(await ask([0, 7, 'Sample.echo', [{ dbg: '', text: 'a' }]]), [1, 7, null, 'a']);
  assert.deepEqual(await ask([0, 8, 'Sample.later', [{ text: 'a' }]]), [1, 8, null, 'a']);
});

test('an id of any size comes back exactly', async () => {
  for (const id of [0, 127, 128, 2 ** 32, 2n ** 64n - 1n, -1]) {
    assert.deepEqual(await ask([0, id, 'Sample.echo', [{ dbg: '', text: '' }]]), [1, id, null, '']);
  }
});

test('the params may be a map', async () => {
  assert.deepEqual(await ask([0, 1, 'Sample.echo', { dbg: '', text: 'a' }]), [1, 1, null, 'a']);
});

test('an error is the variant', async () => {
  assert.deepEqual(await ask([0, 1, 'Sample.foo', []]), [1, 1, ['Unimplemented', 'Sample.foo'], null]);
});

test('a notification is carried out and not answered', async () => {
  const service = sampleService();
  const answers = messagePackAnswers(service, 1000);
  assert.equal((await answers([2, 'Sample.echo', [{ dbg: '', text: '' }]])).length, 0);
  assert.equal((await answers([2, 'Sample.later', [{ text: '' }]])).length, 0);
  assert.equal(service.counters.calls, 2);
});

test('an answer over the limit becomes an error that names the setting', async () => {
  assert.deepEqual(await ask([0, 1, 'Sample.echo', [{ dbg: '', text: 'x'.repeat(1000) }]]), [
    1,
    1,
    ['Internal_error', 'the answer is larger than sockets.maxAnswerBytes (1000) allows'],
    null,
  ]);
});

const invalid: [string, Value, Value, string][] = [
  [
    'an empty array',
    [],
    null,
    'a message: expected [0, id, method, params] or [2, method, params], got an array of 0 that begins with nothing',
  ],
  [
    'a response',
    [1, 2, null, null],
    null,
    'a message: expected [0, id, method, params] or [2, method, params], got an array of 4 that begins with number 1',
  ],
  [
    'an id that is no integer',
    [0, 'x', 'm', []],
    null,
    'id: expected an integer, got a string of 1 characters',
  ],
  ['a method that is no text', [0, 3, 4, []], 3, 'method: expected a string, got number 4'],
  ['params that are no array', [0, 3, 'm', 5], 3, 'params: expected an array, got number 5'],
];
for (const [what, message, id, reason] of invalid) {
  test(`${what} is answered with what was expected and what came`, async () => {
    assert.deepEqual(await ask(message), [1, id, ['Internal_error', reason], null]);
  });
}
