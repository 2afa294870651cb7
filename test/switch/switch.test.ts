import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import fc from 'fast-check';
import { connectClient, exchange } from '../helpers/client.ts';
import { cut, places } from '../helpers/values.ts';
import { connectHttp, login, request, startSwitch } from './helpers.ts';

const transferFrom = (queue: string, from?: string, timeout = 60): string =>
  JSON.stringify({ ...(from === undefined ? {} : { from }), timeout, queues: [queue] });

test('a call goes from a client through a queue to a server and back, as xapi makes it', async (t) => {
  const { path } = await startSwitch(t);
  const [requests, events] = [await login(t, path, 'client'), await login(t, path, 'client')];
  const [serverRequests, serverEvents] = [await login(t, path, 'server'), await login(t, path, 'server')];
  assert.equal(await serverRequests.text('GET', '/persistent/service'), 'service');
  const awaited = serverEvents.text('POST', '/transfer', transferFrom('service'));
  assert.equal(await requests.text('GET', '/transient/client'), 'client');
  assert.equal(await requests.text('GET', '/persistent/service'), 'service');
  assert.equal(await requests.text('POST', '/request/service/client', 'ping'), '[["service",0]]');
  assert.equal(
    await awaited,
    '{"messages":[[["service",0],{"payload":"ping","kind":["Request","client"]}]],"next":"0"}',
  );
  const reply = events.text('POST', '/transfer', transferFrom('client'));
  assert.equal(await serverRequests.text('POST', '/response/client/service/0', 'pong'), '[["client",0]]');
  assert.equal(await serverRequests.text('GET', '/ack/service/0'), '');
  assert.equal(
    await reply,
    '{"messages":[[["client",0],{"payload":"pong","kind":["Response",["service",0]]}]],"next":"0"}',
  );
  assert.equal(await requests.text('GET', '/ack/client/0'), '');
});

test('a session lives as long as one of its connections', async (t) => {
  const { path, closed } = await startSwitch(t);
  const [first, second, other] = [
    await login(t, path, 'me'),
    await login(t, path, 'me'),
    await login(t, path, 'other'),
  ];
  await first.text('GET', '/transient/mine');
  first.end();
  await closed(1);
  assert.equal(await other.text('GET', '/list/'), '["mine"]');
  second.end();
  await closed(2);
  assert.equal(await other.text('GET', '/list/'), '[]');
});

test('a connection that logs in again keeps what its earlier session owns until it closes', async (t) => {
  const { path, closed } = await startSwitch(t);
  const [client, other] = [await login(t, path, 'first'), await login(t, path, 'other')];
  await client.text('GET', '/transient/of-first');
  await client.text('GET', '/login/second');
  await client.text('GET', '/transient/of-second');
  assert.equal(await other.text('GET', '/list/'), '["of-second","of-first"]');
  client.end();
  await closed(1);
  assert.equal(await other.text('GET', '/list/'), '[]');
});

test('answers keep the order of pipelined requests when a transfer ahead has to wait', async (t) => {
  const { path } = await startSwitch(t);
  const [client, sender] = [await login(t, path, 'client'), await login(t, path, 'sender')];
  await client.text('GET', '/persistent/q');
  client.send(
    Buffer.concat([
      request('POST', '/transfer', transferFrom('q')),
      request('GET', '/list/q'),
      request('GET', '/ack/q/0'),
      request('GET', '/login/again'),
    ]),
  );
  await sender.text('POST', '/request/q/r', 'x');
  const bodies = [];
  for (let index = 0; index < 4; index += 1) bodies.push((await client.answer()).body.toString());
  const [message, ...rest] = bodies;
  assert.match(message ?? '', /^\{"messages":\[\[\["q",0\],/);
  assert.deepEqual(rest, ['["q"]', '', '']);
});

test('any split of the bytes of a conversation gives the same answers', async (t) => {
  const bytes = Buffer.concat([
    request('GET', '/login/me'),
    request('GET', '/persistent/q'),
    request('POST', '/request/q/r', 'a payload\r\n\r\nwith a blank line'),
    request('POST', '/transfer', transferFrom('q', '-1')),
    request('GET', '/destroy/q'),
  ]);
  const fresh = await startSwitch(t);
  const whole = await exchange(t, fresh.path, bytes);
  assert.match(whole, /with a blank line/);
  await fc.assert(
    fc.asyncProperty(places, async (at) => {
      const { path } = await startSwitch(t);
      const client = await connectClient(t, path);
      for (const piece of cut(bytes, at)) {
        client.send(piece);
        await new Promise((resolve) => setImmediate(resolve));
      }
      client.end();
      assert.equal((await client.receiveAll()).toString(), whole);
    }),
    { numRuns: 30 },
  );
});

test('every split of one request into two packets gives the same answer', async (t) => {
  const { path } = await startSwitch(t);
  const client = await login(t, path, 'me');
  await client.text('GET', '/persistent/q');
  const bytes = request('POST', '/request/q/r', 'hello');
  for (let at = 1; at < bytes.length; at += 1) {
    client.send(bytes.subarray(0, at));
    await new Promise((resolve) => setImmediate(resolve));
    client.send(bytes.subarray(at));
    assert.equal((await client.answer()).body.toString(), `[["q",${at - 1}]]`);
  }
});

test('a client that leaves during its transfer takes its session and queues with it', async (t) => {
  const { path, closed } = await startSwitch(t);
  const [leaver, other] = [await login(t, path, 'leaver'), await login(t, path, 'other')];
  await leaver.text('GET', '/transient/mine');
  const arrived = other.text('POST', '/transfer', transferFrom('signal'));
  leaver.send(request('POST', '/transfer', transferFrom('mine')));
  const third = await login(t, path, 'third');
  await third.text('GET', '/persistent/signal');
  await third.text('POST', '/request/signal/', 'x');
  await arrived;
  leaver.socket.destroy();
  await closed(1);
  assert.equal(await other.text('GET', '/list/mine'), '[]');
  assert.equal(await other.text('POST', '/request/mine/', 'too late'), '[]');
});

test('a client that shuts down writing while it waits gets its answer at once, then the close', async (t) => {
  const { path } = await startSwitch(t);
  const client = await login(t, path, 'me');
  const again = request('POST', '/transfer', transferFrom('none'));
  client.send(Buffer.concat([again, again]));
  client.end();
  const text = (await client.receiveAll()).toString();
  assert.equal(text.match(/\{"messages":\[\],"next":"-1"\}/g)?.length, 2);
});

test('a payload of any bytes comes back byte for byte', async (t) => {
  const { path } = await startSwitch(t);
  const client = await login(t, path, 'me');
  await client.text('GET', '/persistent/q');
  const payload = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
  await client.ask('POST', '/request/q/r', payload);
  const { body } = await client.ask('POST', '/transfer', transferFrom('q'));
  const [[, message]] = JSON.parse(body.toString('latin1')).messages;
  assert.deepEqual(Buffer.from(message.payload, 'latin1'), payload);
});

test('a payload of 1 MiB comes through whole', async (t) => {
  const { path } = await startSwitch(t);
  const client = await login(t, path, 'me');
  await client.text('GET', '/persistent/q');
  const payload = 'é"\n'.repeat(2 ** 18);
  assert.equal(Buffer.byteLength(payload), 2 ** 20);
  await client.text('POST', '/request/q/r', payload);
  const [[, message]] = JSON.parse(await client.text('POST', '/transfer', transferFrom('q'))).messages;
  assert.ok(message.payload === payload);
});

test('a body over switch.maxMessageBytes is refused before it is read, and the connection closes', async (t) => {
  const { path, refusals } = await startSwitch(t, { maxMessageBytes: 100 });
  const [client, other] = [await login(t, path, 'me'), await login(t, path, 'other')];
  client.send('POST /request/q/r HTTP/1.1\r\ncontent-length: 101\r\n\r\n');
  const { status, body } = await client.answer();
  assert.equal(status, 413);
  assert.equal(body.toString(), 'a body of 101 bytes is over switch.maxMessageBytes (100)');
  assert.equal((await client.receiveAll()).length, 0);
  assert.deepEqual(refusals, [body.toString()]);
  assert.equal(await other.text('GET', '/list/'), '[]');
});

test('a connection stays open for more requests, and closes after one that asks for that', async (t) => {
  const { path } = await startSwitch(t);
  const client = await connectHttp(t, path);
  assert.match((await client.ask('GET', '/login/me')).head, /^connection: keep-alive$/m);
  client.send('GET /list/ HTTP/1.1\r\nConnection: close\r\n\r\nGET /list/ HTTP/1.1\r\n\r\n');
  const { status, head } = await client.answer();
  assert.equal(status, 200);
  assert.match(head, /^connection: close$/m);
  assert.equal((await client.receiveAll()).length, 0);
});

test('a request without a Host, with one, and with a body in chunks are all understood', async (t) => {
  const { path } = await startSwitch(t);
  const client = await connectHttp(t, path);
  client.send('GET /login/me HTTP/1.1\r\n\r\n');
  client.send('GET /persistent/q HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n');
  client.send(
    'POST /request/q/r HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n',
  );
  client.send(request('POST', '/transfer', transferFrom('q')));
  const bodies = [];
  for (let index = 0; index < 4; index += 1) bodies.push((await client.answer()).body.toString());
  const message = '[["q",0],{"payload":"abc","kind":["Request","r"]}]';
  assert.deepEqual(bodies, ['', 'q', '[["q",0]]', `{"messages":[${message}],"next":"0"}`]);
});

test('a client that waits with its body for the word to go on gets it', async (t) => {
  const { path } = await startSwitch(t);
  const client = await login(t, path, 'me');
  await client.text('GET', '/persistent/q');
  client.send('POST /request/q/r HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n');
  assert.equal(await client.receiveLine(), 'HTTP/1.1 100 Continue\r');
  assert.equal(await client.receiveLine(), '\r');
  client.send('ab');
  assert.equal((await client.answer()).body.toString(), '[["q",0]]');
});

test('a HEAD is answered without a body, so that the next answer is understood', async (t) => {
  const { path } = await startSwitch(t);
  const client = await connectHttp(t, path);
  const { status, body } = await client.ask('HEAD', '/');
  assert.deepEqual([status, body.length], [404, 0]);
  assert.equal((await client.ask('GET', '/login/me')).status, 200);
});

test('what is no HTTP is answered with 400 and the close, and others live on', async (t) => {
  const { path, refusals } = await startSwitch(t);
  const other = await login(t, path, 'other');
  await other.text('GET', '/transient/mine');
  const waiting = other.text('POST', '/transfer', transferFrom('mine'));
  for (const bytes of ['hello\r\n\r\n', 'GET / HTTP/1.1\r\nno colon\r\n\r\n', 'GET / HTTP/1.1\n\n']) {
    const client = await connectHttp(t, path);
    client.send(bytes);
    assert.equal((await client.answer()).status, 400);
    assert.equal((await client.receiveAll()).length, 0);
  }
  assert.equal(refusals.length, 3);
  const sender = await login(t, path, 'sender');
  await sender.text('POST', '/request/mine/r', 'still here');
  assert.match(await waiting, /still here/);
});

test('a refusal is told to whoever keeps the log, with the words that the client got', async (t) => {
  const { path, refusals } = await startSwitch(t);
  const client = await login(t, path, 'me');
  const { status, body } = await client.ask('GET', '/ack/q/x');
  assert.equal(status, 400);
  assert.deepEqual(refusals, [body.toString()]);
});

test('a shutdown needs a login, is answered, and is passed on once', async (t) => {
  const { path, shutdowns } = await startSwitch(t);
  const client = await connectHttp(t, path);
  assert.equal((await client.ask('POST', '/shutdown')).body.toString(), 'Please log in.');
  assert.equal(shutdowns(), 0);
  await client.text('GET', '/login/me');
  assert.equal(await client.text('POST', '/shutdown'), '');
  assert.equal(shutdowns(), 1);
});

test('a client that reads nothing holds up nobody else', async (t) => {
  const { path } = await startSwitch(t);
  const [lazy, other] = [await login(t, path, 'lazy'), await login(t, path, 'other')];
  await other.text('GET', '/persistent/q');
  await other.text('POST', '/request/q/r', 'x'.repeat(2 ** 20));
  lazy.socket.pause();
  const ask = request('POST', '/transfer', transferFrom('q'));
  lazy.send(Buffer.concat(Array.from({ length: 20 }, () => ask)));
  assert.equal(await other.text('GET', '/list/'), '["q"]');
  lazy.socket.resume();
  for (let index = 0; index < 20; index += 1) assert.equal((await lazy.answer()).status, 200);
  lazy.socket.destroy();
  await once(lazy.socket, 'close');
});
