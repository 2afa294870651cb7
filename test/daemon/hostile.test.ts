import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { type Client, connectClient } from '../helpers/client.ts';
import { QUEUE, startDaemonProcess } from '../helpers/daemon.ts';

const LS = '{"method":"Plugin.ls","params":[{"dbg":"me"}],"id":1}';
const ANSWER = '{"result":[],"error":null,"id":1}';

/** What a connection may begin with, and pieces that its protocols are made of, so that chance gets far. */
const PIECES: readonly (string | Buffer)[] = [
  LS,
  '{"jsonrpc":"2.0","method":"Plugin.ls","id":',
  '[',
  ']',
  '{',
  '}',
  '"',
  '\\u0000',
  '\\ud800',
  '1e999',
  '0000000000000053',
  '9999999999999999',
  'POST / HTTP/1.1\r\n',
  'GET /list/ HTTP/1.1\r\n',
  'GET /login/x HTTP/1.1\r\n\r\n',
  'GET /transient/q HTTP/1.1\r\n\r\n',
  'POST /request/q/q HTTP/1.1\r\nContent-Length: 4\r\n\r\nabcd',
  `POST /request/${QUEUE}/q HTTP/1.1\r\nContent-Length: 4\r\n\r\nabcd`,
  'POST /transfer HTTP/1.1\r\nContent-Length: 30\r\n\r\n{"timeout":0.01,"queues":["q"]}',
  'GET /ack/q/0 HTTP/1.1\r\n\r\n',
  'GET /trace/-1/0 HTTP/1.1\r\n\r\n',
  'Content-Length: 5\r\n',
  'Content-Length: 99999999999999999999\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Expect: 100-continue\r\n',
  '\r\n',
  'ffffffff\r\n',
  '<methodCall><methodName>Plugin.ls</methodName>',
  '</',
  '<!DOCTYPE a [<!ENTITY b "c">]>',
  Buffer.from([0x94, 0, 1, 0xa9]),
  Buffer.from('Plugin.ls'),
  Buffer.from([0x91, 0x81, 0xa3]),
  Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff]),
  Buffer.from([0xc6, 0x7f, 0xff, 0xff, 0xff]),
  Buffer.from([0xff, 0xfe, 0]),
];

const bytes = fc
  .array(
    fc.oneof(
      fc.constantFrom(...PIECES).map((piece) => Buffer.from(piece)),
      fc.uint8Array({ maxLength: 20 }).map((array) => Buffer.from(array)),
    ),
    { maxLength: 12 },
  )
  .map((pieces) => Buffer.concat(pieces));

async function assertAnswers(client: Client): Promise<void> {
  client.send(LS);
  assert.equal(await client.receiveLine(), ANSWER);
}

/** Sends the bytes and shuts down; settles when the daemon has closed. */
async function sendAndAwaitClose(t: TestContext, path: string, input: Buffer): Promise<void> {
  const client = await connectClient(t, path);
  client.send(input);
  client.end();
  await client.receiveAll();
  client.socket.destroy();
}

test('whatever bytes come, each connection is closed in the end, and the others live on', async (t) => {
  const daemon = await startDaemonProcess(t);
  const bystander = await connectClient(t, daemon.socket);
  await fc.assert(
    fc.asyncProperty(bytes, async (input) => {
      for (const path of [daemon.socket, daemon.switchSocket, daemon.storeSocket]) {
        await sendAndAwaitClose(t, path, input);
      }
      await assertAnswers(bystander);
    }),
    { numRuns: 300 },
  );
  assert.deepEqual(
    daemon.log.filter(({ level }) => level === 'error' || level === 'fatal'),
    [],
  );
});

test('a request that never becomes whole is ended after sockets.requestTimeout, in every protocol', async (t) => {
  const daemon = await startDaemonProcess(t, { flags: ['--sockets.requestTimeout=100ms'] });
  const begun = [LS.slice(0, 20), '0000000000000053{', 'POST / HTTP/1.1\r\nA: b', Buffer.from([0x94, 0, 1])];
  for (const input of begun) {
    const client = await connectClient(t, daemon.socket);
    client.send(input);
    assert.match((await client.receiveAll()).toString('latin1'), /sockets\.requestTimeout/);
  }
  const onSwitch = await connectClient(t, daemon.switchSocket);
  onSwitch.send('POST /request/a/b HTTP/1.1\r\nContent-Length: 5\r\n\r\nab');
  assert.match((await onSwitch.receiveAll()).toString(), /^HTTP\/1.1 408 /);
});

test('a connection on which nothing is asked stays open', async (t) => {
  const daemon = await startDaemonProcess(t, { flags: ['--sockets.requestTimeout=50ms'] });
  const idle = await connectClient(t, daemon.socket);
  const slow = await connectClient(t, daemon.socket);
  slow.send('{');
  await slow.receiveAll();
  await assertAnswers(idle);
});
