import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { WireFault } from '../../src/wire/fault.ts';
import { createHttpReader, type HttpMessage } from '../../src/wire/http.ts';
import { HttpFault } from '../../src/wire/http-fault.ts';
import { httpResponse } from '../../src/wire/http-response.ts';
import { readAll } from '../helpers/readers.ts';
import { cut, places, singly } from '../helpers/values.ts';

const LIMITS = { maxHeaderBytes: 500, maxBodyBytes: 1000, bodySetting: 'the limit' };
const read = (pieces: readonly Buffer[], end?: 'stay open') => readAll(createHttpReader(LIMITS), pieces, end);
const lines = (...text: string[]): string => text.map((line) => `${line}\r\n`).join('');

interface Seen {
  readonly method: string;
  readonly target: string;
  readonly body: string;
  readonly keepAlive: boolean;
}

const seen = (messages: readonly (HttpMessage | WireFault)[]): (Seen | string)[] =>
  messages.map((message) => {
    if (message instanceof HttpFault) return `${message.status}`;
    if (message instanceof WireFault) return message.kind;
    if (message.type === 'continue') return 'continue';
    const { method, target, body, keepAlive } = message;
    return { method, target, body: body.toString('latin1'), keepAlive };
  });

const get = (target = '/', keepAlive = true): Seen => ({ method: 'GET', target, body: '', keepAlive });
const post = (body: string): Seen => ({ method: 'POST', target: '/', body, keepAlive: true });

const good: [string, string, Seen[]][] = [
  ['a request without a Host header', lines('GET / HTTP/1.1', ''), [get()]],
  ['a name that a client on the socket made up', lines('GET / HTTP/1.1', 'Host: org.xen.xapi', ''), [get()]],
  ['the loopback behind a port', lines('GET / HTTP/1.1', 'Host: [::1]:9156', ''), [get()]],
  [
    'what cohttp sends',
    lines('GET /login/a HTTP/1.1', 'user-agent: cohttp', 'content-length: 0', 'connection: keep-alive', ''),
    [get('/login/a')],
  ],
  ['a body with its length', `${lines('POST / HTTP/1.1', 'Content-Length: 5', '')}hello`, [post('hello')]],
  [
    'a body in chunks',
    lines('POST / HTTP/1.1', 'Transfer-Encoding: chunked', '', '5', 'hello', '1', '!', '0', ''),
    [post('hello!')],
  ],
  [
    'chunk sizes in either case',
    lines('POST / HTTP/1.1', 'transfer-encoding: Chunked', '', 'a', '0123456789', 'A', '0123456789', '0', ''),
    [post('01234567890123456789')],
  ],
  [
    'trailers, which are not used',
    lines('POST / HTTP/1.1', 'Transfer-Encoding: chunked', '', '1', 'x', '0', 'X: 99', ''),
    [post('x')],
  ],
  [
    'requests behind each other',
    `${lines('POST / HTTP/1.1', 'Content-Length: 1', '')}a${lines('GET /b HTTP/1.1', '')}`,
    [post('a'), get('/b')],
  ],
  ['an empty line before a request', `\r\n${lines('GET / HTTP/1.1', '')}`, [get()]],
  ['Connection: close', lines('GET / HTTP/1.1', 'Connection: x, Close', ''), [get('/', false)]],
  ['HTTP/1.0', lines('GET / HTTP/1.0', ''), [get('/', false)]],
  ['HTTP/1.0 that keeps alive', lines('GET / HTTP/1.0', 'Connection: Keep-Alive', ''), [get('/')]],
  ['white space around a value', lines('POST / HTTP/1.1', 'Content-Length: \t 0 ', ''), [post('')]],
  ['bytes above ASCII in a value', lines('GET / HTTP/1.1', 'X: \xe9', ''), [get()]],
];
for (const [what, text, expected] of good) {
  test(`read: ${what}`, () => {
    const bytes = Buffer.from(text, 'latin1');
    assert.deepEqual(seen(read([bytes])), expected);
    assert.deepEqual(seen(read(singly(bytes))), expected);
  });
}

const bad: [string, string, number][] = [
  ['a bare LF behind the request line', 'GET / HTTP/1.1\nA: b\r\n\r\n', 400],
  ['bare LFs only', 'GET / HTTP/1.1\n\n', 400],
  ['a bare LF behind a header', 'GET / HTTP/1.1\r\nA: b\nC: d\r\n\r\n', 400],
  ['a bare CR in a value', 'GET / HTTP/1.1\r\nA: b\rc\r\n\r\n', 400],
  ['a NUL in a value', 'GET / HTTP/1.1\r\nA: b\0c\r\n\r\n', 400],
  ['a folded header', lines('GET / HTTP/1.1', 'A: b', ' c', ''), 400],
  ['white space before the colon', lines('GET / HTTP/1.1', 'A : b', ''), 400],
  ['a header without a colon', lines('GET / HTTP/1.1', 'A', ''), 400],
  ['a header without a name', lines('GET / HTTP/1.1', ': b', ''), 400],
  ['a header name that is no token', lines('GET / HTTP/1.1', 'A(b): c', ''), 400],
  ['a header before the first', lines('GET / HTTP/1.1', ' A: b', ''), 400],
  ['a target with a space', lines('GET /a b HTTP/1.1', ''), 400],
  ['a target above ASCII', lines('GET /\xe9 HTTP/1.1', ''), 400],
  ['an empty target', lines('GET  HTTP/1.1', ''), 400],
  ['a method in lower case', lines('get / HTTP/1.1', ''), 400],
  ['no version', lines('GET /', ''), 400],
  ['HTTP/2.0', lines('GET / HTTP/2.0', ''), 505],
  ['HTTP/1.2', lines('GET / HTTP/1.2', ''), 505],
  ['a version with more behind it', lines('GET / HTTP/1.1 x', ''), 400],
  [
    'Content-Length twice, differing',
    lines('POST / HTTP/1.1', 'Content-Length: 1', 'Content-Length: 2', ''),
    400,
  ],
  [
    'Content-Length twice, equal',
    lines('POST / HTTP/1.1', 'Content-Length: 1', 'content-length: 1', ''),
    400,
  ],
  ['Content-Length as a list', lines('POST / HTTP/1.1', 'Content-Length: 1, 1', ''), 400],
  ['a negative Content-Length', lines('POST / HTTP/1.1', 'Content-Length: -1', ''), 400],
  ['a signed Content-Length', lines('POST / HTTP/1.1', 'Content-Length: +1', ''), 400],
  ['a hexadecimal Content-Length', lines('POST / HTTP/1.1', 'Content-Length: 0x1', ''), 400],
  ['an empty Content-Length', lines('POST / HTTP/1.1', 'Content-Length:', ''), 400],
  ['a Content-Length over the limit', lines('POST / HTTP/1.1', 'Content-Length: 1001', ''), 413],
  [
    'Content-Length with chunked',
    lines('POST / HTTP/1.1', 'Content-Length: 1', 'Transfer-Encoding: chunked', ''),
    400,
  ],
  [
    'Transfer-Encoding twice',
    lines('POST / HTTP/1.1', 'Transfer-Encoding: chunked', 'Transfer-Encoding: chunked', ''),
    400,
  ],
  ['another Transfer-Encoding', lines('POST / HTTP/1.1', 'Transfer-Encoding: gzip, chunked', ''), 501],
  ['chunked with a vertical tab', lines('POST / HTTP/1.1', 'Transfer-Encoding: \x0bchunked', ''), 400],
  ['chunked in HTTP/1.0', lines('POST / HTTP/1.0', 'Transfer-Encoding: chunked', ''), 400],
  ['a chunk size that is no number', lines('POST / HTTP/1.1', 'Transfer-Encoding: chunked', '', 'g'), 400],
  ['a chunk size with a sign', lines('POST / HTTP/1.1', 'Transfer-Encoding: chunked', '', '-1'), 400],
  ['a chunk size with 0x', lines('POST / HTTP/1.1', 'Transfer-Encoding: chunked', '', '0x1'), 400],
  [
    'a chunk size of nine digits',
    lines('POST / HTTP/1.1', 'Transfer-Encoding: chunked', '', '000000001'),
    400,
  ],
  ['a chunk extension', lines('POST / HTTP/1.1', 'Transfer-Encoding: chunked', '', '1;a=b'), 400],
  [
    'chunks over the limit together',
    `${lines('POST / HTTP/1.1', 'Transfer-Encoding: chunked', '', '3e8', 'x'.repeat(1000), '1')}`,
    413,
  ],
  [
    'a chunk longer than its size',
    lines('POST / HTTP/1.1', 'Transfer-Encoding: chunked', '', '1', 'xy', '0', ''),
    400,
  ],
  [
    'a chunk size behind a bare LF',
    `${lines('POST / HTTP/1.1', 'Transfer-Encoding: chunked', '')}1\nx\r\n`,
    400,
  ],
  [
    'a trailer that is no header',
    lines('POST / HTTP/1.1', 'Transfer-Encoding: chunked', '', '0', 'a b: c', ''),
    400,
  ],
  [
    'trailers over the limit',
    lines('POST / HTTP/1.1', 'Transfer-Encoding: chunked', '', '0', ...Array(60).fill('abc: defgh'), ''),
    431,
  ],
  ['a head over the limit', lines('GET / HTTP/1.1', `A: ${'x'.repeat(600)}`, ''), 431],
  ['a head over the limit that never ends', `GET / HTTP/1.1\r\nA: ${'x'.repeat(600)}`, 431],
  ['another expectation', lines('POST / HTTP/1.1', 'Expect: more', ''), 417],
  ['half a head at the end', 'GET / HT', 400],
  ['half a body at the end', `${lines('POST / HTTP/1.1', 'Content-Length: 5', '')}hel`, 400],
];
for (const [what, text, status] of bad) {
  test(`refuse: ${what}`, () => {
    const bytes = Buffer.from(text, 'latin1');
    assert.deepEqual(seen(read([bytes])), [`${status}`]);
    assert.deepEqual(seen(read(singly(bytes))), [`${status}`]);
  });
}

test('a limit names its setting', () => {
  const reason = (text: string) => (read([Buffer.from(text)]).at(-1) as WireFault).reason;
  assert.equal(
    reason(lines('POST / HTTP/1.1', 'Content-Length: 1001', '')),
    'a body of 1001 bytes is over the limit (1000)',
  );
  assert.equal(reason(`GET /${'x'.repeat(600)}`), 'a head of more than sockets.maxHeaderBytes (500) bytes');
});

test('a peer that waits for it is told to go on, and then its body is read', () => {
  const reader = createHttpReader(LIMITS);
  reader.push(Buffer.from(lines('POST / HTTP/1.1', 'Content-Length: 2', 'Expect: 100-Continue', '')));
  assert.deepEqual(reader.read(), { type: 'continue' });
  assert.equal(reader.read(), undefined);
  reader.push(Buffer.from('ok'));
  const request = reader.read();
  assert.ok(request !== undefined && !(request instanceof WireFault) && request.type === 'request');
  assert.equal(request.body.toString(), 'ok');
});

test('a peer that does not wait is not told to go on', () => {
  const text = `${lines('POST / HTTP/1.1', 'Content-Length: 2', 'Expect: 100-continue', '')}ok`;
  assert.deepEqual(seen(read([Buffer.from(text)])), [post('ok')]);
});

const token = fc.string({ unit: fc.constantFrom(...'abcXYZ019-_'), minLength: 1, maxLength: 8 });
const anyRequest = fc.record({
  method: fc.constantFrom('GET', 'POST', 'PUT'),
  target: token.map((path) => `/${path}`),
  headers: fc.array(
    fc.tuple(
      token.map((name) => `x-${name}`),
      token,
    ),
    { maxLength: 4 },
  ),
  body: fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
  chunks: fc.option(places, { nil: undefined }),
});

function serialise({
  method,
  target,
  headers,
  body,
  chunks,
}: typeof anyRequest extends fc.Arbitrary<infer T> ? T : never): Buffer {
  const framing = chunks === undefined ? `content-length: ${body.length}` : 'transfer-encoding: chunked';
  const head = lines(
    `${method} ${target} HTTP/1.1`,
    ...headers.map(([name, value]) => `${name}: ${value}`),
    framing,
    '',
  );
  if (chunks === undefined) return Buffer.concat([Buffer.from(head), body]);
  const pieces = cut(body, chunks)
    .filter(({ length }) => length > 0)
    .flatMap((piece) => [Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]);
  return Buffer.concat([Buffer.from(head), ...pieces, Buffer.from('0\r\n\r\n')]);
}

test('requests come out as they went in, however the bytes are cut', () => {
  fc.assert(
    fc.property(fc.array(anyRequest, { maxLength: 4 }), places, (requests, cuts) => {
      const messages = read(cut(Buffer.concat(requests.map(serialise)), cuts));
      assert.deepEqual(
        seen(messages),
        requests.map(({ method, target, body }) => ({
          method,
          target,
          body: body.toString('latin1'),
          keepAlive: true,
        })),
      );
    }),
    { numRuns: 300 },
  );
});

/** What good and bad requests are made of. */
const piece = fc.constantFrom(
  'POST / HTTP/1.1\r\n',
  'GET /abc HTTP/1.0\r\n',
  'Content-Length: 3\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Connection: close\r\n',
  'X: y\n',
  'X : y\r\n',
  ' folded\r\n',
  'a: 0123456789\r\n',
  'a',
  '\r\n',
  '\r',
  'abc',
  '3\r\nabc\r\n',
  '0\r\n',
);

test('the same is read and refused wherever the bytes are cut, at the limits too', () => {
  const limits = { maxHeaderBytes: 60, maxBodyBytes: 5, bodySetting: 'the limit' };
  const readCut = (pieces: readonly Buffer[]) => seen(readAll(createHttpReader(limits), pieces));
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), places, (pieces, cuts) => {
      const bytes = Buffer.from(`POST / HTTP/1.1\r\n${pieces.join('')}`);
      const whole = readCut([bytes]);
      assert.deepEqual(readCut(singly(bytes)), whole);
      assert.deepEqual(readCut(cut(bytes, cuts)), whole);
    }),
    { numRuns: 2000 },
  );
});

test('a body does not change when more comes', () => {
  const reader = createHttpReader(LIMITS);
  for (const byte of singly(Buffer.from(`${lines('POST / HTTP/1.1', 'Content-Length: 5', '')}hello`)))
    reader.push(byte);
  const request = reader.read();
  for (const byte of singly(Buffer.from(`${lines('POST / HTTP/1.1', 'Content-Length: 5', '')}other`)))
    reader.push(byte);
  reader.read();
  assert.deepEqual(seen(request === undefined ? [] : [request]), [post('hello')]);
});

const mediaTypes: [string, string][] = [
  ['application/json', 'application/json'],
  ['Text/XML; charset=utf-8', 'text/xml'],
  ['  text/xml \t;a=b', 'text/xml'],
  ['application/jsonp', 'application/jsonp'],
];
for (const [sent, expected] of mediaTypes) {
  test(`the media type of ${JSON.stringify(sent)} is ${expected}`, () => {
    const head = lines('POST / HTTP/1.1', `content-TYPE:${sent}`, 'Content-Length: 0', '');
    const [request] = read([Buffer.from(head)]);
    assert.ok(request !== undefined && !(request instanceof WireFault) && request.type === 'request');
    assert.equal(request.contentType, expected);
  });
}

test('no bytes make it throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), places, (bytes, cuts) => {
      read(cut(Buffer.concat([Buffer.from('POST / HTTP/1.1\r\n'), bytes]), cuts));
    }),
  );
});

test('a response counts its body in bytes', () => {
  assert.equal(
    httpResponse(200, 'text/plain', 'é', true),
    lines('HTTP/1.1 200 OK', 'Content-Type: text/plain', 'Content-Length: 2', 'Connection: keep-alive', '') +
      'é',
  );
  assert.deepEqual(
    httpResponse(404, undefined, Buffer.from([0xff]), false),
    Buffer.concat([
      Buffer.from(lines('HTTP/1.1 404 Not Found', 'Content-Length: 1', 'Connection: close', '')),
      Buffer.from([0xff]),
    ]),
  );
});
