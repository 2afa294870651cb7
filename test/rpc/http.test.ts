import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { connectHttp, type HttpClient, request } from '../switch/helpers.ts';
import { serveEverything } from './serve.ts';

const call = (method: string, value: string, id: number): string =>
  JSON.stringify({ method, params: [{ value }], id });

async function connect(t: TestContext): Promise<HttpClient> {
  const { path } = await serveEverything(t);
  return connectHttp(t, path);
}

test('requests that come in one packet are answered in their order, a slow one first', async (t) => {
  const client = await connect(t);
  const calls = [
    call('Test.later', 'first', 1),
    call('Test.same', 'second', 2),
    call('Test.same', 'third', 3),
  ];
  client.send(Buffer.concat(calls.map((body) => request('POST', '/', body))));
  const answers = [await client.answer(), await client.answer(), await client.answer()];
  assert.deepEqual(
    answers.map(({ status, body }) => [status, JSON.parse(body.toString()).result]),
    [
      [200, 'first'],
      [200, 'second'],
      [200, 'third'],
    ],
  );
});

test('a connection is kept alive, and closed behind the answer to a request that asks for that', async (t) => {
  const client = await connect(t);
  for (const id of [1, 2])
    assert.equal((await client.ask('POST', '/', call('Test.same', 'x', id))).status, 200);
  const body = call('Test.same', 'last', 3);
  client.send(`POST /RPC2 HTTP/1.1\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  const { head } = await client.answer();
  assert.match(head, /^connection: close$/m);
  assert.equal((await client.receiveAll()).length, 0);
});

test('a page in a browser calls nothing, and may read what this is', async (t) => {
  const client = await connect(t);
  const body = call('Test.same', 'x', 1);
  const from = 'Sec-Fetch-Site: cross-site\r\n';
  client.send(`POST / HTTP/1.1\r\n${from}Content-Length: ${body.length}\r\n\r\n${body}`);
  const refused = await client.answer();
  assert.equal(refused.status, 403);
  assert.match(refused.body.toString(), /Sec-Fetch-Site/);
  client.send(`GET / HTTP/1.1\r\n${from}\r\n`);
  assert.equal((await client.answer()).status, 200);
});

test('XML that can not be read is answered by a fault, with a 200 as clients need it, and the connection goes on', async (t) => {
  const client = await connect(t);
  const { status, body } = await client.ask('POST', '/RPC2', '<methodCall><methodName>Test.same');
  assert.equal(status, 200);
  assert.match(body.toString(), /<fault>.*<name>faultCode<\/name><value><int>-32700<\/int>/s);
  assert.equal((await client.ask('POST', '/', call('Test.same', 'x', 1))).status, 200);
});

test('XML that two readers could read differently is a 400 and the close', async (t) => {
  const client = await connect(t);
  const { status } = await client.ask('POST', '/', '<!DOCTYPE a [<!ENTITY b "c">]><methodCall/>');
  assert.equal(status, 400);
  assert.equal((await client.receiveAll()).length, 0);
});

const OTHERS: readonly (readonly [string, string, number, RegExp])[] = [
  ['GET', '/', 200, /^This is datapathd, serving the queue test\.queue\./],
  ['GET', '/elsewhere', 404, /^Not found: \/elsewhere\n$/],
  ['PUT', '/', 405, /^PUT: expected POST or GET\n$/],
];
for (const [method, target, status, text] of OTHERS) {
  test(`${method} ${target} is answered with ${status}, and the connection goes on`, async (t) => {
    const client = await connect(t);
    const answer = await client.ask(method, target);
    assert.equal(answer.status, status);
    assert.match(answer.body.toString(), text);
    assert.equal((await client.ask('POST', '/', call('Test.same', 'x', 1))).status, 200);
  });
}

test('a HEAD is answered without a body, so that the next answer is understood', async (t) => {
  const client = await connect(t);
  assert.equal((await client.ask('HEAD', '/')).status, 405);
  assert.equal((await client.ask('POST', '/', call('Test.same', 'x', 1))).status, 200);
});

test('a client that waits with its body for the word to go on gets it', async (t) => {
  const client = await connect(t);
  const body = call('Test.same', 'x', 1);
  client.send(`POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: ${body.length}\r\n\r\n`);
  assert.equal(await client.receiveLine(), 'HTTP/1.1 100 Continue\r');
  assert.equal(await client.receiveLine(), '\r');
  client.send(body);
  assert.equal((await client.answer()).status, 200);
});
