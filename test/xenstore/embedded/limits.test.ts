import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_TRANSACTION_BYTES } from '../../../src/xenstore/embedded/transactions.ts';
import { XenstoreError } from '../../../src/xenstore/errors.ts';
import { startEmbedded } from '../../helpers/embedded.ts';
import { connectPackets } from './packets.ts';

const rejects = (promise: Promise<unknown>, code: string) =>
  assert.rejects(promise, (error) => error instanceof XenstoreError && error.code === code);

/** The root, /tool, /local, /local/domain, /local/domain/0, and its name and domid. */
const NODES_AT_START = 7;

test('a node above embeddedMaxNodes is ENOSPC, and what is there can still be written and removed', async (t) => {
  const store = await startEmbedded(t, { embeddedMaxNodes: NODES_AT_START + 3 });
  const client = await store.connect();
  await client.write('/a/b/c', '1');
  await rejects(client.write('/d', ''), 'ENOSPC');
  await rejects(client.mkdir('/a/b/c/d'), 'ENOSPC');
  await client.write('/a/b/c', '2');
  await client.mkdir('/a/b/c');
  await client.setPermissions('/a/b', ['r5']);
  await client.remove('/a/b/c');
  await rejects(client.write('/a/x/y', ''), 'ENOSPC');
  await client.write('/a/x', '');
  assert.deepEqual(await client.directory('/a'), ['b', 'x']);
});

test('embeddedMaxNodes holds in a transaction, and for two of them that end together', async (t) => {
  const store = await startEmbedded(t, { embeddedMaxNodes: NODES_AT_START + 3 });
  const client = await connectPackets(t, store.socket);
  await client.ask('MKDIR', '/one\0');
  await client.ask('MKDIR', '/two\0');
  const begin = async () => Number.parseInt(await client.ask('TRANSACTION_START', '\0'), 10);
  const [first, second] = [await begin(), await begin()];
  assert.equal(await client.ask('WRITE', '/one/a/b\0', first), 'ENOSPC');
  assert.equal(await client.ask('WRITE', '/one/a\0', first), 'OK\0');
  assert.equal(await client.ask('WRITE', '/two/a\0', second), 'OK\0');
  assert.equal(await client.ask('TRANSACTION_END', 'T\0', first), 'OK\0');
  assert.equal(await client.ask('TRANSACTION_END', 'T\0', second), 'ENOSPC');
  assert.equal(await client.ask('READ', '/two/a\0'), 'ENOENT');
  assert.equal(await client.ask('RM', '/one/a\0'), 'OK\0');
  assert.equal(await client.ask('WRITE', '/two/a\0'), 'OK\0');
});

test('a watch above embeddedMaxWatches is E2BIG for this client, and not for others', async (t) => {
  const store = await startEmbedded(t, { embeddedMaxWatches: 2 });
  const client = await store.connect();
  await client.watch('/w', '1');
  await client.watch('/w', '2');
  await rejects(client.watch('/w', '3'), 'E2BIG');
  await (await store.connect()).watch('/w', '3');
  await client.unwatch('/w', '1');
  await client.watch('/w', '3');
});

test('a transaction above embeddedMaxTransactions is ENOSPC until another has ended', async (t) => {
  const store = await startEmbedded(t, { embeddedMaxTransactions: 2 });
  const client = await connectPackets(t, store.socket);
  const first = Number.parseInt(await client.ask('TRANSACTION_START', '\0'), 10);
  await client.ask('TRANSACTION_START', '\0');
  assert.equal(await client.ask('TRANSACTION_START', '\0'), 'ENOSPC');
  assert.equal(await (await connectPackets(t, store.socket)).ask('TRANSACTION_START', '\0'), '1\0');
  assert.equal(await client.ask('TRANSACTION_END', 'F\0', first), 'OK\0');
  assert.match(await client.ask('TRANSACTION_START', '\0'), /^[0-9]+\0$/);
});

test('a transaction that remembers too much can only be ended', async (t) => {
  const store = await startEmbedded(t);
  const client = await connectPackets(t, store.socket);
  const id = Number.parseInt(await client.ask('TRANSACTION_START', '\0'), 10);
  const value = 'x'.repeat(4000);
  const steps = Math.ceil(MAX_TRANSACTION_BYTES / value.length) + 1;
  let answer = '';
  for (let step = 0; step < steps && answer !== 'ENOSPC'; step += 1) {
    answer = await client.ask('WRITE', `/tool\0${value}`, id);
  }
  assert.equal(answer, 'ENOSPC');
  assert.equal(await client.ask('READ', '/tool\0', id), 'ENOSPC');
  assert.equal(await client.ask('READ', '/tool\0'), '');
  assert.equal(await client.ask('TRANSACTION_END', 'T\0', id), 'OK\0');
  assert.equal(await client.ask('READ', '/tool\0'), value);
});

test('a watcher that does not read is closed above embeddedMaxUnsentBytes, and nobody else', async (t) => {
  const store = await startEmbedded(t, { embeddedMaxUnsentBytes: 64 * 1024 });
  const sleeper = await connectPackets(t, store.socket);
  assert.equal(await sleeper.ask('WATCH', `/w\0${'t'.repeat(3000)}\0`), 'OK\0');
  sleeper.socket.pause();
  const awake = await connectPackets(t, store.socket);
  assert.equal(await awake.ask('WATCH', '/w\0awake\0'), 'OK\0');
  assert.equal((await awake.packet()).payload.toString(), '/w\0awake\0');
  const writer = await store.connect();
  // More than the socket itself takes before the store has to keep it.
  for (let count = 0; count < 2000; count += 1) {
    await writer.write('/w', `${count}`);
    assert.equal((await awake.packet()).payload.toString(), '/w\0awake\0');
  }
  sleeper.socket.resume();
  await sleeper.receiveAll();
  assert.equal(await writer.readText('/w'), '1999');
});
