import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jsonAnswers, measuredAnswers, unreadable } from '../../src/rpc/answer.ts';
import { keeping } from '../../src/rpc/encode.ts';
import { writeMeasuredJson } from '../../src/wire/json.ts';
import type { Value } from '../../src/wire/value.ts';
import { sampleService } from './helpers.ts';

const limits = {
  maxRequestBytes: 1e6,
  maxHeaderBytes: 1e4,
  maxDepth: 64,
  maxBatchCalls: 100,
  maxAnswerBytes: 300,
};
const answers = jsonAnswers(sampleService(), limits, JSON.stringify);
const echo = (text: string, id: number | null): Value => ({
  method: 'Sample.echo',
  params: [{ dbg: '', text }],
  id,
});

test('a call is answered at once when its method is', () => {
  assert.equal(answers(echo('a', 1)), '{"result":"a","error":null,"id":1}');
});

test('a notification is carried out and not answered', async () => {
  const service = sampleService();
  const notified = jsonAnswers(service, limits, JSON.stringify);
  assert.equal(notified(echo('a', null)), '');
  assert.equal(await notified({ method: 'Sample.later', params: [{ text: '' }], id: null }), '');
  assert.equal(service.counters.calls, 2);
});

test('a batch is answered by an array in its order, without its notifications', async () => {
  const later: Value = { jsonrpc: '2.0', method: 'Sample.later', params: { text: 'l' }, id: 2 };
  assert.equal(
    await answers([echo('a', 1), echo('n', null), later, 5]),
    '[{"result":"a","error":null,"id":1},{"jsonrpc":"2.0","result":"l","id":2},' +
      '{"result":null,"error":["Internal_error","a request: expected an object, got number 5"],"id":null}]',
  );
});

test('the length that comes with a batch is that of its bytes', async () => {
  const measure = measuredAnswers(sampleService(), limits, writeMeasuredJson);
  const { text, bytes } = await measure([echo('é', 1), echo('n', null), echo('€', 2)]);
  assert.equal(bytes, Buffer.byteLength(text));
});

test('a batch of notifications is not answered', async () => {
  assert.equal(await answers([echo('a', null), echo('b', null)]), '');
});

test('an answer over the limit becomes an error that names the setting', () => {
  assert.equal(
    answers(echo('x'.repeat(300), 1)),
    '{"result":null,"error":["Internal_error","the answer is larger than sockets.maxAnswerBytes (300) allows"],"id":1}',
  );
});

test('the calls of a batch whose answers are too large already are answered and not made', async () => {
  const service = sampleService();
  const batch = jsonAnswers(service, limits, JSON.stringify);
  const text = await batch([1, 2, 3, 4].map((id) => echo('x'.repeat(200), id)));
  const parsed: { id: number; error: unknown }[] = JSON.parse(text);
  assert.deepEqual(
    parsed.map(({ id, error }) => [id, error === null]),
    [
      [1, true],
      [2, true],
      [3, false],
      [4, false],
    ],
  );
  assert.equal(service.counters.calls, 2);
});

test('what could not be read is answered in the shape of 1.0 with a null id', () => {
  assert.equal(unreadable('why "so"'), '{"result":null,"error":["Internal_error","why \\"so\\""],"id":null}');
});

test('a frozen result is written once, one that may change each time', () => {
  let written = 0;
  const write = keeping((value) => {
    written += 1;
    return JSON.stringify(value);
  });
  const frozen = Object.freeze(['a']);
  const open = ['a'];
  assert.deepEqual([write(frozen), write(frozen), written], ['["a"]', '["a"]', 1]);
  assert.deepEqual([write(open), write(open), written], ['["a"]', '["a"]', 3]);
});
