import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { exchange } from '../helpers/client.ts';
import { connectHttp, request as httpRequest, login, startSwitch } from './helpers.ts';
import { connectRaw, inbox, loginPush, request, texts } from './push-helpers.ts';

test('a connection that begins with neither is told what is spoken here, and closed', async (t) => {
  const { path, refusals } = await startSwitch(t);
  for (const [first, byte] of [
    ['{"method":"list"}', '7b'],
    ['\xff', 'c3'],
    ['0000000000000002{}', '30'],
  ] as const) {
    const text = `this socket speaks HTTP and MessagePack-RPC; no message of these begins with the byte 0x${byte}`;
    assert.equal(await exchange(t, path, first), `${text}\n`);
    assert.equal(refusals.at(-1), text);
  }
  assert.equal(await exchange(t, path, '\x16\x03\x01'), 'no TLS is spoken here: the socket is local\n');
});

test('nothing but a login is carried out before the login', async (t) => {
  const { path } = await startSwitch(t);
  const client = await connectRaw(t, path);
  const refused = ['Not_logged_in', 'Please log in.'];
  client.write(
    [0, 1, 'switch.list', ['']],
    [0, 2, 'switch.subscribe', [0, ['q'], 1]],
    [0, 3, 'switch.publish', ['q', ['request', 'r'], '']],
    [0, 4, 'switch.ack', [[['q', [1]]]]],
    [0, 5, 'switch.create', ['q', 'persistent']],
  );
  for (let id = 1; id <= 5; id += 1) assert.deepEqual(await client.next(), [1, id, refused, null]);
});

test('a request that is wrong is answered, and those behind it as well', async (t) => {
  const { path, refusals } = await startSwitch(t);
  const client = await connectRaw(t, path);
  client.write([0, 1, 'switch.login', [1]], [7], [0, 2, 'switch.login', ['me']]);
  const text = 'switch.login: token: expected a text, got 1';
  assert.deepEqual(await client.next(), [1, 1, ['Invalid', text], null]);
  assert.equal(refusals[0], text);
  assert.match(String(await client.next()), /^1,,Invalid,a message: expected/);
  assert.deepEqual(await client.next(), [1, 2, null, null]);
});

test('a message that is too large ends the connection with the name of the setting', async (t) => {
  const { path } = await startSwitch(t, { maxMessageBytes: 1000 });
  const client = await connectRaw(t, path);
  client.write([0, 1, 'switch.login', ['me']]);
  client.send(Buffer.from('940002aec7', 'hex').subarray(0, 3));
  client.send(Buffer.from('dbffffffff', 'hex'));
  assert.deepEqual(await client.next(), [1, 1, null, null]);
  const text = 'a message of more than switch.maxMessageBytes and 64 KiB (66536) bytes';
  assert.deepEqual(await client.next(), [1, null, ['Invalid', text], null]);
  assert.equal(await client.next(), undefined);
});

test('half a message at the end is an error, and what was whole is answered', async (t) => {
  const { path } = await startSwitch(t);
  const client = await connectRaw(t, path);
  client.write([0, 1, 'switch.login', ['me']]);
  client.send(Buffer.from('9400', 'hex'));
  client.socket.end();
  assert.deepEqual(await client.next(), [1, 1, null, null]);
  assert.deepEqual(await client.next(), [1, null, ['Invalid', 'the message ended too early'], null]);
  assert.equal(await client.next(), undefined);
});

test('random bytes of a MessagePack client harm nobody', async (t) => {
  const { path } = await startSwitch(t);
  const other = await loginPush(t, path, 'other');
  await other.create('q', 'persistent');
  const message = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes));
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(0x90, 0x94, 0x93, 0xdc, 0xdd), message, async (first, rest) => {
      await exchange(t, path, Buffer.concat([Buffer.from([first]), rest]));
    }),
    { numRuns: 100 },
  );
  assert.deepEqual(await other.list(''), ['q']);
});

test('a subscriber that does not read is closed, and its queue is as it was', async (t) => {
  const { path, closed } = await startSwitch(t, { slowReaderTimeout: 1 });
  const sender = await loginPush(t, path, 'sender');
  await sender.create('q', 'persistent');
  const count = 20;
  const slow = await connectRaw(t, path);
  slow.write([0, 1, 'switch.login', ['slow']], [0, 2, 'switch.subscribe', [0, ['q'], 1000]]);
  await slow.next();
  await slow.next();
  slow.socket.pause();
  const payload = Buffer.alloc(256 * 1024, 'x');
  for (let n = 0; n < count; n += 1) await sender.publish('q', request('r'), payload);
  await closed(1);
  const came = inbox();
  const reader = await loginPush(t, path, 'reader');
  // One at a time: nobody reads more within that time.
  await reader.subscribe(['q'], { credit: 1 }, (message) => {
    came.deliver(message);
    // The last may not be answered any more.
    reader.ack(message.id).catch(() => {});
  });
  await came.count(count);
  assert.deepEqual(
    came.messages.map(({ id }) => id.id),
    Array.from({ length: count }, (_, id) => id),
  );
});

test('deliveries stop while the subscriber does not read, and go on when it does', async (t) => {
  const { path, broker } = await startSwitch(t);
  const sender = await loginPush(t, path, 'sender');
  await sender.create('q', 'persistent');
  const slow = await connectRaw(t, path);
  slow.write([0, 1, 'switch.login', ['slow']], [0, 2, 'switch.subscribe', [0, ['q'], 1000]]);
  await slow.next();
  await slow.next();
  let taken = 0;
  const take = broker.take.bind(broker);
  broker.take = (...words) => {
    const messages = take(...words);
    taken += messages.length;
    return messages;
  };
  slow.socket.pause();
  const count = 40;
  const payload = Buffer.alloc(256 * 1024, 'x');
  for (let n = 0; n < count; n += 1) await sender.publish('q', request('r'), payload);
  assert.ok(taken < count, 'all was taken though nothing was read');
  slow.socket.resume();
  for (let n = 0; n < count; n += 1) await slow.next();
  assert.equal(taken, count);
});

test('an HTTP client that does not read its answers is closed', async (t) => {
  const { path, closed } = await startSwitch(t, { slowReaderTimeout: 1 });
  const other = await login(t, path, 'other');
  await other.text('GET', '/persistent/q');
  await other.text('POST', '/request/q/r', Buffer.alloc(256 * 1024, 'x'));
  const slow = await connectHttp(t, path);
  slow.send(httpRequest('GET', '/login/slow'));
  await slow.answer();
  slow.socket.pause();
  const transfer = httpRequest('POST', '/transfer', JSON.stringify({ timeout: 0, queues: ['q'] }));
  slow.send(Buffer.concat(Array.from({ length: 40 }, () => transfer)));
  await closed(1);
  const came = inbox();
  const reader = await loginPush(t, path, 'reader');
  await reader.subscribe(['q'], { credit: 1 }, came.deliver);
  await came.count(1);
  assert.equal(texts(came.messages)[0]?.length, 256 * 1024);
});
