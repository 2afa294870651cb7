import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Connection } from '../../src/xenstore/connection.ts';
import { XenstoreError } from '../../src/xenstore/errors.ts';
import type { EventListener } from '../../src/xenstore/requests.ts';
import { startEmbedded } from '../helpers/embedded.ts';
import { logEvents } from '../helpers/events.ts';
import { KINDS, startXenstored, storeCommand } from '../helpers/xenstored.ts';

/** One suite for all stores: what our client does on both real daemons, it does on the embedded one. */

interface Store {
  readonly directory: string;
  connect(onEvent?: EventListener): Promise<Connection>;
}

/** What the stores do differently, with the value for each. */
interface Differences {
  /** The daemons' own nodes at the start. */
  readonly root: readonly string[];
  /** C and ours list in the order of creation, oxenstored sorts. */
  readonly listing: 'created' | 'sorted';
  readonly unknownTransaction: string;
  /** oxenstored says E2BIG to values beyond 2048 bytes. */
  readonly longestValue: number;
}

const STORES: readonly {
  name: string;
  start: (t: TestContext) => Promise<Store>;
  differences: Differences;
}[] = [
  ...KINDS.map((kind) => ({
    name: kind === 'c' ? 'xenstored' : 'oxenstored',
    start: (t: TestContext) => startXenstored(t, kind),
    differences:
      kind === 'c'
        ? { root: ['tool'], listing: 'created' as const, unknownTransaction: 'ENOENT', longestValue: 4000 }
        : {
            root: ['local', 'tool'],
            listing: 'sorted' as const,
            unknownTransaction: 'EIO',
            longestValue: 2048,
          },
  })),
  {
    name: 'embedded store',
    start: (t) => startEmbedded(t),
    differences: {
      root: ['tool', 'local'],
      listing: 'created',
      unknownTransaction: 'ENOENT',
      longestValue: 4000,
    },
  },
];

const rejects = (promise: Promise<unknown>, code: string) =>
  assert.rejects(promise, (error) => {
    assert.ok(error instanceof XenstoreError);
    assert.equal(error.code, code);
    return true;
  });

for (const { name, start, differences } of STORES) {
  const on = (behaviour: string, run: (t: TestContext, store: Store, client: Connection) => Promise<void>) =>
    test(`${name} - ${behaviour}`, async (t) => {
      const store = await start(t);
      await run(t, store, await store.connect());
    });

  on('what is written is read, and parents come with it', async (_t, _store, client) => {
    await client.write('/a/b/c', 'value');
    assert.equal((await client.read('/a/b/c')).toString(), 'value');
    assert.equal((await client.read('/a/b')).toString(), '');
    assert.deepEqual(await client.directory('/a'), ['b']);
  });

  on('a value is bytes, with NUL and all', async (_t, _store, client) => {
    const value = Buffer.from([0, 1, 0x80, 0xff, 0]);
    await client.write('/bytes', value);
    assert.deepEqual(await client.read('/bytes'), value);
  });

  on('the longest value comes back whole', async (_t, _store, client) => {
    const value = 'x'.repeat(differences.longestValue);
    await client.write('/long', value);
    assert.equal((await client.read('/long')).toString(), value);
  });

  on('a node that is not there is ENOENT, and nothing as text', async (_t, _store, client) => {
    await rejects(client.read('/nope'), 'ENOENT');
    await rejects(client.directory('/nope'), 'ENOENT');
    assert.equal(await client.readText('/nope'), undefined);
  });

  on('the root lists what the store begins with, and no special names', async (_t, _store, client) => {
    assert.deepEqual(await client.directory('/'), differences.root);
  });

  on('children are listed in the order of this store', async (_t, _store, client) => {
    for (const child of ['z', 'a', 'm']) await client.write(`/list/${child}`, '');
    assert.deepEqual(
      await client.directory('/list'),
      differences.listing === 'created' ? ['z', 'a', 'm'] : ['a', 'm', 'z'],
    );
  });

  on('a folder larger than a packet is listed whole', async (_t, _store, client) => {
    const names = Array.from({ length: 3000 }, (_, index) => `child-number-${index}`);
    await Promise.all(names.map((child) => client.write(`/large/${child}`, '')));
    assert.deepEqual((await client.directory('/large')).sort(), names.sort());
  });

  on(
    'a folder that changes while it is listed is listed as it was at one time',
    async (_t, store, client) => {
      const names = Array.from({ length: 1000 }, (_, index) => `child-number-${index}`);
      await Promise.all(names.map((child) => client.write(`/moving/${child}`, '')));
      const other = await store.connect();
      const listing = client.directory('/moving');
      for (let index = 0; index < 20; index += 1) await other.write(`/moving/late-${index}`, '');
      const listed = await listing;
      assert.equal(new Set(listed).size, listed.length);
      assert.deepEqual(
        names.filter((child) => !listed.includes(child)),
        [],
      );
    },
  );

  on('many requests at once are each answered with their own', async (_t, _store, client) => {
    const numbers = Array.from({ length: 10_000 }, (_, index) => index);
    await Promise.all(numbers.slice(0, 500).map((number) => client.write(`/n/${number}`, `${number}`)));
    const read = await Promise.all(numbers.map((number) => client.readText(`/n/${number % 500}`)));
    assert.deepEqual(
      read,
      numbers.map((number) => `${number % 500}`),
    );
  });

  on('a removed node is gone with all below it', async (_t, _store, client) => {
    await client.write('/gone/a/b', '');
    await client.remove('/gone');
    assert.equal(await client.readText('/gone/a/b'), undefined);
  });

  on('to remove what is not there is no error, when its parent is', async (_t, _store, client) => {
    await client.write('/parent', '');
    await client.remove('/parent/nope');
    await rejects(client.remove('/nope/nope'), 'ENOENT');
  });

  on('the root is never removed', async (_t, _store, client) => {
    for (const path of ['/', '', '//']) await rejects(client.remove(path), 'EINVAL');
    assert.deepEqual(await client.directory('/'), differences.root);
  });

  on('mkdir makes a node, and leaves one that is there as it is', async (_t, _store, client) => {
    await client.mkdir('/made');
    await client.write('/made', 'kept');
    await client.mkdir('/made');
    assert.equal(await client.readText('/made'), 'kept');
  });

  on('permissions are kept, and inherited', async (_t, _store, client) => {
    await client.write('/guarded', '');
    assert.deepEqual(await client.getPermissions('/guarded'), ['n0']);
    // Domain 0 is the one that exists everywhere: the C daemon refuses to speak of others.
    await client.setPermissions('/guarded', ['r0', 'b0']);
    assert.deepEqual(await client.getPermissions('/guarded'), ['r0', 'b0']);
    await client.write('/guarded/inside', '');
    assert.deepEqual(await client.getPermissions('/guarded/inside'), ['r0', 'b0']);
  });

  on('a watch tells at once, and then of each change at or below its path', async (_t, store) => {
    const events = logEvents();
    const watcher = await store.connect(events.listener);
    const writer = await store.connect();
    await watcher.watch('/w', 'token');
    await events.expect('/w', 'token');
    await writer.write('/w/deep/leaf', '1');
    await events.expect('/w/deep/leaf', 'token');
    await writer.write('/w/deep/leaf', '1');
    await events.expect('/w/deep/leaf', 'token');
    await writer.write('/other', '1');
    await writer.remove('/w/deep');
    await events.expect('/w/deep', 'token');
    assert.ok(!events.seen.includes('/other token'));
  });

  on('a watch is told its own path when an ancestor goes', async (_t, store) => {
    const events = logEvents();
    const watcher = await store.connect(events.listener);
    await watcher.write('/up/here/it', '1');
    await watcher.watch('/up/here', 'token');
    await events.expect('/up/here', 'token');
    await watcher.remove('/up');
    await events.expect('/up/here', 'token');
  });

  on('the same watch twice is EEXIST, and one that is not there ENOENT', async (_t, _store, client) => {
    await client.watch('/w', 'token');
    await rejects(client.watch('/w', 'token'), 'EEXIST');
    await client.watch('/w', 'other');
    await client.unwatch('/w', 'token');
    await rejects(client.unwatch('/w', 'token'), 'ENOENT');
  });

  on('an unwatched path tells nothing more', async (_t, store) => {
    const events = logEvents();
    const watcher = await store.connect(events.listener);
    await watcher.watch('/w', 'token');
    await events.expect('/w', 'token');
    await watcher.unwatch('/w', 'token');
    const before = events.seen.length;
    await watcher.write('/w', '1');
    await watcher.read('/w');
    assert.equal(events.seen.length, before);
  });

  on('a relative path is below the home of domain 0, and its events stay relative', async (_t, store) => {
    const events = logEvents();
    const client = await store.connect(events.listener);
    await client.write('data/key', 'v');
    assert.equal(await client.readText('/local/domain/0/data/key'), 'v');
    await client.watch('data', 'token');
    await events.expect('data', 'token');
    await client.write('/local/domain/0/data/key', 'w');
    await events.expect('data/key', 'token');
  });

  on('a transaction happens whole, and others see nothing of it before', async (_t, store, client) => {
    const other = await store.connect();
    await client.transaction(async (tx) => {
      await client.write('/tx/a', '1', tx);
      await client.write('/tx/b', '2', tx);
      assert.equal(await client.readText('/tx/a', tx), '1');
      assert.equal(await other.readText('/tx/a'), undefined);
    });
    assert.equal(await other.readText('/tx/a'), '1');
    assert.equal(await other.readText('/tx/b'), '2');
  });

  on('a transaction that throws leaves nothing, and hands on what was thrown', async (_t, _store, client) => {
    const thrown = new Error('on purpose');
    await assert.rejects(
      client.transaction(async (tx) => {
        await client.write('/tx/c', '1', tx);
        throw thrown;
      }),
      (error) => error === thrown,
    );
    assert.equal(await client.readText('/tx/c'), undefined);
  });

  on('counters that several raise in transactions lose no step', async (_t, store) => {
    const clients = await Promise.all(Array.from({ length: 4 }, () => store.connect()));
    await clients[0]?.write('/counter', '0');
    await Promise.all(
      clients.map(async (client) => {
        for (let step = 0; step < 10; step += 1) {
          await client.transaction(async (tx) => {
            const value = Number(await client.readText('/counter', tx));
            await client.write('/counter', `${value + 1}`, tx);
          });
        }
      }),
    );
    assert.equal(await clients[0]?.readText('/counter'), '40');
  });

  on('domains come and go with their events', async (_t, store) => {
    if (!('removeDomain' in store)) return void (await embeddedDomains(store));
    const events = logEvents();
    const client = await store.connect(events.listener);
    await client.watch('@introduceDomain', 'in');
    await client.watch('@releaseDomain', 'out');
    await events.expect('@introduceDomain', 'in');
    await events.expect('@releaseDomain', 'out');
    const { addDomain, removeDomain } = store as Awaited<ReturnType<typeof startXenstored>>;
    await addDomain(7);
    await events.expect('@introduceDomain', 'in');
    assert.equal(await client.isDomainIntroduced(7), true);
    assert.equal(await client.domainPath(7), '/local/domain/7');
    removeDomain(7);
    await events.expect('@releaseDomain', 'out');
    assert.equal(await client.isDomainIntroduced(7), false);
    assert.equal(await client.isDomainIntroduced(0), true);
  });

  on("Debian's command-line clients work", async (_t, store) => {
    await storeCommand(store.directory, 'xenstore-write', '/cli/a', '1', '/cli/b', '2');
    assert.equal(await storeCommand(store.directory, 'xenstore-read', '/cli/a'), '1\n');
    assert.equal(await storeCommand(store.directory, 'xenstore-list', '/cli'), 'a\nb\n');
    assert.equal(
      await storeCommand(store.directory, 'xenstore-ls', '-f', '/cli'),
      '/cli/a = "1"\n/cli/b = "2"\n',
    );
    await storeCommand(store.directory, 'xenstore-exists', '/cli/a');
    await storeCommand(store.directory, 'xenstore-chmod', '/cli/a', 'r0');
    const listed = await storeCommand(store.directory, 'xenstore-ls', '-p', '/cli');
    assert.match(listed, /^a = "1" .*\(r0\)\nb = "2" .*\(n0\)\n$/);
    await storeCommand(store.directory, 'xenstore-rm', '/cli');
    await assert.rejects(storeCommand(store.directory, 'xenstore-read', '/cli/a'));
  });
}

/** The embedded store's domains are introduced and released by its clients alone. */
async function embeddedDomains(store: Store): Promise<void> {
  const events = logEvents();
  const client = await store.connect(events.listener);
  await client.watch('@introduceDomain', 'in');
  await client.watch('@releaseDomain', 'out');
  await events.expect('@introduceDomain', 'in');
  await client.introduceDomain(7, 1, 2);
  await events.expect('@introduceDomain', 'in');
  await client.write('/local/domain/7/mine', '');
  await client.setPermissions('/local/domain/7/mine', ['n7']);
  await client.releaseDomain(7);
  await events.expect('@releaseDomain', 'out');
  assert.equal(await client.isDomainIntroduced(7), false);
  assert.equal(await client.readText('/local/domain/7/mine'), undefined);
}
