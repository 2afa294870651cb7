import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Peer, type Reply, reply } from '../../src/wire/conversation.ts';
import { connectClient, exchange } from '../helpers/client.ts';
import { stopClock } from '../helpers/clock.ts';
import { echo, LIMITS, lines, listen } from './helpers.ts';

test('a client that shuts down writing gets every answer before the close', async (t) => {
  const { path } = await listen(t, () => lines(echo));
  assert.equal(await exchange(t, path, 'a\nb\nc\n'), 'a\nb\nc\n');
});

test('a client that shuts down writing while its answer takes time still gets it', async (t) => {
  const { promise, resolve } = Promise.withResolvers<Reply>();
  const { path } = await listen(t, () => lines(() => promise));
  const client = await connectClient(t, path);
  client.send('slow\n');
  client.end();
  await once(client.socket, 'finish');
  resolve(reply('late\n'));
  assert.equal((await client.receiveAll()).toString(), 'late\n');
});

test('what is half here when the client shuts down writing is answered, then the connection closes', async (t) => {
  const { path } = await listen(t, () => lines(echo));
  assert.equal(await exchange(t, path, 'a\nb'), 'a\nhalf a line\n');
});

test('answers keep the order of the requests when some take longer', async (t) => {
  const delayed = (line: string) =>
    line.startsWith('slow')
      ? new Promise<Reply>((resolve) => setImmediate(() => resolve(echo(line))))
      : echo(line);
  const { path } = await listen(t, () => lines(delayed));
  assert.equal(await exchange(t, path, 'slow1\nfast\nslow2\nfast2\n'), 'slow1\nfast\nslow2\nfast2\n');
});

test('any split of the bytes gives the same answers', async (t) => {
  const { path } = await listen(t, () => lines(echo));
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '\n'), maxLength: 9 })),
      async (parts) => {
        const client = await connectClient(t, path);
        for (const part of parts) client.send(part);
        client.send('\n');
        client.end();
        assert.equal((await client.receiveAll()).toString(), `${parts.join('')}\n`);
      },
    ),
    { numRuns: 30 },
  );
});

test('bytes sent outside of a reply arrive', async (t) => {
  const peers: Peer[] = [];
  const { path } = await listen(t, (peer) => {
    peers.push(peer);
    return lines(echo);
  });
  const client = await connectClient(t, path);
  client.send('hello\n');
  assert.equal(await client.receiveLine(), 'hello');
  peers[0]?.send('event\n');
  assert.equal(await client.receiveLine(), 'event');
});

test('a request begun that is not whole in time gets the last words and the close', async (t) => {
  const limits = { ...LIMITS, requestTimeout: 20 };
  const { path } = await listen(t, () => lines(echo), { limits });
  const client = await connectClient(t, path);
  client.send('whole\nhalf');
  assert.equal((await client.receiveAll()).toString(), 'whole\ntoo slow\n');
});

test('a request whose rest is here when its time is over is answered: nobody had read it yet', async (t) => {
  const { passUnread } = stopClock(t);
  const begun = Promise.withResolvers<void>();
  const conversation = lines(echo);
  const push = conversation.push.bind(conversation);
  conversation.push = (chunk) => {
    push(chunk);
    begun.resolve();
  };
  const { path } = await listen(t, () => conversation);
  const client = await connectClient(t, path);
  client.send('ha');
  await begun.promise;
  client.send('lf\n');
  passUnread(LIMITS.requestTimeout);
  assert.equal(await client.receiveLine(), 'half');
});

test('a connection on which nothing is begun may stay idle', async (t) => {
  const limits = { ...LIMITS, requestTimeout: 1 };
  const { path } = await listen(t, () => lines(echo), { limits });
  const idle = await connectClient(t, path);
  idle.send('one\n');
  assert.equal(await idle.receiveLine(), 'one');
  const late = await connectClient(t, path);
  late.send('half');
  await late.receiveAll();
  idle.send('two\n');
  assert.equal(await idle.receiveLine(), 'two');
});

test('an answer that takes longer than a request may is not cut off', async (t) => {
  const limits = { ...LIMITS, requestTimeout: 1 };
  const answer = Promise.withResolvers<Reply>();
  const { path } = await listen(t, () => lines((line) => (line === 'slow' ? answer.promise : echo(line))), {
    limits,
  });
  const client = await connectClient(t, path);
  client.send('slow\nhalf of the next');
  const other = await connectClient(t, path);
  other.send('half');
  await other.receiveAll();
  answer.resolve(reply('here\n'));
  assert.equal(await client.receiveLine(), 'here');
});

test('a peer that does not read is held back, and its answers all come when it does', async (t) => {
  let answered = 0;
  const big = 'x'.repeat(64 * 1024);
  const limits = { ...LIMITS, maxUnsentBytes: 256 * 1024 };
  const start = () =>
    lines(() => {
      answered += 1;
      return reply(`${big}\n`);
    });
  const { path } = await listen(t, start, { limits });
  const lazy = await connectClient(t, path);
  lazy.socket.pause();
  lazy.send('q\n'.repeat(200));
  const other = await connectClient(t, path);
  for (let round = 0; round < 20; round += 1) {
    other.send('q\n');
    await other.receive(big.length + 1);
  }
  assert.ok(answered - 20 < 100, `${answered - 20} answers were made for a peer that reads none`);
  lazy.socket.resume();
  const all = await lazy.receive(200 * (big.length + 1));
  assert.equal(all.length, 200 * (big.length + 1));
});

test('a peer that goes away while its answer takes time ends its conversation', async (t) => {
  const gone = Promise.withResolvers<void>();
  const never = new Promise<Reply>(() => {});
  const asked = Promise.withResolvers<void>();
  const start = () =>
    lines(() => {
      asked.resolve();
      return never;
    }, gone.resolve);
  const socket = await listen(t, start);
  const client = await connectClient(t, socket.path);
  client.send('q\n');
  await asked.promise;
  assert.equal(socket.counters.open, 1);
  client.socket.destroy();
  socket.destroy();
  await gone.promise;
  assert.equal(socket.counters.open, 0);
});

test('what a peer sends after the last words does not take them from it', async (t) => {
  const limits = { ...LIMITS, requestTimeout: 20 };
  const { path } = await listen(t, () => lines(echo), { limits });
  const client = await connectClient(t, path);
  client.send('half');
  const words = client.receiveLine();
  client.send('more'.repeat(1000));
  assert.equal(await words, 'too slow');
});
