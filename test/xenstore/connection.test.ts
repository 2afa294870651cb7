import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Operation, PacketReader, writePacket } from '../../src/wire/xenstore.ts';
import { connect } from '../../src/xenstore/connection.ts';
import { XenstoreError } from '../../src/xenstore/errors.ts';
import { logEvents } from '../helpers/events.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { CLIENT_OPTIONS, KINDS, RUN_XENSTORED, startXenstored } from '../helpers/xenstored.ts';

/** What our client must put up with, one by one, against the daemon that has it. */

const rejects = (promise: Promise<unknown>, code: string) =>
  assert.rejects(promise, (error) => {
    assert.ok(error instanceof XenstoreError, String(error));
    assert.equal(error.code, code);
    return true;
  });

/** A server in place of a store, for what no real one can be made to do: it hands over each connection. */
async function fakeStore(t: TestContext, serve: (socket: Socket) => void): Promise<string> {
  const path = join(tempDirectory(t), 'fake');
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    serve(socket);
  });
  server.listen(path);
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return path;
}

const connectTo = async (t: TestContext, path: string, options: Partial<typeof CLIENT_OPTIONS> = {}) => {
  const connection = await connect({ ...CLIENT_OPTIONS, ...options, path, onEvent: () => {} });
  t.after(() => connection.close());
  return connection;
};

/** Answers each packet that a socket brings. */
function answering(
  socket: Socket,
  answer: (packet: { type: number; requestId: number; payload: Buffer }) => Buffer,
): void {
  const reader = new PacketReader({ maxPayloadBytes: 4096, setting: '' });
  socket.on('data', (chunk: Buffer) => {
    reader.push(chunk);
    for (let packet = reader.read(); packet !== undefined; packet = reader.read()) {
      if (!('type' in packet)) return;
      socket.write(answer(packet));
    }
  });
}

test('no request is sent with an empty payload, which oxenstored never answers', async (t) => {
  const payloads: number[] = [];
  const path = await fakeStore(t, (socket) =>
    answering(socket, ({ type, requestId, payload }) => {
      payloads.push(payload.length);
      return writePacket(type, requestId, 0, '1\0');
    }),
  );
  const client = await connectTo(t, path);
  await client.transaction(async () => {});
  await client.directory('');
  assert.ok(payloads.every((length) => length > 0));
});

test('oxenstored - a watcher whose process is busy does not make the store stand still', async (t) => {
  const store = await startXenstored(t, 'ocaml');
  const events = logEvents();
  const watcher = await store.connect(events.listener);
  const writer = await store.connect();
  await watcher.watch('/w', 'token');
  // More than the daemon keeps before it blocks: all of these are on their way while nothing is read here.
  const writes = Array.from({ length: 5000 }, (_, index) => writer.write(`/w/${index}`, 'v'));
  await Promise.all([...writes, watcher.read('/w')]);
  assert.equal(await writer.readText('/w/4999'), 'v');
});

test('xenstored - events that are merged still leave the last state to be read', async (t) => {
  const store = await startXenstored(t, 'c');
  const events = logEvents();
  const watcher = await store.connect(events.listener);
  const writer = await store.connect();
  await watcher.watch('/merged', 'token');
  await Promise.all(Array.from({ length: 1000 }, (_, index) => writer.write('/merged', `${index}`)));
  await events.expect('/merged', 'token');
  assert.equal(await watcher.readText('/merged'), '999');
});

for (const kind of KINDS) {
  test(`${kind} - the event of an own write comes, before or behind the reply`, async (t) => {
    const store = await startXenstored(t, kind);
    const events = logEvents();
    const client = await store.connect(events.listener);
    await client.watch('/own', 'token');
    await events.expect('/own', 'token');
    await client.write('/own', '1');
    await events.expect('/own', 'token');
  });

  test(`${kind} - a hundred clients that connect at once all get in`, async (t) => {
    const store = await startXenstored(t, kind);
    const clients = await Promise.all(Array.from({ length: 100 }, () => store.connect()));
    await Promise.all(clients.map((client) => client.directory('/')));
  });

  test(`${kind} - a payload over 4096 bytes is refused here, and the connection lives on`, async (t) => {
    const store = await startXenstored(t, kind);
    const client = await store.connect();
    await rejects(client.write('/a', 'x'.repeat(4095)), 'E2BIG');
    await rejects(client.read(`/${'x'.repeat(5000)}`), 'ENAMETOOLONG');
    await client.write('/a', 'small');
    assert.equal(await client.readText('/a'), 'small');
  });

  test(`${kind} - an unknown transaction and one inside another are errors with a name`, async (t) => {
    const store = await startXenstored(t, kind);
    const client = await store.connect();
    await client.transaction(async (tx) => {
      await client.write('/inside', '', tx);
    });
    let ended: Parameters<Parameters<typeof client.transaction>[0]>[0] | undefined;
    await client.transaction(async (tx) => {
      ended = tx;
    });
    await rejects(client.read('/inside', ended), kind === 'c' ? 'ENOENT' : 'EIO');
  });

  test(`${kind} - a path that the store does not take is EINVAL`, async (t) => {
    const store = await startXenstored(t, kind);
    const client = await store.connect();
    await rejects(client.read('//'), 'EINVAL');
    await rejects(client.read('/a b'), 'EINVAL');
    await rejects(client.read('/a\0b'), 'EINVAL');
  });

  test(`${kind} - killed with a thousand requests under way, all of them reject`, async (t) => {
    const store = await startXenstored(t, kind);
    const client = await store.connect();
    await client.write('/a', '1');
    await store.kill('SIGSTOP');
    const requests = Array.from({ length: 1000 }, () => client.read('/a'));
    const settled = Promise.allSettled(requests);
    await store.kill('SIGKILL');
    const outcomes = await settled;
    assert.ok(outcomes.every(({ status }) => status === 'rejected'));
    const reason = await client.closed;
    assert.ok(reason instanceof XenstoreError);
    await rejects(client.read('/a'), 'ECONNRESET');
  });

  test(`${kind} - after a restart the store is empty and a new connection works`, async (t) => {
    const store = await startXenstored(t, kind);
    const client = await store.connect();
    await client.write('/before', '1');
    await store.kill('SIGKILL');
    await client.closed;
    await store.start();
    const again = await store.connect();
    assert.equal(await again.readText('/before'), undefined);
  });

  test(`${kind} - a store that hangs is given up after the deadline`, async (t) => {
    const store = await startXenstored(t, kind);
    const client = await connectTo(t, store.socket, { requestTimeout: 200 });
    await store.kill('SIGSTOP');
    await rejects(client.read('/a'), 'ETIMEDOUT');
    await rejects(client.read('/a'), 'ETIMEDOUT');
    await store.kill('SIGCONT');
  });

  test(`${kind} - a store that has answered is not given up by a client that was held up itself`, async (t) => {
    const store = await startXenstored(t, kind);
    await (await store.connect()).write('/a', '1');
    const client = await connectTo(t, store.socket, { requestTimeout: 1 });
    const read = client.readText('/a');
    // It is sent behind this turn. Another client that has its answers holds up this process meanwhile.
    await null;
    execFileSync(RUN_XENSTORED, ['--client', store.directory, 'xenstore-read', '/a']);
    assert.equal(await read, '1');
  });
}

test('oxenstored - transactions that are made to conflict are run again until they are through', async (t) => {
  const store = await startXenstored(t, 'ocaml', { configuration: ['test-eagain = true'] });
  const client = await store.connect();
  let runs = 0;
  for (let round = 0; round < 40; round += 1) {
    await client.transaction(async (tx) => {
      runs += 1;
      await client.write('/t', `${round}`, tx);
    });
  }
  assert.equal(await client.readText('/t'), '39');
  assert.ok(runs > 40, `${runs} runs: none was run again`);
});

test('a payload larger than the setting ends the connection, with the setting in the reason', async (t) => {
  const path = await fakeStore(t, (socket) =>
    answering(socket, ({ type, requestId }) => writePacket(type, requestId, 0, Buffer.alloc(2000))),
  );
  const client = await connectTo(t, path, { maxPayloadBytes: 1000 });
  await assert.rejects(
    client.read('/a'),
    /a payload of 2000 bytes is over xenstore.maxPayloadBytes \(1000\): EPROTO/,
  );
});

test('an answer to a request that was not made ends the connection', async (t) => {
  const path = await fakeStore(t, (socket) =>
    answering(socket, ({ type, requestId }) => writePacket(type, requestId + 1, 0, 'x')),
  );
  const client = await connectTo(t, path);
  await rejects(client.read('/a'), 'EPROTO');
});

test('an error name that errno does not have comes through', async (t) => {
  const path = await fakeStore(t, (socket) =>
    answering(socket, ({ requestId }) => writePacket(Operation.ERROR, requestId, 0, 'EQUOTA\0')),
  );
  const client = await connectTo(t, path);
  await rejects(client.write('/a', '1'), 'EQUOTA');
});

test('a folder that changes at every part is given up in the end', async (t) => {
  let generation = 0;
  const path = await fakeStore(t, (socket) =>
    answering(socket, ({ type, requestId }) => {
      if (type === Operation.DIRECTORY) return writePacket(Operation.ERROR, requestId, 0, 'E2BIG\0');
      generation += 1;
      return writePacket(type, requestId, 0, `${generation}\0name\0`);
    }),
  );
  const client = await connectTo(t, path);
  await rejects(client.directory('/a'), 'EAGAIN');
});

test('never more requests are under way than the depth, and all are answered', async (t) => {
  let most = 0;
  const path = await fakeStore(t, (socket) => {
    let waiting: { type: number; requestId: number }[] = [];
    const reader = new PacketReader({ maxPayloadBytes: 4096, setting: '' });
    socket.on('data', (chunk: Buffer) => {
      reader.push(chunk);
      for (let packet = reader.read(); packet !== undefined; packet = reader.read()) {
        if ('type' in packet) waiting.push(packet);
      }
      most = Math.max(most, waiting.length);
      const answers = waiting.map(({ type, requestId }) => writePacket(type, requestId, 0, 'v'));
      waiting = [];
      socket.write(Buffer.concat(answers));
    });
  });
  const client = await connect({ ...CLIENT_OPTIONS, maxInFlight: 8, path, onEvent: () => {} });
  t.after(() => client.close());
  const read = await Promise.all(Array.from({ length: 1000 }, () => client.readText('/a')));
  assert.ok(read.every((value) => value === 'v'));
  assert.ok(most <= 8, `${most} were under way`);
});
