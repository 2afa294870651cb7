import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Kind, Message, Out } from '../../src/switch/protocol.ts';
import { readServerMessage, writeCall } from '../../src/switch/push-client-codec.ts';
import {
  type PushCall,
  readPushMessage,
  writeAnswer,
  writeDelivery,
  writeError,
} from '../../src/switch/push-codec.ts';
import {
  BinaryMessagePackReader,
  type Packable,
  writeBinaryMessagePack,
} from '../../src/wire/messagepack.ts';
import { readAll } from '../helpers/readers.ts';
import { cut, places, text, value } from '../helpers/values.ts';

const MAX_ACKS = 100;
const readPush = (message: unknown) => readPushMessage(message, MAX_ACKS);

const decode = (pieces: readonly Buffer[]): unknown[] =>
  readAll(new BinaryMessagePackReader({ maxRequestBytes: 2 ** 20, maxDepth: 8 }), pieces);

/** Objects as they are written in a program. */
const record = <T extends object>(model: { [Name in keyof T]: fc.Arbitrary<T[Name]> }) =>
  fc.record(model).map((made) => ({ ...made }));

const integer = fc.oneof(
  fc.nat(300),
  fc.maxSafeNat(),
  fc.constantFrom(2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1, 127, 128),
);
const id = record({ queue: text, id: fc.oneof(integer, fc.maxSafeInteger()) });
const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
const kind: fc.Arbitrary<Kind> = fc.oneof(
  record({ type: fc.constant('request' as const), replyTo: text }),
  record({ type: fc.constant('response' as const), to: id }),
);
const positive = integer.map((number) => Math.max(1, number));
const call: fc.Arbitrary<PushCall> = fc.oneof(
  record({ type: fc.constant('login' as const), token: text }),
  record({
    type: fc.constant('create' as const),
    queue: text,
    lifetime: fc.constantFrom('persistent' as const, 'transient' as const),
  }),
  record({ type: fc.constant('destroy' as const), queue: text }),
  record({ type: fc.constant('send' as const), queue: text, kind, payload: bytes }),
  record({
    type: fc.constant('subscribe' as const),
    subscription: integer,
    queues: fc.array(text),
    credit: positive.filter((number) => number <= 2 ** 32 - 1),
    from: fc.maxSafeInteger(),
  }),
  record({ type: fc.constant('unsubscribe' as const), subscription: integer }),
  record({
    type: fc.constant('credit' as const),
    subscription: integer,
    more: positive.filter((number) => number <= 2 ** 32 - 1),
  }),
  record({ type: fc.constant('ack-batch' as const), ids: fc.array(id) }),
  record({ type: fc.constant('list' as const), prefix: text, alive: fc.boolean() }),
);

test('calls come out as they went in, however the bytes are cut', () => {
  fc.assert(
    fc.property(fc.array(call, { maxLength: 5 }), places, (calls, cuts) => {
      const written = Buffer.concat(calls.map((each, number) => writeCall(number, each)));
      assert.deepEqual(
        decode(cut(written, cuts)).map(readPush),
        calls.map((each, number) => ({ type: 'call', id: number, call: each })),
      );
    }),
    { numRuns: 500 },
  );
});

const message: fc.Arbitrary<Message> = record({
  id,
  kind,
  payload: bytes,
  origin: text,
  time: fc.nat(2 ** 41),
});

test('deliveries come out as they went in, however the bytes are cut', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(integer, message), { maxLength: 5 }), places, (deliveries, cuts) => {
      const written = Buffer.concat(deliveries.map(([number, each]) => writeDelivery(number, each)));
      assert.deepEqual(
        decode(cut(written, cuts)).map(readServerMessage),
        deliveries.map(([subscription, each]) => ({ type: 'delivery', subscription, message: each })),
      );
    }),
    { numRuns: 300 },
  );
});

const answers: [Out, unknown][] = [
  [{ type: 'done' }, null],
  [{ type: 'created', queue: 'q' }, null],
  [{ type: 'sent', id: { queue: 'q', id: 2 ** 40 } }, 2 ** 40],
  [{ type: 'sent', id: undefined }, null],
  [{ type: 'names', names: ['b', 'a'] }, ['b', 'a']],
];
for (const [out, result] of answers) {
  test(`the answer ${JSON.stringify(out)} has the result ${JSON.stringify(result)}`, () => {
    const [read] = decode([writeAnswer(5, out)]).map(readServerMessage);
    assert.deepEqual(read, { type: 'result', id: 5, result });
  });
}

test('a refusal and an error have a variant and a text', () => {
  const refusal = writeAnswer(2 ** 40, { type: 'refused', status: 503, reason: 'no room' });
  const unreadable = writeError(null, { variant: 'Invalid', text: 'what is this' });
  assert.deepEqual(decode([refusal, unreadable]).map(readServerMessage), [
    { type: 'error', id: 2 ** 40, variant: 'Unavailable', text: 'no room' },
    { type: 'error', id: undefined, variant: 'Invalid', text: 'what is this' },
  ]);
});

test('integers above 32 bits are integers on the wire', () => {
  const hex = writeAnswer(1, { type: 'sent', id: { queue: 'q', id: 2 ** 32 } }).toString('hex');
  assert.equal(hex, '940101c0d30000000100000000');
});

test('a payload may be a text, which stands for its UTF-8', () => {
  const read = readPush([0, 1, 'switch.publish', ['q', ['request', 'r'], 'é']]);
  assert.ok(read.type === 'call' && read.call.type === 'send');
  assert.deepEqual(read.call.payload, Buffer.from('é'));
});

test('what may be left out may be nil, too', () => {
  for (const params of [['', null], ['']]) {
    assert.deepEqual(readPush([0, 1, 'switch.list', params]), {
      type: 'call',
      id: 1,
      call: { type: 'list', prefix: '', alive: false },
    });
  }
});

const wrong: [what: string, message: Packable, id: number | null, text: string][] = [
  [
    'an empty array',
    [],
    null,
    'a message: expected [0, id, method, params] or [2, method, params], got an array of 0 that begins with nothing',
  ],
  [
    'an answer',
    [1, 1, null, null],
    null,
    'a message: expected [0, id, method, params] or [2, method, params], got an array of 4 that begins with 1',
  ],
  [
    'an id that is a text',
    [0, 'a', 'switch.list', ['']],
    null,
    'id: expected an integer below 2^53, got the text "a"',
  ],
  [
    'an id that is too large',
    [0, 2 ** 53, 'switch.list', ['']],
    null,
    'id: expected an integer below 2^53, got 9007199254740992',
  ],
  ['a method that is none', [0, 1, 2, []], 1, 'method: expected a text, got 2'],
  ['params that are no array', [0, 1, 'switch.list', null], 1, 'params: expected an array, got nil'],
  [
    'a field that is missing',
    [0, 1, 'switch.login', []],
    1,
    'switch.login: token: expected a text, got nothing',
  ],
  [
    'a field of another type',
    [0, 1, 'switch.login', [Buffer.from('me')]],
    1,
    'switch.login: token: expected a text, got 2 bytes of binary data',
  ],
  [
    'a field too many',
    [0, 1, 'switch.login', ['me', 1]],
    1,
    'switch.login: params: expected 1 at most, got 2',
  ],
  [
    'a lifetime that is none',
    [0, 1, 'switch.create', ['q', 'long']],
    1,
    'switch.create: lifetime: expected "persistent" or "transient", got the text "long"',
  ],
  [
    'a payload that is none',
    [0, 1, 'switch.publish', ['q', ['request', 'r'], 1]],
    1,
    'switch.publish: payload: expected binary data or a text, got 1',
  ],
  [
    'a kind that is none',
    [0, 1, 'switch.publish', ['q', ['event', 'r'], '']],
    1,
    'switch.publish: kind: expected ["request", reply queue] or ["response", [queue, id]], got an array of 2',
  ],
  [
    'a response to nothing',
    [0, 1, 'switch.publish', ['q', ['response', 'r'], '']],
    1,
    'switch.publish: kind[1]: expected an array, got the text "r"',
  ],
  [
    'no credit',
    [0, 1, 'switch.subscribe', [1, ['q'], 0]],
    1,
    'switch.subscribe: credit: expected an integer, 1 or more, got 0',
  ],
  [
    'a fraction',
    [0, 1, 'switch.subscribe', [1, ['q'], 1.5]],
    1,
    'switch.subscribe: credit: expected an integer, 1 or more, got 1.5',
  ],
  [
    'a queue that is no text',
    [0, 1, 'switch.subscribe', [1, ['q', 2], 1]],
    1,
    'switch.subscribe: queues[1]: expected a text, got 2',
  ],
  [
    'a subscription below nothing',
    [0, 1, 'switch.unsubscribe', [-1]],
    1,
    'switch.unsubscribe: subscription: expected an integer, 0 or more, got -1',
  ],
  [
    'acks in another shape',
    [0, 1, 'switch.ack', [['q', 1]]],
    1,
    'switch.ack: acks: expected [[queue, [id, …]], …], got the text "q"',
  ],
  [
    'an ack of no id',
    [0, 1, 'switch.ack', [[['q', [1, 'a']]]]],
    1,
    'switch.ack: acks: expected an integer for an id, got the text "a"',
  ],
  [
    'an ack of too many',
    [
      0,
      1,
      'switch.ack',
      [
        [
          ['q', [1]],
          ['p', Array(100).fill(1)],
        ],
      ],
    ],
    1,
    'switch.ack: acks: expected at most switch.maxCredit (100), got 101',
  ],
  [
    'a flag that is none',
    [0, 1, 'switch.list', ['', 1]],
    1,
    'switch.list: alive: expected true or false, got 1',
  ],
];
for (const [what, sent, expectedId, expectedText] of wrong) {
  test(`${what} is answered with an error that says so`, () => {
    const read = readPush(sent);
    assert.deepEqual(read, {
      type: 'wrong',
      id: expectedId,
      error: { variant: 'Invalid', text: expectedText },
    });
  });
}

test('a method that is not there is answered with those that are', () => {
  const read = readPush([0, 1, 'constructor', []]);
  assert.ok(read.type === 'wrong');
  assert.equal(read.error.variant, 'Unimplemented');
  assert.match(read.error.text, /^no method "constructor": there are switch\.login, switch\.create, /);
});

test('no value makes either side throw', () => {
  const method = fc.constantFrom(
    'switch.publish',
    'switch.ack',
    'switch.subscribe',
    'switch.deliver',
    'switch.list',
  );
  const message = fc.oneof(
    value,
    fc.tuple(fc.constant(0), fc.constant(1), method, fc.array(value)),
    fc.tuple(fc.constant(2), method, fc.array(value)),
    fc.tuple(fc.constant(1), value, value, value),
  );
  fc.assert(
    fc.property(message, (sent) => {
      readPush(sent);
      readServerMessage(sent);
    }),
    { numRuns: 2000 },
  );
});

const unreadable: [Packable, string][] = [
  [null, 'expected an array, got nil'],
  [[3], 'expected an answer or switch.deliver, got 3, nothing'],
  [[1, 'a', null, null], 'id: expected an integer, got the text "a"'],
  [[1, 1, 'error', null], 'error: expected [variant, text], got the text "error"'],
  [
    [2, 'switch.deliver', [1, ['q', 'a']]],
    'switch.deliver: message[1]: expected an integer, got the text "a"',
  ],
];
for (const [sent, reason] of unreadable) {
  test(`a client says of ${JSON.stringify(sent)} that it can't be read, and why`, () => {
    assert.deepEqual(readServerMessage(sent), { type: 'unreadable', reason });
  });
}

test('what is written is read by msgpackr as it stands', () => {
  const [read] = decode([writeBinaryMessagePack([0, 1, 'switch.ack', [[['q', [1, 2n ** 40n]]]]])]);
  assert.deepEqual(read, [0, 1, 'switch.ack', [[['q', [1, 2 ** 40]]]]]);
});
