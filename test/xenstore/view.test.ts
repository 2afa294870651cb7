import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Connection } from '../../src/xenstore/connection.ts';
import type { SrView } from '../../src/xenstore/view.ts';
import { startEmbedded } from '../helpers/embedded.ts';
import { holding, PATIENCE, recording, SR_PATH, STORES, startView, testsOn, until } from '../helpers/view.ts';
import { KINDS } from '../helpers/xenstored.ts';

/** The view on real stores: what is in xenstore is what is shown, whatever happened on the way. */

const PLUGIN = 'org.xen.xapi.storage.mine';
const uuidOf = (number: number): string => `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`;
const rootOf = (domid: number): string => `/local/domain/${domid}/${SR_PATH}`;

async function attach(client: Connection, uuid: string, domid = 0): Promise<void> {
  await client.write(`${rootOf(domid)}/${uuid}/uuid`, uuid);
  await client.write(`${rootOf(domid)}/${uuid}/plugin`, PLUGIN);
}

/** Settles when the view shows exactly these. */
async function shows(view: SrView, uuids: readonly string[]): Promise<void> {
  const wanted = [...uuids].sort().join();
  await until(view, () => view.uuids().join() === wanted);
}

for (const { name, start } of STORES) {
  test(`${name} - an SR that is there at the start is shown, one that comes later too, and one that goes no more`, async (t) => {
    const store = await start(t);
    const client = await store.connect();
    await attach(client, uuidOf(1));
    const view = startView(t, store.socket);
    await shows(view, [uuidOf(1)]);
    await attach(client, uuidOf(2));
    await shows(view, [uuidOf(1), uuidOf(2)]);
    await client.remove(`${rootOf(0)}/${uuidOf(1)}`);
    await shows(view, [uuidOf(2)]);
    assert.deepEqual(view.get(uuidOf(2)), { uuid: uuidOf(2), plugin: PLUGIN, domid: 0 });
  });

  test(`${name} - an SR that changes its plugin is shown with the new one`, async (t) => {
    const store = await start(t);
    const client = await store.connect();
    await attach(client, uuidOf(1));
    const view = startView(t, store.socket);
    await shows(view, [uuidOf(1)]);
    await client.write(`${rootOf(0)}/${uuidOf(1)}/plugin`, 'another');
    await until(view, () => view.get(uuidOf(1))?.plugin === 'another');
  });

  test(`${name} - what is half written or no uuid is not shown, and counted`, async (t) => {
    const store = await start(t);
    const client = await store.connect();
    await client.write(`${rootOf(0)}/${uuidOf(1)}/uuid`, uuidOf(1));
    await client.write(`${rootOf(0)}/${uuidOf(2)}/plugin`, PLUGIN);
    await client.write(`${rootOf(0)}/${uuidOf(3)}/uuid`, uuidOf(4));
    await client.write(`${rootOf(0)}/${uuidOf(3)}/plugin`, PLUGIN);
    await client.mkdir(`${rootOf(0)}/${uuidOf(5)}`);
    await client.write(`${rootOf(0)}/not-a-uuid/uuid`, 'not-a-uuid');
    const view = startView(t, store.socket);
    await view.settled(PATIENCE);
    assert.deepEqual(view.uuids(), []);
    assert.deepEqual(view.report().ignored, { noUuid: 1, halfWritten: 4 });
    await client.write(`${rootOf(0)}/${uuidOf(1)}/plugin`, PLUGIN);
    await shows(view, [uuidOf(1)]);
    assert.equal(view.report().ignored.halfWritten, 3);
  });

  test(`${name} - the whole path removed, or an ancestor, takes all SRs; written again they are back`, async (t) => {
    const store = await start(t);
    const client = await store.connect();
    await attach(client, uuidOf(1));
    await attach(client, uuidOf(2));
    const view = startView(t, store.socket);
    await shows(view, [uuidOf(1), uuidOf(2)]);
    await client.remove(rootOf(0));
    await shows(view, []);
    await attach(client, uuidOf(3));
    await shows(view, [uuidOf(3)]);
    await client.remove('/local/domain/0/xapi');
    await shows(view, []);
  });

  test(`${name} - a storm of changes ends with what is in the store`, async (t) => {
    const store = await start(t);
    const clients = await Promise.all([store.connect(), store.connect(), store.connect()]);
    const view = startView(t, store.socket);
    await Promise.all(
      clients.map(async (client, writer) => {
        for (let step = 0; step < 300; step += 1) {
          const uuid = uuidOf((step * 7 + writer * 13) % 40);
          if ((step + writer) % 3 === 0) await client.remove(`${rootOf(0)}/${uuid}`).catch(() => {});
          else await attach(client, uuid);
        }
      }),
    );
    const [client] = clients;
    assert.ok(client !== undefined);
    const names = await client.directory(rootOf(0));
    const whole = await Promise.all(
      names.map(async (uuid) => {
        const keys = await client.directory(`${rootOf(0)}/${uuid}`).catch(() => []);
        return keys.length === 2 ? [uuid] : [];
      }),
    );
    await shows(view, whole.flat());
  });

  test(`${name} - a view that is stopped lets go of its connection`, async (t) => {
    const store = await start(t);
    const view = startView(t, store.socket);
    await view.settled(PATIENCE);
    await view.stop();
    assert.equal(view.state.state, 'fresh');
  });
}

for (const kind of KINDS) {
  const on = testsOn(kind);

  on('ten thousand SRs are all shown', async (t, store, client) => {
    const uuids = Array.from({ length: 10_000 }, (_, index) => uuidOf(index));
    await Promise.all(uuids.map((uuid) => attach(client, uuid)));
    const view = startView(t, store.socket);
    await shows(view, uuids);
    await attach(client, uuidOf(10_000));
    await shows(view, [...uuids, uuidOf(10_000)]);
  });

  on(
    'a driver domain brings its SRs when it comes, and takes them along when it goes',
    async (t, store, client) => {
      const view = startView(t, store.socket, { driverDomains: ['7'] });
      await attach(client, uuidOf(1));
      await attach(client, uuidOf(2), 7);
      await shows(view, [uuidOf(1)]);
      await store.addDomain(7);
      await shows(view, [uuidOf(1), uuidOf(2)]);
      assert.equal(view.get(uuidOf(2))?.domid, 7);
      await attach(client, uuidOf(3), 7);
      await shows(view, [uuidOf(1), uuidOf(2), uuidOf(3)]);
      store.removeDomain(7);
      await shows(view, [uuidOf(1)]);
      assert.deepEqual(view.report().followedDomains, [0]);
    },
  );

  on(
    'a driver domain is found by the uuid of its VM, also when that is written late',
    async (t, store, client) => {
      const vm = '11111111-2222-4333-8444-555555555555';
      const view = startView(t, store.socket, { driverDomains: [vm] });
      await view.settled(PATIENCE);
      await client.mkdir('/local/domain/9');
      await attach(client, uuidOf(1), 9);
      await store.addDomain(9);
      await client.write('/local/domain/9/vm', `/vm/${vm}`);
      await shows(view, [uuidOf(1)]);
      store.removeDomain(9);
      await shows(view, []);
    },
  );

  on('the entries of a domain that is not trusted are not even read', async (t, store, client) => {
    const asked: string[] = [];
    await attach(client, uuidOf(1));
    await attach(client, uuidOf(2), 8);
    await store.addDomain(8);
    const view = startView(t, store.socket, { driverDomains: ['7'], wrap: recording(asked) });
    await shows(view, [uuidOf(1)]);
    await attach(client, uuidOf(3), 8);
    await attach(client, uuidOf(4));
    await shows(view, [uuidOf(1), uuidOf(4)]);
    assert.ok(asked.includes(rootOf(0)));
    assert.deepEqual(
      asked.filter((path) => path.startsWith('/local/domain/8')),
      [],
    );
  });

  on(
    'xenstored killed and empty again: what was known stays, marked as stale, and then the view is empty',
    async (t, store, client) => {
      await attach(client, uuidOf(1));
      const view = startView(t, store.socket);
      await shows(view, [uuidOf(1)]);
      await store.kill('SIGKILL');
      await until(view, () => view.state.state === 'stale');
      assert.deepEqual(view.uuids(), [uuidOf(1)]);
      await store.start();
      await shows(view, []);
      assert.equal(view.state.state, 'fresh');
      await attach(await store.connect(), uuidOf(2));
      await shows(view, [uuidOf(2)]);
    },
  );

  on(
    'xenstored killed in the middle of a synchronisation: the next one is whole',
    async (t, store, client) => {
      const uuids = Array.from({ length: 2000 }, (_, index) => uuidOf(index));
      await Promise.all(uuids.map((uuid) => attach(client, uuid)));
      const view = startView(t, store.socket);
      await until(view, () => view.state.state !== 'connecting');
      await store.kill('SIGKILL');
      await store.start();
      const again = await store.connect();
      await attach(again, uuidOf(1));
      await shows(view, [uuidOf(1)]);
    },
  );

  on('a store that hangs is given up and tried again, until it answers', async (t, store, client) => {
    await attach(client, uuidOf(1));
    await store.kill('SIGSTOP');
    const view = startView(t, store.socket, { requestTimeout: 100 });
    await until(view, () => view.report().lastTrouble?.includes('ETIMEDOUT') === true);
    assert.equal(view.everFresh, false);
    await store.kill('SIGCONT');
    await shows(view, [uuidOf(1)]);
  });
}

test('before the first synchronisation a call waits as long as it is told, and then knows that it is not fresh', async (t) => {
  const view = startView(t, '/nonexistent/socket');
  await view.settled({ ...PATIENCE, startTimeout: 20 });
  assert.deepEqual(view.uuids(), []);
  assert.equal(view.everFresh, false);
  await until(view, () => view.report().lastTrouble?.includes('ENOENT') === true);
});

test('a call that waits is let go at the first synchronisation', async (t) => {
  const store = await startEmbedded(t);
  const view = startView(t, store.socket);
  await view.settled(PATIENCE);
  assert.equal(view.everFresh, true);
});

/** A view of an SR whose every read waits until it is let go. */
async function withHeldReads(
  t: TestContext,
): Promise<{ view: SrView; change: () => Promise<void>; letGo: () => void }> {
  const store = await startEmbedded(t);
  const client = await store.connect();
  await attach(client, uuidOf(1));
  let held: Promise<void> | undefined;
  const view = startView(t, store.socket, { wrap: holding(() => held) });
  await view.settled(PATIENCE);
  const gate = Promise.withResolvers<void>();
  held = gate.promise;
  const change = async (): Promise<void> => {
    const { events } = view.report();
    await attach(client, uuidOf(2));
    await until(view, () => view.report().events > events);
  };
  return { view, change, letGo: gate.resolve };
}

test('a change that the store has told of is waited for, and in what is shown then', async (t) => {
  const { view, change, letGo } = await withHeldReads(t);
  await change();
  const settled = view.settled(PATIENCE);
  assert.deepEqual(view.uuids(), [uuidOf(1)]);
  letGo();
  await settled;
  assert.deepEqual(view.uuids(), [uuidOf(1), uuidOf(2)]);
});

test('a change is waited for no longer than it takes to read it, however many come after it', async (t) => {
  const store = await startEmbedded(t);
  const client = await store.connect();
  await attach(client, uuidOf(0));
  const gates = Array.from({ length: 3 }, () => Promise.withResolvers<void>());
  let held: Promise<void> | undefined;
  const view = startView(t, store.socket, { wrap: holding(() => held) });
  await view.settled(PATIENCE);
  const change = async (number: number): Promise<void> => {
    const { events } = view.report();
    await attach(client, uuidOf(number));
    await until(view, () => view.report().events === events + 2);
  };
  held = gates[0]?.promise;
  await change(1);
  await change(2);
  const settled = view.settled(PATIENCE);
  held = gates[1]?.promise;
  gates[0]?.resolve();
  await shows(view, [uuidOf(0), uuidOf(1)]);
  await change(3);
  held = gates[2]?.promise;
  gates[1]?.resolve();
  await settled;
  assert.deepEqual(view.uuids(), [uuidOf(0), uuidOf(1), uuidOf(2)]);
});

test('a change that can not be read is waited for as long as it is told', async (t) => {
  const { view, change } = await withHeldReads(t);
  await change();
  await view.settled({ ...PATIENCE, settleTimeout: 20 });
  assert.deepEqual(view.uuids(), [uuidOf(1)]);
});

test('a view that shows all that it was told of is not waited for', async (t) => {
  const { view } = await withHeldReads(t);
  assert.equal(view.settled(PATIENCE), undefined);
});
