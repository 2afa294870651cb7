import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { farewell, type Peer, reply } from '../../src/wire/conversation.ts';
import { connectClient } from '../helpers/client.ts';
import { lines, listen } from './helpers.ts';

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
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const answer = (line: string) => reply(line === 'much' ? MUCH : 'little');
  const { path } = await listen(t, () => Object.assign(lines(answer), { patience: 1000 }));
  const client = await connectClient(t, path);
  client.send('much\nlittle\n');
  // The second answer leaves when the first has been taken.
  await client.receive(MUCH.length + 'little'.length);
  t.mock.timers.tick(1000);
  client.send('little\n');
  await client.receive('little'.length);
});

test('a last answer is not cut off, however slowly it is read', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { path } = await listen(t, () => lines(() => farewell(MUCH)));
  const client = await connectClient(t, path);
  client.socket.pause();
  client.send('a\n');
  // The first bytes are here, and the rest waits.
  await once(client.socket, 'readable');
  t.mock.timers.tick(60_000);
  client.socket.resume();
  assert.equal((await client.receiveAll()).length, MUCH.length);
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
  t.mock.timers.enable({ apis: ['setTimeout'] });
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
  t.mock.timers.tick(1000);
});
