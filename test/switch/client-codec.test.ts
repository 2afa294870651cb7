import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type Asked,
  isSendAnswer,
  readDelivery,
  readNames,
  readSent,
  writeRequest,
} from '../../src/switch/client-codec.ts';
import { readRequest, writeResponse } from '../../src/switch/http-codec.ts';
import type { Kind, Message } from '../../src/switch/protocol.ts';
import { WireFault } from '../../src/wire/fault.ts';
import { createHttpReader } from '../../src/wire/http.ts';
import { HttpFault } from '../../src/wire/http-fault.ts';
import { text } from '../helpers/values.ts';

/** As literals are, whose prototype equality looks at. */
const record = <T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(fields, { noNullPrototype: true });

const HOUR_MS = 3_600_000;

/** An empty name is none of the protocol's: its place in a target would be. */
const name = fc.oneof(
  fc.constantFrom('.', '..', 'a/b', 'a%2Fb'),
  text.filter((candidate) => candidate !== ''),
);
const id = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const messageId = record({ queue: name, id });
const kind: fc.Arbitrary<Kind> = fc.oneof(
  record({ type: fc.constant('request' as const), replyTo: name }),
  record({ type: fc.constant('response' as const), to: messageId }),
);
const payload = fc
  .oneof(
    fc.uint8Array({ maxLength: 40 }),
    text.map((whole) => Buffer.from(whole)),
  )
  .map((bytes) => Buffer.from(bytes));

const asked: fc.Arbitrary<Asked> = fc.oneof(
  record({ type: fc.constant('login' as const), token: name }),
  record({
    type: fc.constant('create' as const),
    queue: name,
    lifetime: fc.constantFrom('persistent', 'transient'),
  }),
  record({ type: fc.constant('destroy' as const), queue: name }),
  record({ type: fc.constant('list' as const), prefix: name, alive: fc.constant(true as const) }),
  record({ type: fc.constant('ack' as const), id: messageId }),
  record({ type: fc.constant('send' as const), queue: name, kind, payload }),
  record({
    type: fc.constant('transfer' as const),
    from: fc.oneof(fc.constant(-1), id),
    // Tenths of a second are written.
    timeout: fc.nat({ max: 36_000 }).map((tenths) => tenths * 100),
    queues: fc.array(name, { maxLength: 3 }),
  }),
);

test('what a client writes, a switch reads', () => {
  fc.assert(
    fc.property(asked, (request) => {
      const { method, target, body } = writeRequest(request);
      const reader = createHttpReader({ maxHeaderBytes: 4096, maxBodyBytes: 4096, bodySetting: 'x' });
      reader.push(
        Buffer.from(`${method} ${target} HTTP/1.1\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n`),
      );
      reader.push(Buffer.from(body));
      const message = reader.read();
      assert.ok(message !== undefined && !(message instanceof WireFault), JSON.stringify(message));
      assert.ok(!(message instanceof HttpFault) && message.type !== 'continue');
      assert.deepEqual(readRequest(message, HOUR_MS), request);
    }),
  );
});

const QUEUE = 'größe "x"';
const message: fc.Arbitrary<Message> = record({
  id: record({ queue: fc.constant(QUEUE), id }),
  payload,
  kind,
  origin: fc.constant('me'),
  time: fc.constant(0),
});

test('what a switch delivers, a client reads, with every byte of the payloads', () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 4 }), fc.oneof(fc.constant(-1), id), (messages, next) => {
      const { body } = writeResponse({ type: 'messages', messages, next });
      const read = readDelivery(Buffer.from(body), QUEUE);
      const delivered = messages.map(({ id: of, kind: what, payload: bytes }) => ({
        id: of,
        kind: what,
        payload: bytes,
      }));
      assert.deepEqual(read, { type: 'messages', messages: delivered, next });
    }),
  );
});

test('escapes stand for their characters beside bytes that are no UTF-8', () => {
  const parts = ['{"messages":[[["q",1],{"payload":"', Buffer.from([0xff]), '\\u20ac\\ud83d\\ude00\\n'];
  const end = '","kind":["Request","r"]}]],"next":"1"}';
  const body = Buffer.concat([...parts, end].map((part) => Buffer.from(part)));
  const read = readDelivery(body, 'q');
  assert.ok(read.type === 'messages');
  assert.deepEqual(read.messages[0]?.payload, Buffer.concat([Buffer.from([0xff]), Buffer.from('€😀\n')]));
});

for (const [body, isOne] of [
  ['[]', true],
  ['[["q",5]]', true],
  [' [ ["q", 5] ]\n', true],
  ['', false],
  ['{}', false],
  ['[5]', false],
  ['[["q"]]', false],
  ['[["q",5],["q",6]]', false],
] as const) {
  test(`${body || 'nothing'} is ${isOne ? 'an' : 'no'} answer to a message that was sent`, () => {
    assert.equal(isSendAnswer(Buffer.from(body)), isOne);
  });
}

test('the answer to a message that was sent has its id, unless its queue has gone', () => {
  assert.deepEqual(readSent(Buffer.from('[["q",5]]')), { queue: 'q', id: 5 });
  assert.equal(readSent(Buffer.from('[]')), 'gone');
});

for (const [body, names] of [
  ['[]', []],
  ['["b","a"]', ['b', 'a']],
  ['["b",5]', undefined],
  ['{}', undefined],
  ['', undefined],
] as const) {
  test(`${body || 'nothing'} is ${names === undefined ? 'no' : 'a'} list of names`, () => {
    assert.deepEqual(readNames(Buffer.from(body)), names);
  });
}
