import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { farewell, type Peer, reply } from '../../src/wire/conversation.ts';
import { connectClient } from '../helpers/client.ts';
import { stopClock } from '../helpers/clock.ts';
import { LIMITS, lines, listen } from './helpers.ts';

const MUCH = 'x'.repeat(4 * 1024 * 1024);

test('a peer that leaves too much unread for longer than the conversation waits is closed', async (t) => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const start = () =>
    Object.assign(
      lines(() => reply(MUCH), resolve),
      { patience: 1 },
    );
  const { path } = await listen(t, start);
  const client = await connectClient(t, path);
  client.socket.pause();
  client.send('a\n');
  await promise;
});

test('a peer that has read in time lives on', async (t) => {
  const { pass } = stopClock(t);
  const answer = (line: string) => reply(line === 'much' ? MUCH : 'little');
  const { path } = await listen(t, () => Object.assign(lines(answer), { patience: 1000 }));
  const client = await connectClient(t, path);
  client.send('much\nlittle\n');
  // The second answer leaves when the first has been taken.
  await client.receive(MUCH.length + 'little'.length);
  pass(1000);
  await turn();
  client.send('little\n');
  await client.receive('little'.length);
});

test('a last answer is not cut off, however slowly it is read', async (t) => {
  const { pass } = stopClock(t);
  const { path } = await listen(t, () => lines(() => farewell(MUCH)));
  const client = await connectClient(t, path);
  client.socket.pause();
  client.send('a\n');
  // The first bytes are here, and the rest waits.
  await once(client.socket, 'readable');
  pass(60_000);
  await turn();
  client.socket.resume();
  assert.equal((await client.receiveAll()).length, MUCH.length);
});

for (const [what, asked] of [
  ['takes nothing of its last answer', 'a\n'],
  ['has more answers to come and takes none', 'a\nb\n'],
] as const)
  test(`a peer that ${what} holds up no end`, async (t) => {
    const limits = { ...LIMITS, slowReaderTimeout: 1 };
    const socket = await listen(t, () => lines(() => reply(MUCH)), { limits });
    const client = connect(socket.path);
    t.after(() => client.destroy());
    client.write(asked);
    // What is here stays here: nobody reads it.
    await once(client, 'readable');
    await socket.stopListening();
    socket.finish();
    await socket.drained;
  });

test('an answer that takes longer than its reader may is not cut off by the end', async (t) => {
  const [asked, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const answer = async (line: string) => {
    asked.resolve();
    await held.promise;
    return reply(line);
  };
  const socket = await listen(t, () => lines(answer), { limits: { ...LIMITS, slowReaderTimeout: 1 } });
  const client = await connectClient(t, socket.path);
  client.send('slow\n');
  await asked.promise;
  await socket.stopListening();
  socket.finish();
  setTimeout(() => held.resolve(), 20);
  assert.equal((await client.receiveAll()).toString(), 'slow');
});

test('a conversation is told that its peer is full, and is asked again when it no longer is', async (t) => {
  const peers: Peer[] = [];
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  let waiting = false;
  const { path } = await listen(t, (peer) => {
    peers.push(peer);
    const conversation = lines((line) => reply(line));
    const next = conversation.next.bind(conversation);
    return Object.assign(conversation, {
      next: () => {
        if (waiting && !peer.full) resolve();
        return next();
      },
    });
  });
  const client = await connectClient(t, path);
  client.send('a\n');
  await client.receive(1);
  const [peer = assert.fail()] = peers;
  assert.equal(peer.full, false);
  client.socket.pause();
  peer.send(MUCH);
  assert.equal(peer.full, true);
  waiting = true;
  client.socket.resume();
  await asked;
});

test('a closed peer leaves no clock behind', async (t) => {
  const { pass } = stopClock(t);
  const { promise, resolve } = Promise.withResolvers<void>();
  const start = () =>
    Object.assign(
      lines(() => reply(MUCH), resolve),
      { patience: 1000 },
    );
  const { path } = await listen(t, start);
  const client = await connectClient(t, path);
  client.socket.pause();
  client.send('a\n');
  await once(client.socket, 'readable');
  client.socket.destroy();
  await promise;
  pass(1000);
  await turn();
});
