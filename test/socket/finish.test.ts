import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
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
  await socket.stopListening();
  socket.finish();
  assert.equal((await client.receiveAll()).toString(), 'unread\n');
  await socket.drained;
});

test('connections that nobody has taken yet when the end begins are answered, too', async (t) => {
  const socket = await listen(t, () => lines(echo), { endReading });
  const words = Array.from({ length: 20 }, (_, at) => `waiting ${at}\n`);
  const answers = words.map((word) => {
    // Both are done by the kernel at once; the daemon takes the connection after this turn, or a later one.
    const waiting = connect(socket.path);
    waiting.end(word);
    return text(waiting);
  });
  await socket.stopListening();
  socket.finish();
  assert.deepEqual(await Promise.all(answers), words);
  await socket.drained;
});

test('a client that sends when the end has begun is told that nobody takes it', async (t) => {
  const held = Promise.withResolvers<void>();
  const socket = await listen(t, () => lines((line) => held.promise.then(() => echo(line))), { endReading });
  const client = await connectClient(t, socket.path);
  client.send('slow\n');
  await socket.stopListening();
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
  await socket.stopListening();
  socket.finish();
  assert.equal((await client.receiveAll()).toString(), `slow\n${many}`);
});
