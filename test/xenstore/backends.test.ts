import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Connection } from '../../src/xenstore/connection.ts';
import type { SrView } from '../../src/xenstore/view.ts';
import type { BackendKind } from '../../src/xenstore/xenbus.ts';
import { startEmbedded } from '../helpers/embedded.ts';
import { holding, PATIENCE, recording, STORES, startView, testsOn, until } from '../helpers/view.ts';
import { KINDS } from '../helpers/xenstored.ts';

/** The backends of disks in the view, on real stores: level-triggered, and a missing key is a state. */

const rootOf = (kind: BackendKind, domid = 0): string => `/local/domain/${domid}/backend/${kind}`;
const VM = '11111111-2222-4333-8444-555555555555';

/** Keys as xapi writes them before the frontend has come. */
const KEYS = {
  frontend: '/local/domain/5/device/vbd/51712',
  'frontend-id': '5',
  online: '1',
  params: '/dev/sm/backend/sr/vdi',
  mode: 'w',
  'physical-device': 'fd:3',
  'hotplug-status': 'connected',
  state: '2',
};

async function plug(client: Connection, node: string, keys: Readonly<Record<string, string>> = KEYS) {
  await Promise.all(Object.entries(keys).map(([key, value]) => client.write(`${node}/${key}`, value)));
}

/** The backends of the view as short texts: where, and in which state. */
const shown = (view: SrView): string[] =>
  [...view.backends()]
    .map(({ domid, kind, frontendDomid, devid, state = '-' }) =>
      [domid, kind, frontendDomid, devid, state].join(' '),
    )
    .sort();

const shows = (view: SrView, ...wanted: readonly string[]): Promise<void> =>
  until(view, () => shown(view).join() === [...wanted].sort().join());

for (const { name, start } of STORES) {
  test(`${name} - a backend is followed from the start, with all of its keys`, async (t) => {
    const store = await start(t);
    const client = await store.connect();
    await plug(client, `${rootOf('vbd3')}/5/51712`);
    const view = startView(t, store.socket);
    await shows(view, '0 vbd3 5 51712 InitWait');
    assert.deepEqual(view.backend(0, 'vbd3', 5, 51712), {
      domid: 0,
      kind: 'vbd3',
      frontendDomid: 5,
      devid: 51712,
      state: 'InitWait',
      online: true,
      frontend: '/local/domain/5/device/vbd/51712',
      params: '/dev/sm/backend/sr/vdi',
      mode: 'w',
      physicalDevice: 'fd:3',
      physicalDevicePath: undefined,
      hotplugStatus: 'connected',
    });
  });

  test(`${name} - a backend that comes, changes and goes is followed`, async (t) => {
    const store = await start(t);
    const client = await store.connect();
    const view = startView(t, store.socket);
    await view.settled(PATIENCE);
    for (const kind of ['vbd', 'vbd3', 'qdisk'] as const) {
      await plug(client, `${rootOf(kind)}/5/51712`);
      await shows(view, `0 ${kind} 5 51712 InitWait`);
      await client.write(`${rootOf(kind)}/5/51712/state`, '4');
      await shows(view, `0 ${kind} 5 51712 Connected`);
      await client.remove(`${rootOf(kind)}/5/51712`);
      await shows(view);
      assert.equal(view.backend(0, kind, 5, 51712), undefined);
    }
  });

  test(`${name} - a backend without keys is one whose keys are missing, and each may come or go`, async (t) => {
    const store = await start(t);
    const client = await store.connect();
    const node = `${rootOf('vbd')}/5/768`;
    await client.mkdir(node);
    const view = startView(t, store.socket);
    await shows(view, '0 vbd 5 768 -');
    assert.equal(view.backend(0, 'vbd', 5, 768)?.online, undefined);
    await client.write(`${node}/state`, '1');
    await shows(view, '0 vbd 5 768 Initialising');
    await client.write(`${node}/hotplug-status`, 'connected');
    await until(view, () => view.backend(0, 'vbd', 5, 768)?.hotplugStatus === 'connected');
    await client.remove(`${node}/state`);
    await shows(view, '0 vbd 5 768 -');
    await client.write(`${node}/state`, 'junk');
    await shows(view, '0 vbd 5 768 Unknown');
  });

  test(`${name} - counts and directories tell which kinds a domain has, and how much they carry`, async (t) => {
    const store = await start(t);
    const client = await store.connect();
    const view = startView(t, store.socket);
    await view.settled(PATIENCE);
    assert.equal(view.hasKind(0, 'vbd3'), false);
    // A node deep below gives no event for the directories that come with it.
    await plug(client, `${rootOf('vbd3')}/5/51712`);
    await plug(client, `${rootOf('vbd3')}/5/51728`);
    await plug(client, `${rootOf('vbd3')}/6/51712`, { ...KEYS, state: '4' });
    await client.mkdir(rootOf('qdisk'));
    await until(view, () => view.disks(0, 'vbd3') === 3 && view.hasKind(0, 'qdisk'));
    assert.equal(view.hasKind(0, 'vbd3'), true);
    assert.equal(view.hasKind(0, 'vbd'), false);
    await until(
      view,
      () =>
        JSON.stringify([...(view.report().backends[0]?.states ?? [])].sort()) ===
        '[["Connected",1],["InitWait",2]]',
    );
    await client.remove(`${rootOf('vbd3')}/5`);
    await shows(view, '0 vbd3 6 51712 Connected');
    assert.equal(view.disks(0, 'vbd3'), 1);
    await client.remove('/local/domain/0/backend');
    await until(view, () => !view.hasKind(0, 'vbd3') && !view.hasKind(0, 'qdisk'));
    await shows(view);
    assert.deepEqual(view.report().backends, []);
  });

  test(`${name} - what is over a limit, or named by no number, is not followed, and counted`, async (t) => {
    const store = await start(t);
    const client = await store.connect();
    await plug(client, `${rootOf('vbd')}/5/1`, { state: '4', params: 'x'.repeat(600) });
    await plug(client, `${rootOf('vbd')}/5/x`);
    await plug(client, `${rootOf('vbd')}/05/1`);
    await plug(client, `${rootOf('vbd')}/5/2`);
    await plug(client, `${rootOf('vbd')}/5/3`);
    const view = startView(t, store.socket, { maxBackends: 2, maxBackendBytes: 500 });
    await shows(view, '0 vbd 5 2 InitWait', '0 vbd 5 3 InitWait');
    await plug(client, `${rootOf('vbd')}/5/4`);
    const leftOut = () => JSON.stringify([...(view.report().backends[0]?.leftOut ?? [])].sort());
    await until(view, () => leftOut() === '[["no-number",2],["no-room",1],["too-large",1]]');
    assert.deepEqual(shown(view), ['0 vbd 5 2 InitWait', '0 vbd 5 3 InitWait']);
    await client.remove(`${rootOf('vbd')}/5/2`);
    await shows(view, '0 vbd 5 3 InitWait', '0 vbd 5 4 InitWait');
    await until(view, () => leftOut() === '[["no-number",2],["too-large",1]]');
    await client.remove(rootOf('vbd'));
    await until(view, () => view.report().backends.length === 0);
  });

  test(`${name} - a storm of changes ends with what is in the store`, async (t) => {
    const store = await start(t);
    const clients = await Promise.all([store.connect(), store.connect(), store.connect()]);
    const view = startView(t, store.socket);
    await Promise.all(
      clients.map(async (client, writer) => {
        for (let step = 0; step < 300; step += 1) {
          const node = `${rootOf('vbd3')}/${(step * 7 + writer) % 9}/${(step * 5) % 4}`;
          if ((step + writer) % 3 === 0) await client.remove(node).catch(() => {});
          else await client.write(`${node}/state`, `${(step + writer) % 7}`);
        }
      }),
    );
    const [client] = clients;
    assert.ok(client !== undefined);
    const wanted: string[] = [];
    for (const frontend of await client.directory(rootOf('vbd3'))) {
      for (const device of await client.directory(`${rootOf('vbd3')}/${frontend}`)) {
        wanted.push(
          `${frontend}/${device} ${await client.readText(`${rootOf('vbd3')}/${frontend}/${device}/state`)}`,
        );
      }
    }
    const NUMBERS = ['Unknown', 'Initialising', 'InitWait', 'Initialised', 'Connected', 'Closing', 'Closed'];
    await until(view, () => {
      const seen = [...view.backends()].map(
        ({ frontendDomid, devid, state }) => `${frontendDomid}/${devid} ${NUMBERS.indexOf(state ?? '')}`,
      );
      return seen.sort().join() === wanted.sort().join();
    });
    assert.equal(view.disks(0, 'vbd3'), wanted.length);
  });

  test(`${name} - domain 0 is known by the uuid of its VM, when xenstore has it`, async (t) => {
    const store = await start(t);
    const client = await store.connect();
    const view = startView(t, store.socket);
    await view.settled(PATIENCE);
    assert.equal(view.vmOf(0), undefined);
    await client.write('/local/domain/0/vm', `/vm/${VM}`);
    await until(view, () => view.vmOf(0) === VM);
    assert.equal(view.domainOf(VM), 0);
    await client.remove('/local/domain/0/vm');
    await until(view, () => view.vmOf(0) === undefined);
    assert.equal(view.domainOf(VM), undefined);
  });
}

for (const kind of KINDS) {
  const on = testsOn(kind);

  on('ten thousand backends are all followed', async (t, store, client) => {
    const numbers = Array.from({ length: 10_000 }, (_, index) => index);
    await Promise.all(
      numbers.map((number) =>
        plug(client, `${rootOf('vbd3')}/${Math.floor(number / 4)}/${number}`, { state: '4', params: 'p' }),
      ),
    );
    const view = startView(t, store.socket);
    await until(view, () => view.disks(0, 'vbd3') === 10_000);
    assert.equal([...view.backends()].length, 10_000);
    await client.write(`${rootOf('vbd3')}/7/28/state`, '6');
    await until(view, () => view.backend(0, 'vbd3', 7, 28)?.state === 'Closed');
  });

  on('a driver domain brings its backends and its VM, and takes them along', async (t, store, client) => {
    const view = startView(t, store.socket, { driverDomains: [VM] });
    await view.settled(PATIENCE);
    await plug(client, `${rootOf('vbd', 7)}/5/51712`);
    await store.addDomain(7);
    await client.write('/local/domain/7/vm', `/vm/${VM}`);
    await shows(view, '7 vbd 5 51712 InitWait');
    assert.equal(view.vmOf(7), VM);
    assert.equal(view.domainOf(VM), 7);
    assert.equal(view.disks(7, 'vbd'), 1);
    store.removeDomain(7);
    await shows(view);
    assert.equal(view.vmOf(7), undefined);
    assert.equal(view.disks(7, 'vbd'), 0);
    assert.equal(view.hasKind(7, 'vbd'), false);
  });

  on('the room of a driver domain that is gone goes to backends of others', async (t, store, client) => {
    await store.addDomain(7);
    await plug(client, `${rootOf('vbd', 7)}/5/51712`);
    const view = startView(t, store.socket, { driverDomains: ['7'], maxBackends: 1 });
    await shows(view, '7 vbd 5 51712 InitWait');
    await plug(client, `${rootOf('vbd')}/6/51712`);
    await until(view, () => view.report().backends.some(({ leftOut }) => leftOut.get('no-room') === 1));
    store.removeDomain(7);
    await shows(view, '0 vbd 6 51712 InitWait');
  });

  on('the backends of a domain that is not trusted are not even read', async (t, store, client) => {
    const asked: string[] = [];
    await plug(client, `${rootOf('vbd', 8)}/5/51712`);
    await store.addDomain(8);
    const view = startView(t, store.socket, { driverDomains: ['7'], wrap: recording(asked) });
    await view.settled(PATIENCE);
    await plug(client, `${rootOf('vbd')}/5/51712`);
    await shows(view, '0 vbd 5 51712 InitWait');
    assert.deepEqual(
      asked.filter((path) => path.startsWith('/local/domain/8')),
      [],
    );
  });

  on(
    'xenstored killed and empty again: what was known stays, and then the view is empty',
    async (t, store, client) => {
      await plug(client, `${rootOf('vbd3')}/5/51712`);
      const view = startView(t, store.socket);
      await shows(view, '0 vbd3 5 51712 InitWait');
      await store.kill('SIGKILL');
      await until(view, () => view.state.state === 'stale');
      assert.equal(view.backend(0, 'vbd3', 5, 51712)?.state, 'InitWait');
      assert.equal(view.hasKind(0, 'vbd3'), true);
      await store.start();
      await shows(view);
      assert.equal(view.hasKind(0, 'vbd3'), false);
      await plug(await store.connect(), `${rootOf('vbd3')}/6/51712`);
      await shows(view, '0 vbd3 6 51712 InitWait');
    },
  );
}

test('a change of a backend that the store has told of is waited for', async (t) => {
  const store = await startEmbedded(t);
  const client = await store.connect();
  let held: Promise<void> | undefined;
  const view = startView(t, store.socket, { wrap: holding(() => held) });
  await view.settled(PATIENCE);
  const gate = Promise.withResolvers<void>();
  held = gate.promise;
  const { events } = view.report();
  await plug(client, `${rootOf('qdisk')}/5/51712`);
  await until(view, () => view.report().events > events);
  const settled = view.settled(PATIENCE);
  assert.ok(settled !== undefined);
  gate.resolve();
  await settled;
  assert.equal(view.disks(0, 'qdisk'), 1);
});
