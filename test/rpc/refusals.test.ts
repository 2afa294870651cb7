import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Packr, Unpackr } from 'msgpackr';
import { connectClient, exchange } from '../helpers/client.ts';
import { LIMITS, serveEverything } from './serve.ts';

const GOOD = '{"method":"Test.same","params":[{"value":"good"}],"id":1}';
const GOOD_ANSWER = '{"result":"good","error":null,"id":1}\n';

const post = (body: string | Buffer, headers = ''): Buffer =>
  Buffer.concat([
    Buffer.from(`POST / HTTP/1.1\r\n${headers}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n`),
    Buffer.from(body),
  ]);

const nested = (depth: number): string =>
  `{"method":"Test.same","params":[{"value":${'['.repeat(depth)}${']'.repeat(depth)}}],"id":1}`;

/** The value stands in the request, the list of params, and an object. */
const DEEPEST_VALUE = LIMITS.maxDepth - 3;

/** Sends bytes, doesn't shut down, and gives what comes until the other side closes. */
async function untilClosed(t: TestContext, path: string, bytes: string | Buffer): Promise<string> {
  const client = await connectClient(t, path);
  client.send(bytes);
  return (await client.receiveAll()).toString();
}

/** A connection that was there before, and must not notice anything. */
async function bystander(t: TestContext, path: string): Promise<() => Promise<void>> {
  const client = await connectClient(t, path);
  return async () => {
    client.send(GOOD);
    assert.equal(`${await client.receiveLine()}\n`, GOOD_ANSWER);
  };
}

const UNSPOKEN: readonly (readonly [string, string | Buffer, RegExp])[] = [
  ['XML without HTTP', '<?xml version="1.0"?><methodCall>', /XML-RPC is spoken over HTTP here/],
  ['a TLS hello', Buffer.from([0x16, 3, 1, 0, 5]), /no TLS is spoken here/],
  ['a NUL byte', Buffer.from([0, 1, 2]), /speaks JSON-RPC as plain JSON text.*the byte 0x00/],
  ['a lower-case word', 'hello\n', /the byte 0x68/],
  ['a map of MessagePack', Buffer.from([0x81, 0xa1, 0x61, 1]), /the byte 0x81/],
];
for (const [name, bytes, expected] of UNSPOKEN) {
  test(`${name}: one line of JSON says what is spoken here, then the close`, async (t) => {
    const { path } = await serveEverything(t);
    const check = await bystander(t, path);
    const answer = await untilClosed(t, path, bytes);
    assert.match(answer, expected);
    assert.match(answer, /^\{"result":null,"error":\["Internal_error","[^\n]+"\],"id":null\}\n$/);
    await check();
  });
}

const UNREADABLE: readonly (readonly [string, string | Buffer, RegExp])[] = [
  ['no JSON', '{"method":}', /no JSON/],
  [
    'a name of the prototype',
    '{"method":"Test.same","params":[{"value":{"__proto__":{}}}],"id":1}',
    /__proto__/,
  ],
  [
    'the same written with an escape',
    '{"method":"Test.same","params":[{"value":{"__\\u0070roto__":{}}}],"id":1}',
    /__proto__/,
  ],
  [
    'a name twice',
    '{"method":"Test.same","method":"Test.foo","params":[{"value":1}],"id":1}',
    /twice|duplicate|more than once/i,
  ],
  ['bytes that are no UTF-8', Buffer.from('{"method":"\xff","params":[],"id":1}', 'latin1'), /UTF-8/],
  ['a depth over sockets.maxDepth', nested(DEEPEST_VALUE + 1), /sockets\.maxDepth \(16\)/],
];
for (const [name, body, expected] of UNREADABLE) {
  test(`${name}: an error with a null id on plain JSON, and others live on`, async (t) => {
    const { path, called } = await serveEverything(t);
    const check = await bystander(t, path);
    const answer = await exchange(t, path, body);
    assert.match(answer, /^\{"result":null,"error":\["Internal_error",".+"\],"id":null\}\n$/);
    assert.match(answer, expected);
    assert.deepEqual(called, []);
    await check();
  });

  test(`${name}: over HTTP a 400 and the close`, async (t) => {
    const { path, called } = await serveEverything(t);
    const check = await bystander(t, path);
    const answer = await untilClosed(t, path, Buffer.concat([post(body), post(GOOD)]));
    assert.match(answer, /^HTTP\/1.1 400 Bad Request\r\n/);
    assert.match(answer, expected);
    assert.equal(answer.match(/HTTP\/1.1/g)?.length, 1);
    assert.deepEqual(called, []);
    await check();
  });

  test(`${name}: an error with a null id after 16 digits`, async (t) => {
    const { path, called } = await serveEverything(t);
    const length = `${Buffer.byteLength(body)}`.padStart(16, '0');
    const answer = await exchange(t, path, Buffer.concat([Buffer.from(length), Buffer.from(body)]));
    assert.match(answer.slice(16), expected);
    assert.equal(Number(answer.slice(0, 16)), Buffer.byteLength(answer) - 16);
    assert.deepEqual(called, []);
  });
}

test('the deepest value that is allowed is answered', async (t) => {
  const { path } = await serveEverything(t);
  assert.match(await exchange(t, path, nested(DEEPEST_VALUE)), /^\{"result":\[\[/);
});

const NO_CALL: readonly (readonly [string, string, string])[] = [
  ['no method', '{"id":1}', 'method: missing'],
  ['an empty batch', '[]', 'a batch of no requests'],
  ['a method that is no text', '{"method":5,"id":null}', 'method: expected a string, got number 5'],
];
for (const [name, text, reason] of NO_CALL) {
  test(`${name}: answered in 1.0's shape with a null id`, async (t) => {
    const { path } = await serveEverything(t);
    const answer = await exchange(t, path, text + GOOD);
    assert.equal(answer, `{"result":null,"error":["Internal_error","${reason}"],"id":null}\n${GOOD_ANSWER}`);
  });
}

const CODES: readonly (readonly [string, string, number])[] = [
  ['a method that is not there', '"method":"Test.foo"', -32601],
  ['wrong parameters', '"method":"Test.sized","params":{"length":""}', -32602],
  ['a failing method', '"method":"Test.breaks"', -32603],
  ['params that are a text', '"method":"Test.same","params":"x"', -32600],
];
for (const [name, members, code] of CODES) {
  test(`2.0's code of ${name} is ${code}, with the variant as data`, async (t) => {
    const { path } = await serveEverything(t);
    const { error, id } = JSON.parse(await exchange(t, path, `{"jsonrpc":"2.0",${members},"id":7}`));
    assert.equal(error.code, code);
    assert.equal(Array.isArray(error.data), true);
    assert.equal(id, 7);
  });
}

const AMBIGUOUS: readonly (readonly [string, string])[] = [
  ['two Content-Lengths', 'POST / HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}'],
  ['a list of Content-Lengths', 'POST / HTTP/1.1\r\nContent-Length: 2, 2\r\n\r\n{}'],
  ['a negative Content-Length', 'POST / HTTP/1.1\r\nContent-Length: -2\r\n\r\n{}'],
  ['a Content-Length with a sign', 'POST / HTTP/1.1\r\nContent-Length: +2\r\n\r\n{}'],
  [
    'Content-Length with chunked',
    'POST / HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
  ['a line feed alone in the head', 'POST / HTTP/1.1\nContent-Length: 2\n\n{}'],
  ['a header without a colon', 'POST / HTTP/1.1\r\nnonsense\r\n\r\n'],
  ['a folded header', 'POST / HTTP/1.1\r\nA: b\r\n c\r\n\r\n'],
  ['a space before the colon', 'POST / HTTP/1.1\r\nContent-Length : 2\r\n\r\n{}'],
  ['a chunk size that is no hex', 'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'],
];
for (const [name, bytes] of AMBIGUOUS) {
  test(`HTTP with ${name} is a 400 and the close`, async (t) => {
    const { path, called } = await serveEverything(t);
    const check = await bystander(t, path);
    assert.match(await untilClosed(t, path, bytes), /^HTTP\/1.1 400 Bad Request\r\n/);
    assert.deepEqual(called, []);
    await check();
  });
}

const LARGE = 'x'.repeat(LIMITS.maxRequestBytes);
const LARGE_REQUEST = `{"method":"Test.same","params":[{"value":"${LARGE}"}],"id":1}`;
const TOO_LARGE: Record<string, Buffer> = {
  'JSON text': Buffer.from(LARGE_REQUEST),
  '16 digits': Buffer.from(`${LARGE_REQUEST.length}`.padStart(16, '0') + LARGE_REQUEST),
  'HTTP with a length': post(LARGE_REQUEST),
  'HTTP in chunks': Buffer.from(
    `POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n${`ff\r\n${'x'.repeat(255)}\r\n`.repeat(400)}0\r\n\r\n`,
  ),
  MessagePack: new Packr({ useRecords: false }).pack([0, 1, 'Test.same', [{ value: LARGE }]]),
};
for (const [protocol, bytes] of Object.entries(TOO_LARGE)) {
  test(`${protocol}: a request over sockets.maxRequestBytes is refused, also when it comes in small pieces`, async (t) => {
    const { path, called } = await serveEverything(t);
    for (const size of [bytes.length, 1000]) {
      const client = await connectClient(t, path);
      for (let at = 0; at < bytes.length; at += size) client.send(bytes.subarray(at, at + size));
      assert.match((await client.receiveAll()).toString(), /sockets\.maxRequestBytes \(100000\)/);
    }
    assert.deepEqual(called, []);
  });
}

test('MessagePack that can not be read is answered in MessagePack, then the close', async (t) => {
  const { path } = await serveEverything(t);
  const client = await connectClient(t, path);
  client.send(Buffer.from([0x94, 0, 1, 0xc1]));
  const answer: unknown = new Unpackr().unpack(await client.receiveAll());
  assert.ok(Array.isArray(answer));
  assert.deepEqual([answer[0], answer[1], answer[3]], [1, null, null]);
  assert.equal(answer[2][0], 'Internal_error');
});
