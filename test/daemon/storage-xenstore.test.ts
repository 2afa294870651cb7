import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { kill, QUEUE } from '../helpers/daemon.ts';
import { logEvents } from '../helpers/events.ts';
import { fails, resultOf, SR, startStorage, throughSocket, VOLUME } from '../helpers/plugins.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { SR_PATH } from '../helpers/view.ts';
import { KINDS, startXenstored, type Xenstored } from '../helpers/xenstored.ts';
import { attachSr, scriptsOf, withStorage } from './storage-helpers.ts';

/** What is attached through the daemon stands in xenstore, and so in its own view. */

const NODE = `/local/domain/0/${SR_PATH}/${SR}`;

/** The store is waited for, however long it takes. */
const at = ({ socket }: Pick<Xenstored, 'socket'>, requestTimeout = '1h'): string[] => [
  ...['--xenstore.mode=socket', `--xenstore.socket=${socket}`, `--xenstore.requestTimeout=${requestTimeout}`],
  ...['--xenstore.startTimeout=1h', '--xenstore.settleTimeout=1h'],
];

/** XS_WATCH_EVENT of Xen's io/xs_wire.h, whose messages have their type first and the length of what follows last of 16 bytes. */
const WATCH_EVENT = 15;
const HEADER_BYTES = 16;

/** The store behind a socket on which it tells of changes as late as it may: with its next answer on the connection. */
async function lateTelling(t: TestContext, store: Xenstored): Promise<{ readonly socket: string }> {
  const socket = join(tempDirectory(t), 'late');
  const server = createServer((client) => {
    const peer = connect(store.socket);
    t.after(() => {
      for (const each of [client, peer]) each.destroy();
    });
    client.on('close', () => peer.destroy()).on('error', () => {});
    peer.on('close', () => client.destroy()).on('error', () => {});
    client.pipe(peer);
    let rest = Buffer.alloc(0);
    let held: Buffer[] = [];
    peer.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= HEADER_BYTES) {
        const end = HEADER_BYTES + rest.readUInt32LE(12);
        if (rest.length < end) return;
        const message = rest.subarray(0, end);
        rest = rest.subarray(end);
        held.push(message);
        if (message.readUInt32LE(0) === WATCH_EVENT) continue;
        client.write(Buffer.concat(held));
        held = [];
      }
    });
  }).listen(socket);
  t.after(() => server.close());
  await once(server, 'listening');
  return { socket };
}

/** The plugin of the SR in the store; nothing: it isn't there. */
async function publishedIn(store: Xenstored): Promise<string | undefined> {
  const client = await store.connect();
  const [uuid, plugin] = [await client.readText(`${NODE}/uuid`), await client.readText(`${NODE}/plugin`)];
  client.close();
  return uuid === SR ? plugin : undefined;
}

/** Settles when the store has the SR. */
async function untilPublished(store: Xenstored): Promise<void> {
  const events = logEvents();
  const client = await store.connect(events.listener);
  const path = `${NODE}/uuid`;
  await client.watch(path, 'published');
  // The first event comes when the watch is set.
  do await events.expect(path, 'published');
  while ((await client.readText(path)) !== SR);
  client.close();
}

for (const kind of KINDS) {
  test(`${kind} - SR.attach publishes the SR, and SR.detach takes it away`, async (t) => {
    const store = await startXenstored(t, kind);
    const { daemon } = await withStorage(t, { flags: at(store) });
    const call = throughSocket(t, daemon);
    const ls = () => resultOf(throughSocket(t, daemon, QUEUE)('Plugin.ls'));
    await attachSr(call);
    assert.equal(await publishedIn(store), VOLUME);
    assert.deepEqual(await ls(), [SR]);
    await resultOf(call('SR.detach', { sr: SR }));
    assert.equal(await publishedIn(store), undefined);
    assert.deepEqual(await ls(), []);
  });

  test(`${kind} - an attached SR is in the next answer, though the store tells of it late`, async (t) => {
    const { daemon } = await withStorage(t, {
      flags: at(await lateTelling(t, await startXenstored(t, kind))),
    });
    const call = throughSocket(t, daemon);
    const ls = () => resultOf(throughSocket(t, daemon, QUEUE)('Plugin.ls'));
    await attachSr(call);
    assert.deepEqual(await ls(), [SR]);
    await resultOf(call('SR.detach', { sr: SR }));
    assert.deepEqual(await ls(), []);
  });

  test(`${kind} - a store that was killed and came back empty has the attached SRs again`, async (t) => {
    const store = await startXenstored(t, kind);
    const { daemon } = await withStorage(t, { flags: at(store) });
    await attachSr(throughSocket(t, daemon));
    await store.kill('SIGKILL');
    await store.start();
    await untilPublished(store);
    assert.equal(await publishedIn(store), VOLUME);
  });

  test(`${kind} - a daemon that comes back has published what is attached before it serves`, async (t) => {
    const store = await startXenstored(t, kind);
    const flags = [...at(store), `--switch.stateDirectory=${join(tempDirectory(t), 'state')}`];
    const { plugins, daemon } = await withStorage(t, { flags });
    await attachSr(throughSocket(t, daemon));
    await kill(daemon);
    await store.kill('SIGKILL');
    await store.start();
    const next = await startStorage(t, plugins, { flags, directory: daemon.directory });
    assert.equal(await publishedIn(store), VOLUME);
    const ls = await resultOf(throughSocket(t, next, QUEUE)('Plugin.ls'));
    assert.deepEqual(ls, [SR]);
  });
}

test('an SR that can not be looked at is detached again, and is nowhere', async (t) => {
  const store = await startXenstored(t, 'c');
  const { plugins, daemon } = await withStorage(t, {
    flags: at(store),
    answering:
      ({ answer }) =>
      (call) =>
        call.method === 'SR.stat' ? fails('SR_does_not_exist', 'gone') : answer(call),
  });
  const call = throughSocket(t, daemon);
  const scripts = await scriptsOf(plugins, async () => {
    const { error } = await call('SR.attach', { sr: SR, device_config: { uri: 'u' } });
    assert.match(String(error), /^Backend_error_with_backtrace,SR_does_not_exist,/);
  });
  assert.deepEqual(scripts, ['SR.attach', 'SR.stat', 'SR.detach']);
  assert.deepEqual(await resultOf(call('SR.list')), []);
  assert.equal(await publishedIn(store), undefined);
});

test('an SR is attached while the store is away, and published when it is back', async (t) => {
  const store = await startXenstored(t, 'c');
  const { daemon } = await withStorage(t, { flags: at(store, '300ms') });
  await store.kill('SIGKILL');
  await attachSr(throughSocket(t, daemon));
  await daemon.logged(({ msg }) => msg === 'xenstore does not show yet what is attached');
  await store.start();
  await untilPublished(store);
});
