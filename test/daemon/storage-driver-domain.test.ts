import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isStruct, type Struct } from '../../src/wire/value.ts';
import type { Connection } from '../../src/xenstore/connection.ts';
import { type DaemonProcess, kill, QUEUE } from '../helpers/daemon.ts';
import {
  backendOf,
  createFakeStorage,
  DATAPATH_METHODS,
  type FakeStorage,
  SCHEME,
  VOLUME_METHODS,
} from '../helpers/fake-storage.ts';
import {
  type Answering,
  type Call,
  fails,
  preparePlugins,
  resultOf,
  SR,
  startStorage,
  type TestPlugins,
  throughSocket,
  VOLUME,
} from '../helpers/plugins.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { SR_PATH, STORES } from '../helpers/view.ts';
import { attachSr, createVdi, using } from './storage-helpers.ts';

/** Two daemons: that of domain 0, which xapi calls, and that of a driver domain, which serves the disks of the SR. */

const DOMID = 5;
const VM = '5e1b0a3c-0000-4000-8000-00000000000d';
const HOME = `/local/domain/${DOMID}`;

interface TwoDomains {
  readonly storage: FakeStorage;
  readonly call: Call;
  readonly first: DaemonProcess;
  readonly store: Connection;
  /** The scripts of a side since it was last asked, without those of volumes. */
  ran(side: 'first' | 'second'): string[];
  /** The driver domain publishes the SR, or no more. */
  publish(): Promise<void>;
  unpublish(): Promise<void>;
  readonly second: DaemonProcess;
  /** Starts the driver domain's daemon again, where it was. */
  startSecond(): Promise<void>;
}

const [, , EMBEDDED] = STORES;

async function twoDomains(
  t: TestContext,
  startStore = EMBEDDED?.start,
  answering: Answering = () => ({ print: '', exit: 0 }),
): Promise<TwoDomains> {
  assert.ok(startStore);
  const server = await startStore(t);
  await server.addDomain(DOMID);
  const store = await server.connect();
  await store.write(`${HOME}/vm`, `/vm/${VM}`);
  const storage = createFakeStorage();
  const there = await preparePlugins(t, async (call) => {
    const answer = await answering(call);
    return answer.print === '' ? storage.answer(call) : answer;
  });
  there.write(`datapath/${SCHEME}`, DATAPATH_METHODS, { features: ['NONPERSISTENT'] });
  const state = tempDirectory(t);
  const directory = join(tempDirectory(t), 'run');
  const startSecond = () =>
    startStorage(t, there, { directory, flags: [`--switch.stateDirectory=${join(state, 'second')}`] });
  let second = await startSecond();

  const here = await preparePlugins(t, storage.answer);
  here.write(`volume/${VOLUME}`, VOLUME_METHODS);
  here.write(`datapath/${SCHEME}`, DATAPATH_METHODS, { features: ['NONPERSISTENT'] });
  const config = join(state, 'datapathd.toml');
  writeFileSync(
    config,
    `[xenstore]
mode = "socket"
socket = ${JSON.stringify(server.socket)}
driverDomains = [${JSON.stringify(VM)}]
[[datapath.driverDomains]]
uuid = ${JSON.stringify(VM)}
socket = ${JSON.stringify(second.socket)}
`,
  );
  const first = await startStorage(t, here, { flags: ['--xenstore.mode=socket', `--config=${config}`] });
  const told = { first: 0, second: 0 };
  const sides: Record<'first' | 'second', TestPlugins> = { first: here, second: there };
  const call = throughSocket(t, first);
  await attachSr(call);
  const node = `${HOME}/${SR_PATH}/${SR}`;
  return {
    ...{ storage, call, first, store },
    ran: (side) => {
      const calls = sides[side].calls.slice(told[side]);
      told[side] += calls.length;
      return calls.map(({ method }) => method).filter((method) => method.startsWith('Datapath.'));
    },
    publish: async () => {
      await store.write(`${node}/uuid`, SR);
      await store.write(`${node}/plugin`, VOLUME);
      await settled(t, first, [0, DOMID]);
    },
    unpublish: async () => {
      await store.remove(node);
      await settled(t, first, [0]);
    },
    get second() {
      return second;
    },
    startSecond: async () => {
      second = await startSecond();
    },
  };
}

/** Settles when the first daemon would choose the domain that it should, of those that publish the SR. */
async function settled(t: TestContext, first: DaemonProcess, domids: readonly number[]): Promise<void> {
  const select = () => throughSocket(t, first, QUEUE)('Datapath.select', { sr: SR, volume: 'probe' });
  for (;;) {
    const domid = await select().then(({ result }) => isStruct(result) && domidOf(result));
    if (domid === Math.max(...domids)) return;
  }
}

const domidOf = ({ selection }: Struct): unknown => isStruct(selection) && selection.backend_domid;

/** A disk of an SR that the driver domain publishes. */
async function published(on: TwoDomains, info: Struct = {}): Promise<string> {
  const vdi = await createVdi(on.call, info);
  on.storage.volumes.set('probe', {
    ...on.storage.volumes.get(vdi),
    key: 'probe',
    uri: [`${SCHEME}://probe`],
  });
  await on.publish();
  on.ran('first');
  return vdi;
}

const life = (call: Call, use: Struct) => ({
  attach: (read_write = true) => resultOf(call('VDI.attach3', { ...use, read_write })),
  activate: () => resultOf(call('VDI.activate3', use)),
  deactivate: () => resultOf(call('VDI.deactivate', use)),
  detach: () => resultOf(call('VDI.detach', use)),
  destroy: () => resultOf(call('DP.destroy2', { ...use, allow_leak: false })),
});

const STEPS = ['attach', 'activate', 'deactivate', 'detach'] as const;
const scripts = (...steps: readonly string[]): string[] => steps.map((step) => `Datapath.${step}`);

for (const { name, start } of STORES) {
  test(`${name} - a disk of a driver domain's SR is served by its daemon alone, and the answer says by whom`, async (t) => {
    const on = await twoDomains(t, start);
    const vdi = await published(on);
    const disk = life(on.call, using(vdi));
    assert.deepEqual(await disk.attach(), {
      ...backendOf(`disk://${vdi}`),
      ...{ backend_domid: DOMID, domain_uuid: VM },
    });
    for (const step of STEPS.slice(1)) await disk[step]();
    assert.deepEqual(on.ran('second'), scripts(...STEPS));
    assert.deepEqual(on.ran('first'), []);
    assert.deepEqual([...on.storage.disks, ...on.storage.sins], []);
  });
}

test('a disk that is not to be kept is opened and closed by the daemon of the driver domain', async (t) => {
  const on = await twoDomains(t);
  const use = using(await published(on));
  await resultOf(on.call('VDI.epoch_begin', { ...use, persistent: false }));
  assert.equal(on.storage.open.size, 1);
  const disk = life(on.call, use);
  for (const step of STEPS) await disk[step]();
  await resultOf(on.call('VDI.epoch_end', use));
  assert.deepEqual(on.ran('second'), scripts('open', ...STEPS, 'close'));
  assert.deepEqual(on.ran('first'), []);
  assert.deepEqual([...on.storage.open, ...on.storage.sins], []);
});

test('a disk stays with the driver domain that was chosen, though it publishes the SR no more', async (t) => {
  const on = await twoDomains(t);
  const disk = life(on.call, using(await published(on)));
  await disk.attach();
  await on.unpublish();
  await on.store.remove(HOME);
  for (const step of STEPS.slice(1)) await disk[step]();
  assert.deepEqual(on.ran('second'), scripts(...STEPS));
  assert.deepEqual(on.ran('first'), []);
});

test('a disk stays with domain 0 where it was attached, though a driver domain publishes the SR now', async (t) => {
  const on = await twoDomains(t);
  const disk = life(on.call, using(await createVdi(on.call)));
  assert.ok(!JSON.stringify(await disk.attach()).includes('domid'));
  on.storage.volumes.set('probe', { ...on.storage.volumes.get('v1'), key: 'probe' });
  await on.publish();
  for (const step of STEPS.slice(1)) await disk[step]();
  assert.deepEqual(on.ran('first'), scripts(...STEPS));
  assert.deepEqual(on.ran('second'), []);
});

test('a driver domain that is gone is told of at once, and when it is back the calls go on', async (t) => {
  const on = await twoDomains(t);
  const vdi = await published(on);
  const disk = life(on.call, using(vdi));
  await disk.attach();
  await kill(on.second);
  const { error } = await on.call('VDI.activate3', using(vdi));
  assert.ok(Array.isArray(error));
  const [tag, said] = error;
  assert.equal(tag, 'Backend_error');
  assert.ok(Array.isArray(said));
  assert.equal(said[0], 'DRIVER_DOMAIN_UNREACHABLE');
  assert.match(
    String(said[1]),
    new RegExp(
      `^the driver domain ${VM} \\(domid ${DOMID}\\) on .* can not be reached: Datapath.activate: .*`,
    ),
  );
  const other = life(on.call, using(vdi, '8'));
  await assert.rejects(other.attach(), /DRIVER_DOMAIN_UNREACHABLE/);
  await on.startSecond();
  await disk.activate();
  assert.deepEqual([...on.storage.disks], [[`disk://${vdi} for 7`, 'activated']]);
  await other.attach();
  for (const each of [disk, other]) await each.destroy();
  assert.deepEqual([...on.storage.disks, ...on.storage.sins], []);
  assert.deepEqual(on.ran('first'), []);
});

test('a driver domain that is gone in the middle of a step leaves it uncertain, and it is run again', async (t) => {
  const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
  const { promise: began, resolve: begin } = Promise.withResolvers<void>();
  let isFirst = true;
  const on = await twoDomains(t, undefined, async (call) => {
    if (isFirst && call.method === 'Datapath.activate') {
      isFirst = false;
      begin();
      await held;
    }
    return { print: '', exit: 0 };
  });
  const vdi = await published(on);
  const disk = life(on.call, using(vdi));
  await disk.attach();
  const activated = assert.rejects(disk.activate(), /it closed the connection before it had answered/);
  await began;
  await kill(on.second);
  await activated;
  letGo();
  const states = await resultOf(throughSocket(t, on.first, QUEUE)('Datapathd.datapaths'));
  assert.deepEqual(Array.isArray(states) && states.map((each) => isStruct(each) && each.state), [
    'uncertain',
  ]);
  await on.startSecond();
  on.ran('second');
  await disk.activate();
  assert.deepEqual(on.ran('second'), scripts('activate'));
  await disk.destroy();
  assert.deepEqual([...on.storage.disks, ...on.storage.sins], []);
});

test("an error of the driver domain's script is told as one of ours is, with where it was", async (t) => {
  const on = await twoDomains(t, undefined, (call) =>
    call.method === 'Datapath.attach' ? fails('Busy', 'the cable') : { print: '', exit: 0 },
  );
  const { error } = await on.call('VDI.attach3', { ...using(await published(on)), read_write: true });
  assert.ok(Array.isArray(error) && Array.isArray(error[1]) && Array.isArray(error[1][1]));
  assert.deepEqual(
    [error[0], error[1][0], error[1][1].at(-1)],
    ['Backend_error_with_backtrace', 'Busy', 'the cable'],
  );
});

test('a sharable disk of a driver domain is written by two guests', async (t) => {
  const on = await twoDomains(t);
  const vdi = await published(on, { sharable: true });
  for (const vm of ['7', '8']) {
    await life(on.call, using(vdi, vm)).attach();
    await life(on.call, using(vdi, vm)).activate();
  }
  assert.deepEqual([...on.storage.disks.values()], ['activated', 'activated']);
});

test('a disk of a driver domain that is not sharable is written by one guest', async (t) => {
  const on = await twoDomains(t);
  const vdi = await published(on);
  const [one, two] = [life(on.call, using(vdi, '7')), life(on.call, using(vdi, '8'))];
  for (const each of [one, two]) await each.attach();
  await one.activate();
  await assert.rejects(two.activate(), /VDI_IN_USE/);
  assert.deepEqual(on.ran('second'), scripts('attach', 'attach', 'activate'));
  await one.deactivate();
  await two.activate();
  assert.deepEqual([...on.storage.disks.values()], ['attached', 'activated']);
});

test('a disk of a driver domain is read by two guests, and written by one beside them', async (t) => {
  const on = await twoDomains(t);
  const vdi = await published(on);
  for (const vm of ['7', '8', '9']) {
    await life(on.call, using(vdi, vm)).attach(vm === '9');
    await life(on.call, using(vdi, vm)).activate();
  }
  assert.deepEqual([...on.storage.disks.values()], ['activated', 'activated', 'activated']);
});
