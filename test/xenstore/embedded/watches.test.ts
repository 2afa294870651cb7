import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { joinStrings, Operation, writePacket } from '../../../src/wire/xenstore.ts';
import { createEmbeddedStore } from '../../../src/xenstore/embedded/store.ts';
import { startEmbedded } from '../../helpers/embedded.ts';
import { connectPackets, type PacketClient } from './packets.ts';

/** Someone who watches, and someone who changes things. */
async function start(t: TestContext): Promise<{ watcher: PacketClient; writer: PacketClient }> {
  const store = await startEmbedded(t);
  return {
    watcher: await connectPackets(t, store.socket),
    writer: await connectPackets(t, store.socket),
  };
}

/** Watches, and takes the event that comes at once. */
async function watch(client: PacketClient, path: string, token = 'token'): Promise<void> {
  assert.equal(await client.ask('WATCH', joinStrings(path, token)), 'OK\0');
  assert.equal(await nextEvent(client), `${path} ${token}`);
}

async function nextEvent(client: PacketClient): Promise<string> {
  const { type, requestId, transactionId, payload } = await client.packet();
  assert.deepEqual([type, requestId, transactionId], [Operation.WATCH_EVENT, 0, 0]);
  return payload.toString().split('\0').slice(0, 2).join(' ');
}

/** That no event has come: what was sent before an answer comes before it. */
async function assertQuiet(client: PacketClient): Promise<void> {
  assert.equal(await client.ask('READ', '/local/domain/0/name\0'), 'Domain-0');
}

test('a watch tells once at the start, whether there is such a node or not', async (t) => {
  const { watcher } = await start(t);
  for (const path of ['/none/at/all', '/tool', '/', 'relative', '@introduceDomain', '@releaseDomain']) {
    await watch(watcher, path);
  }
  await assertQuiet(watcher);
});

test('it tells of what is written at its path and below, and of nothing beside it', async (t) => {
  const { watcher, writer } = await start(t);
  await watch(watcher, '/a/b');
  for (const path of ['/a/b', '/a/b/c', '/a/b/c/d/e', '/a', '/a/bb', '/b']) {
    await writer.ask('WRITE', `${path}\0value`);
  }
  assert.equal(await nextEvent(watcher), '/a/b token');
  assert.equal(await nextEvent(watcher), '/a/b/c token');
  assert.equal(await nextEvent(watcher), '/a/b/c/d/e token');
  await assertQuiet(watcher);
});

test('nodes made on the way, and nodes that are there already, are not told of', async (t) => {
  const { watcher, writer } = await start(t);
  await watch(watcher, '/a');
  await writer.ask('MKDIR', '/a/b/c\0');
  await writer.ask('MKDIR', '/a/b\0');
  await writer.ask('RM', '/a/none\0');
  assert.equal(await nextEvent(watcher), '/a/b/c token');
  await assertQuiet(watcher);
});

test('permissions that are set are told of', async (t) => {
  const { watcher, writer } = await start(t);
  await watch(watcher, '/');
  await writer.ask('SET_PERMS', '/tool\0n5\0');
  assert.equal(await nextEvent(watcher), '/tool token');
});

test('when an ancestor goes, each watch below is told its own path once, if there was a node', async (t) => {
  const { watcher, writer } = await start(t);
  await writer.ask('WRITE', '/a/b/c\0value');
  await writer.ask('WRITE', '/a/d\0value');
  await watch(watcher, '/a/b', 'b');
  await watch(watcher, '/a/b/c', 'c');
  await watch(watcher, '/a/none', 'none');
  await watch(watcher, '/a/b/c/none', 'none');
  await writer.ask('RM', '/a\0');
  const events = [await nextEvent(watcher), await nextEvent(watcher)];
  assert.deepEqual(events.sort(), ['/a/b b', '/a/b/c c']);
  await assertQuiet(watcher);
});

test('a watch above what goes is told what went, and not what was below it', async (t) => {
  const { watcher, writer } = await start(t);
  await writer.ask('WRITE', '/a/b/c\0value');
  await watch(watcher, '/a');
  await writer.ask('RM', '/a/b\0');
  assert.equal(await nextEvent(watcher), '/a/b token');
  await assertQuiet(watcher);
});

test('the events of a transaction come when it ends, and never if it is dropped', async (t) => {
  const { watcher, writer } = await start(t);
  await watch(watcher, '/a');
  const begin = async () => Number.parseInt(await writer.ask('TRANSACTION_START', '\0'), 10);
  const dropped = await begin();
  await writer.ask('WRITE', '/a/dropped\0', dropped);
  await writer.ask('TRANSACTION_END', 'F\0', dropped);
  const kept = await begin();
  await writer.ask('WRITE', '/a/one\0', kept);
  await writer.ask('WRITE', '/a/two\0', kept);
  await writer.ask('WRITE', '/a/one\0again', kept);
  await writer.ask('WRITE', '/a/gone\0', kept);
  await writer.ask('RM', '/a/gone\0', kept);
  await assertQuiet(watcher);
  await writer.ask('TRANSACTION_END', 'T\0', kept);
  assert.equal(await nextEvent(watcher), '/a/one token');
  assert.equal(await nextEvent(watcher), '/a/two token');
  await assertQuiet(watcher);
});

test("a client's own change is answered before it is told of", async (t) => {
  const { watcher } = await start(t);
  await watch(watcher, '/a');
  assert.equal(await watcher.ask('WRITE', '/a\0value'), 'OK\0');
  assert.equal(await nextEvent(watcher), '/a token');
});

test('domains that come and go are told to those who watch for it, and to nobody else', async (t) => {
  const { watcher, writer } = await start(t);
  await watch(watcher, '@introduceDomain', 'in');
  await watch(watcher, '@releaseDomain', 'out');
  await watch(watcher, '@other', 'never');
  await watch(watcher, '/', 'root');
  await writer.ask('INTRODUCE', '7\x001\x002\0');
  await writer.ask('INTRODUCE', '7\x001\x002\0');
  assert.equal(await nextEvent(watcher), '@introduceDomain in');
  await writer.ask('RELEASE', '7\0');
  await writer.ask('RELEASE', '7\0');
  assert.equal(await nextEvent(watcher), '@releaseDomain out');
  await assertQuiet(watcher);
});

test('what a domain owned goes with it, and is told of before the domain is', async (t) => {
  const { watcher, writer } = await start(t);
  await writer.ask('INTRODUCE', '7\x001\x002\0');
  await writer.ask('WRITE', '/local/domain/7/mine/deep\0');
  await writer.ask('SET_PERMS', '/local/domain/7/mine\0n7\0');
  await writer.ask('WRITE', '/local/domain/70/other\0');
  await writer.ask('SET_PERMS', '/local/domain/70\0n70\0');
  await watch(watcher, '/local', 'tree');
  await watch(watcher, '@releaseDomain', 'out');
  await writer.ask('RELEASE', '7\0');
  assert.equal(await nextEvent(watcher), '/local/domain/7/mine tree');
  assert.equal(await nextEvent(watcher), '@releaseDomain out');
  assert.equal(await writer.ask('DIRECTORY', '/local/domain\0'), '0\x007\x0070\0');
});

test('watches of one path with several tokens, and from several clients, are each told', async (t) => {
  const { watcher, writer } = await start(t);
  await watch(watcher, '/a', 'one');
  await watch(watcher, '/a', 'two');
  await watch(watcher, '/a', '');
  await watch(writer, '/a', 'own');
  assert.equal(await writer.ask('WRITE', '/a\0value'), 'OK\0');
  assert.equal(await nextEvent(writer), '/a own');
  const events = [await nextEvent(watcher), await nextEvent(watcher), await nextEvent(watcher)];
  assert.deepEqual(events.sort(), ['/a ', '/a one', '/a two']);
});

test('the watches of a connection that is gone are gone, and nothing more is sent to it', () => {
  const store = createEmbeddedStore({
    embeddedMaxNodes: 100,
    embeddedMaxWatches: 10,
    embeddedMaxTransactions: 1,
    embeddedMaxUnsentBytes: 1000,
  });
  const sent: (string | Buffer)[] = [];
  const open = () =>
    store.converse({
      send: (bytes) => sent.push(bytes),
      identity: undefined,
      unsent: 0,
      full: false,
      close: () => assert.fail('closed'),
    });
  const [watcher, writer] = [open(), open()];
  watcher.push(writePacket(Operation.WATCH, 1, 0, '/a\0token\0'));
  assert.ok(watcher.next() !== undefined);
  const write = () => {
    writer.push(writePacket(Operation.WRITE, 1, 0, '/a\0value'));
    assert.ok(writer.next() !== undefined);
  };
  write();
  assert.equal(sent.length, 1);
  watcher.closed();
  write();
  assert.equal(sent.length, 1);
});
