import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { endReading } from '../../src/posix.ts';
import { connectClient } from '../helpers/client.ts';
import { echo, lines, listen } from './helpers.ts';

test('a request that has left its client when the end begins is answered, though nobody has read it', async (t) => {
  const socket = await listen(t, () => lines(echo), { endReading });
  const client = await connectClient(t, socket.path);
  client.send('first\n');
  assert.equal(await client.receiveLine(), 'first');
  // Written into the socket at once, and read by the daemon only after this turn.
  client.send('unread\n');
  socket.stopListening();
  socket.finish();
  assert.equal((await client.receiveAll()).toString(), 'unread\n');
  await socket.drained;
});

test('a client that sends when the end has begun is told that nobody takes it', async (t) => {
  const held = Promise.withResolvers<void>();
  const socket = await listen(t, () => lines((line) => held.promise.then(() => echo(line))), { endReading });
  const client = await connectClient(t, socket.path);
  client.send('slow\n');
  socket.stopListening();
  socket.finish();
  const failed = once(client.socket, 'error');
  client.send('late\n');
  const [error] = await failed;
  assert.equal(error.code, 'EPIPE');
  held.resolve();
  await socket.drained;
});

test('an answer that waits for more to happen comes at the end, however much was sent behind its request', async (t) => {
  const ended = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  const conversation = lines((line) => {
    asked.resolve();
    return ended.promise.then(() => echo(line));
  });
  const { end } = conversation;
  conversation.end = () => {
    end();
    ended.resolve();
  };
  const socket = await listen(t, () => conversation, { endReading });
  const client = await connectClient(t, socket.path);
  client.send('slow\n');
  await asked.promise;
  const many = 'more\n'.repeat(27_000);
  client.send(many);
  socket.stopListening();
  socket.finish();
  assert.equal((await client.receiveAll()).toString(), `slow\n${many}`);
});
