import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Answer, internalError, result, unimplemented } from '../../src/rpc/call.ts';
import { type Id, readMessage, type Version, writeAnswer } from '../../src/rpc/jsonrpc.ts';
import { writeMeasuredJson } from '../../src/wire/json.ts';
import type { Value } from '../../src/wire/value.ts';

const read = (value: Value) => readMessage(value, 3);
const params = [{ dbg: 'me' }];
const call = { method: 'm', params };

test('a request without the mark is 1.0', () => {
  assert.deepEqual(read({ method: 'm', params, id: 3 }), {
    type: 'single',
    request: { type: 'call', version: '1.0', id: 3, call },
  });
});

test('a request marked 2.0 is 2.0', () => {
  assert.deepEqual(read({ jsonrpc: '2.0', method: 'm', params, id: 'x' }), {
    type: 'single',
    request: { type: 'call', version: '2.0', id: 'x', call },
  });
});

test('an id of 64 bits stays exact', () => {
  const message = read({ method: 'm', params, id: 9223372036854775807n });
  assert.ok(message.type === 'single' && message.request.type === 'call');
  assert.equal(message.request.id, 9223372036854775807n);
});

test('a null id marks a notification in 1.0', () => {
  assert.deepEqual(read({ method: 'm', params, id: null }), {
    type: 'single',
    request: { type: 'notification', call },
  });
});

test('a 1.0 request without an id is answered with a null id', () => {
  assert.deepEqual(read({ method: 'm', params }), {
    type: 'single',
    request: { type: 'call', version: '1.0', id: null, call },
  });
});

test('a missing id marks a notification in 2.0, a null id does not', () => {
  const marked = { jsonrpc: '2.0', method: 'm', params };
  assert.deepEqual(read(marked), { type: 'single', request: { type: 'notification', call } });
  assert.deepEqual(read({ ...marked, id: null }), {
    type: 'single',
    request: { type: 'call', version: '2.0', id: null, call },
  });
});

test('an array is a batch, member by member', () => {
  const message = read([{ method: 'm', params, id: 1 }, 5]);
  assert.ok(message.type === 'batch');
  assert.deepEqual(
    message.requests.map(({ type }) => type),
    ['call', 'invalid'],
  );
});

const invalid: [string, Value, string, unknown, string][] = [
  ['no object', 5, '1.0', null, 'a request: expected an object, got number 5'],
  ['no method', { id: 1 }, '1.0', null, 'method: missing'],
  ['no method, though marked 2.0', { jsonrpc: '2.0', id: 1 }, '1.0', null, 'method: missing'],
  [
    'a method that is no text',
    { jsonrpc: '2.0', method: 7, id: 1 },
    '2.0',
    1,
    'method: expected a string, got number 7',
  ],
  [
    'params that are no object or array',
    { method: 'm', params: 'p', id: 1 },
    '1.0',
    1,
    'params: expected an object or an array, got a string of 1 characters',
  ],
  [
    'null params',
    { method: 'm', params: null, id: 1 },
    '1.0',
    1,
    'params: expected an object or an array, got null',
  ],
  [
    'an id of another type',
    { method: 'm', id: [1] },
    '1.0',
    null,
    'id: expected a number, a string or null, got an array of 1',
  ],
  ['an empty batch', [], '1.0', null, 'a batch of no requests'],
  [
    'a batch over the limit',
    [1, 2, 3, 4],
    '1.0',
    null,
    'a batch of 4 calls is over sockets.maxBatchCalls (3)',
  ],
];
for (const [name, value, version, id, reason] of invalid) {
  test(`invalid: ${name}`, () => {
    assert.deepEqual(read(value), {
      type: 'single',
      request: { type: 'invalid', version, id, answer: internalError('invalid-request', reason) },
    });
  });
}

const write = (version: Version, id: Id, answer: Answer): string =>
  writeAnswer(version, id, answer, writeMeasuredJson).text;

test('a result in the shape of each version', () => {
  assert.equal(write('1.0', 3, result([])), '{"result":[],"error":null,"id":3}');
  assert.equal(write('2.0', 'a"b', result(null)), '{"jsonrpc":"2.0","result":null,"id":"a\\"b"}');
});

test('an error in the shape of each version', () => {
  const error = unimplemented('Plugin.foo');
  assert.equal(write('1.0', 3, error), '{"result":null,"error":["Unimplemented","Plugin.foo"],"id":3}');
  assert.equal(
    write('2.0', 3, error),
    '{"jsonrpc":"2.0","error":{"code":-32601,"message":"no method Plugin.foo here","data":["Unimplemented","Plugin.foo"]},"id":3}',
  );
});

test('the length that comes with an answer is that of its bytes', () => {
  const error = { kind: 'interface', code: 1, variant: ['é'], message: '€' } as const;
  for (const version of ['1.0', '2.0'] as const) {
    for (const id of [7, null, 2n ** 63n, 'a', 'é😀']) {
      for (const answer of [result(['é', '\ud83d']), result('a'), { type: 'error', error } as const]) {
        const { text, bytes } = writeAnswer(version, id, answer, writeMeasuredJson);
        assert.equal(bytes, Buffer.byteLength(text));
      }
    }
  }
});

test('an id of 64 bits is written exactly', () => {
  assert.equal(
    write('1.0', -9223372036854775808n, result(1)),
    '{"result":1,"error":null,"id":-9223372036854775808}',
  );
});

const codes: [Parameters<typeof internalError>[0], number][] = [
  ['parse', -32700],
  ['invalid-request', -32600],
  ['invalid-params', -32602],
  ['internal', -32603],
];
for (const [kind, code] of codes) {
  test(`the code of the error kind ${kind} in 2.0 is ${code}`, () => {
    const text = write('2.0', 1, internalError(kind, 'why'));
    assert.deepEqual(JSON.parse(text).error, { code, message: 'why', data: ['Internal_error', 'why'] });
  });
}

test("an interface's own error brings its code", () => {
  const error = { kind: 'interface', code: 7, variant: ['Cancelled', 'op'], message: 'cancelled' } as const;
  const text = write('2.0', 1, { type: 'error', error });
  assert.deepEqual(JSON.parse(text).error, { code: 7, message: 'cancelled', data: ['Cancelled', 'op'] });
});
