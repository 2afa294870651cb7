import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { WireFault } from '../../src/wire/fault.ts';
import { createHttpReader } from '../../src/wire/http.ts';
import { readAll } from '../helpers/readers.ts';
import { tempDirectory } from '../helpers/temp.ts';

/**
 * The same bytes through our reader and through Node's own parser. Ours may refuse more, and each known reason stands
 * here in a row; it must never take what Node refuses, nor understand otherwise what both take.
 */

type Request = readonly [method: string, target: string, body: string];

/** What a reader took before the end, or before it refused. */
interface Reading {
  readonly requests: readonly Request[];
  readonly refused: boolean;
}

function ours(bytes: Buffer): Reading {
  const reader = createHttpReader({
    maxHeaderBytes: 16_384,
    maxBodyBytes: 100_000,
    bodySetting: 'the limit',
  });
  const read = readAll(reader, [bytes]);
  const requests: Request[] = [];
  for (const message of read) {
    if (message instanceof WireFault || message.type === 'continue') continue;
    requests.push([message.method, message.target, message.body.toString('latin1')]);
    // The connection closes behind its answer: what follows is read by nobody.
    if (!message.keepAlive) break;
  }
  return { requests, refused: read.some((message) => message instanceof WireFault) };
}

interface Peer {
  read(bytes: Buffer): Promise<Reading>;
}

/** A node:http server with its defaults; one connection at a time. */
async function nodePeer(t: TestContext): Promise<Peer> {
  const path = join(tempDirectory(t), 'http');
  let requests: Request[] = [];
  let refused = false;
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      requests.push([request.method ?? '', request.url ?? '', Buffer.concat(chunks).toString('latin1')]);
      response.end();
    });
  });
  server.on('clientError', (_error, socket) => {
    refused = true;
    socket.destroy();
  });
  server.on('checkContinue', (request, response) => server.emit('request', request, response));
  server.listen(path);
  await once(server, 'listening');
  t.after(() => server.close());
  return {
    read: async (bytes) => {
      requests = [];
      refused = false;
      const socket = connect({ path, allowHalfOpen: true });
      socket.on('error', () => {});
      socket.resume();
      socket.end(bytes);
      await once(socket, 'close');
      return { requests, refused };
    },
  };
}

const text = (...lines: string[]): string => lines.map((line) => `${line}\r\n`).join('');

/** Both take these, and understand the same. */
const AGREED = [
  text('GET / HTTP/1.1', 'Host: x', ''),
  `${text('POST /a?b=c HTTP/1.1', 'Host: x', 'Content-Length: 3', '')}abc${text('GET /d HTTP/1.1', 'Host: x', '')}`,
  text('POST / HTTP/1.1', 'Host: x', 'Transfer-Encoding: chunked', '', '3', 'abc', '0', 'Trailer: x', ''),
  text('GET / HTTP/1.0', ''),
];

/** Node takes these, ours does not. */
const STRICTER: [string, string][] = [
  [
    'a chunk extension has no use, and readers differ on its end',
    text('POST / HTTP/1.1', 'Host: x', 'Transfer-Encoding: chunked', '', '1;a=b', 'x', '0', ''),
  ],
  [
    'a chunk size of more than eight digits is over every limit',
    text('POST / HTTP/1.1', 'Host: x', 'Transfer-Encoding: chunked', '', '0000000001', 'x', '0', ''),
  ],
];

/** Ours takes these, Node does not: HTTP/1.1 asks for a Host header, which xapi's older clients do not send. */
const WITHOUT_HOST = text('GET / HTTP/1.1', '');

for (const [index, request] of AGREED.entries()) {
  test(`both take request ${index + 1} and understand the same`, async (t) => {
    const bytes = Buffer.from(request, 'latin1');
    const peer = await nodePeer(t);
    const node = await peer.read(bytes);
    assert.deepEqual(ours(bytes), node);
    assert.ok(node.requests.length > 0);
  });
}

for (const [reason, request] of STRICTER) {
  test(`stricter than Node: ${reason}`, async (t) => {
    const bytes = Buffer.from(request, 'latin1');
    const peer = await nodePeer(t);
    assert.equal((await peer.read(bytes)).refused, false);
    assert.equal(ours(bytes).refused, true);
  });
}

test('a Host header is asked for by Node alone', async (t) => {
  const peer = await nodePeer(t);
  assert.equal((await peer.read(Buffer.from(WITHOUT_HOST))).requests.length, 0);
  assert.equal(ours(Buffer.from(WITHOUT_HOST)).requests.length, 1);
});

/** Pieces of requests, put together and mutilated: what is likely to be understood in two ways. */
const line = fc.constantFrom(
  'Content-Length: 3',
  'content-length: 0',
  'Content-Length: 5 ',
  'Content-Length: 03',
  'Content-Length : 3',
  'Content-Length: +3',
  'Content-Length: 3, 3',
  'Content-Length:\t3',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: Chunked ',
  'Transfer-Encoding: identity',
  'Transfer-Encoding: chunked, chunked',
  'Transfer-Encoding:\x0bchunked',
  'transfer-encoding : chunked',
  'Transfer_Encoding: chunked',
  'Connection: keep-alive',
  'X: y',
  ' folded',
  'X:',
  'X y',
);
const lineEnd = fc.oneof(
  { weight: 8, arbitrary: fc.constant('\r\n') },
  fc.constantFrom('\n', '\r', '\r\r\n', ''),
);
const body = fc.constantFrom(
  '',
  'abc',
  'abcde',
  '3\r\nabc\r\n0\r\n\r\n',
  '3\nabc\n0\n\n',
  '3\r\nabcd\r\n0\r\n\r\n',
  '0\r\nA: b\r\n\r\n',
  '03\r\nabc\r\n0\r\n\r\n',
  'G\r\n',
  '-1\r\n',
  '0x3\r\nabc\r\n0\r\n\r\n',
);
const requestLine = fc.constantFrom(
  'POST / HTTP/1.1',
  'GET /a HTTP/1.1',
  'POST /b HTTP/1.0',
  'POST  / HTTP/1.1',
  'POST / HTTP/1.1 ',
  'POST /\tHTTP/1.1',
  'POST / http/1.1',
  'POST / HTTP/01.1',
);
const request = fc
  .tuple(requestLine, lineEnd, fc.array(fc.tuple(line, lineEnd), { maxLength: 3 }), lineEnd, body)
  .map(([first, firstEnd, headers, last, content]) => {
    const head = headers.map(([header, end]) => header + end).join('');
    return `${first}${firstEnd}Host: x\r\n${head}${last}${content}`;
  });

test('what both take of mutilated requests, both understand the same; what Node refuses, ours refuses', async (t) => {
  const peer = await nodePeer(t);
  await fc.assert(
    fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 3 }), async (requests) => {
      const bytes = Buffer.from(requests.join(''), 'latin1');
      const mine = ours(bytes);
      const node = await peer.read(bytes);
      const common = Math.min(mine.requests.length, node.requests.length);
      assert.deepEqual(mine.requests.slice(0, common), node.requests.slice(0, common));
      assert.ok(mine.requests.length <= node.requests.length || !node.refused, 'ours took what Node refused');
    }),
    { numRuns: 400 },
  );
});
