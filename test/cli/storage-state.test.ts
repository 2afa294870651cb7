import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect } from '../../src/xenstore/connection.ts';
import { kill } from '../helpers/daemon.ts';
import { fails, preparePlugins, prints, type Reply, SR, startStorage, VOLUME } from '../helpers/plugins.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { CLIENT_OPTIONS } from '../helpers/xenstored.ts';
import { ANSWERS, BACKEND, hostOf, startAnswering, startWithDisk, useBy } from './storage-helpers.ts';

test('state verify and state repair find nothing where nothing is wrong', async (t) => {
  const { run, json, call, vdi } = await startWithDisk(t);
  await call('VDI.attach3', { ...useBy('5'), vdi, read_write: true });
  await call('VDI.activate3', { ...useBy('5'), vdi });
  const verified = await run('state', 'verify');
  assert.deepEqual(verified, { status: 0, stdout: 'all is as it should be\n', stderr: '' });
  assert.deepEqual((await json('state', 'verify')).value, []);
  const repaired = await run('state', 'repair');
  assert.deepEqual(repaired, { status: 0, stdout: 'there is nothing to repair\n', stderr: '' });
  assert.deepEqual((await json('state', 'repair')).value, []);
});

test('a datapath of an SR that was detached is found, taken back in reverse order, and then gone', async (t) => {
  const { run, json, call, made } = await startAnswering(t, () => undefined);
  await call('VDI.attach3', { ...useBy('5'), read_write: true });
  await call('VDI.activate3', useBy('5'));
  await call('SR.detach');
  made();

  const verified = await run('state', 'verify');
  assert.equal(verified.status, 1);
  assert.match(
    verified.stdout,
    /^datapath-of-detached-sr: the disk disk of the SR .* for domain 5 is activated, and the SR is not attached; repair: deactivates and detaches it\n$/,
  );
  assert.equal(verified.stderr, 'datapathctl: 1 trouble: datapathctl state repair does something about 1\n');
  assert.deepEqual(made(), [], 'verify runs no datapath script');

  const { ran, value } = await json('state', 'repair');
  assert.equal(ran.status, 0);
  assert.deepEqual(
    Array.isArray(value) &&
      value.map(({ code, outcome, sr, vdi, domain }) => ({ code, outcome, sr, vdi, domain })),
    [{ code: 'datapath-of-detached-sr', outcome: 'repaired', sr: SR, vdi: 'disk', domain: '5' }],
  );
  assert.deepEqual(made(), ['Datapath.deactivate', 'Datapath.detach']);
  assert.equal((await run('state', 'verify')).status, 0);
  assert.equal((await run('state', 'repair')).stdout, 'there is nothing to repair\n');
});

test('a disk is not taken from a domain that has disks in xenstore', async (t) => {
  const { daemon, json, run, call, made } = await startAnswering(t, () => undefined);
  await call('VDI.attach3', { ...useBy('5'), read_write: true });
  await call('SR.detach');
  const store = await connect({ ...CLIENT_OPTIONS, path: daemon.storeSocket, onEvent: () => {} });
  t.after(() => store.close());
  await store.write('/local/domain/0/backend/vbd3/5/51712/state', '4');
  made();
  const { ran, value } = await json('state', 'repair');
  assert.equal(ran.status, 1);
  assert.deepEqual(Array.isArray(value) && value.map(({ outcome }) => outcome), ['left']);
  assert.match(ran.stderr, /^datapathctl: 1 trouble could not be repaired: see what stands with each\n$/);
  assert.deepEqual(made(), []);
  assert.match(
    (await run('state', 'repair')).stdout,
    /left as it is: domain 5 has disks in xenstore; shut it down first/,
  );
});

/** A step that fails, what repair then runs, and the state that it leaves; nothing: no datapath. */
const STEPS: readonly (readonly [
  step: string,
  failing: string,
  repairing: readonly string[],
  state: string | undefined,
])[] = [
  ['VDI.attach3', 'Datapath.attach', ['Datapath.detach'], undefined],
  ['VDI.activate3', 'Datapath.activate', ['Datapath.deactivate'], 'attached'],
  ['VDI.activate_readonly', 'Datapath.activate_readonly', ['Datapath.deactivate'], 'attached'],
  ['VDI.deactivate', 'Datapath.deactivate', ['Datapath.deactivate'], 'attached'],
  ['VDI.detach', 'Datapath.detach', ['Datapath.detach'], undefined],
];
const WAY = {
  'VDI.attach3': [],
  'VDI.activate3': ['VDI.attach3'],
  'VDI.activate_readonly': ['VDI.attach3'],
  'VDI.deactivate': ['VDI.attach3', 'VDI.activate3'],
  'VDI.detach': ['VDI.attach3', 'VDI.activate3', 'VDI.deactivate'],
} as const;
for (const [step, failing, repairing, state] of STEPS) {
  test(`after a ${failing} that failed, repair runs ${repairing.join(', ')}, and it is ${state ?? 'closed'}`, async (t) => {
    let isBroken = false;
    const broken: Reply = fails('Broken', 'of a test');
    const { datapathd, call, made } = await startAnswering(t, ({ method }) =>
      isBroken && method === failing ? broken : undefined,
    );
    for (const before of Object.entries(WAY).find(([name]) => name === step)?.[1] ?? []) {
      await call(before, { ...useBy('5'), read_write: true });
    }
    isBroken = true;
    await assert.rejects(call(step, { ...useBy('5'), read_write: true }), /Broken/);
    const [found] = await datapathd('verify');
    assert.equal(found?.code, 'datapath-uncertain');
    assert.match(`${found?.found}`, new RegExp(`: ${failing.slice(9)} was begun and has not ended well$`));
    assert.deepEqual(
      (await datapathd('datapaths')).map((each) => [each.state, each.step, each.running]),
      [['uncertain', failing.slice(9), false]],
    );

    made();
    if (repairing.includes(failing)) {
      const [failed] = await datapathd('repair');
      assert.equal(failed?.outcome, 'failed');
      assert.match(`${failed?.text}`, /Broken/);
      made();
    }
    isBroken = false;
    assert.deepEqual(
      (await datapathd('repair')).map(({ outcome }) => outcome),
      ['repaired'],
    );
    assert.deepEqual(made(), repairing);
    const states = (await datapathd('datapaths')).map((each) => each.state);
    assert.deepEqual(states, state === undefined ? [] : [state]);
    assert.deepEqual(await datapathd('verify'), []);
    assert.deepEqual(await datapathd('repair'), []);
  });
}

test('who uses a disk already goes on using it when the activation for another has failed', async (t) => {
  let isBroken = false;
  const { datapathd, call, made } = await startAnswering(t, ({ method }) =>
    isBroken && method === 'Datapath.activate' ? fails('Broken') : undefined,
  );
  await call('VDI.attach3', { ...useBy('5', 'reader'), read_write: false });
  await call('VDI.activate_readonly', useBy('5', 'reader'));
  await call('VDI.attach3', { ...useBy('5', 'writer'), read_write: true });
  isBroken = true;
  await assert.rejects(call('VDI.activate3', useBy('5', 'writer')), /Broken/);
  made();
  assert.deepEqual(
    (await datapathd('repair')).map(({ outcome }) => outcome),
    ['repaired'],
  );
  assert.deepEqual(made(), ['Datapath.activate_readonly']);
  const datapaths = await datapathd('datapaths');
  assert.deepEqual(
    datapaths.map(({ state, holders }) => ({ state, holders })),
    [
      {
        state: 'activated',
        holders: [
          { dp: 'writer', writes: true, active: false },
          { dp: 'reader', writes: false, active: true },
        ],
      },
    ],
  );
});

test('a step that is being carried out is no trouble', async (t) => {
  const held = Promise.withResolvers<undefined>();
  const { datapathd, call, plugins } = await startAnswering(t, ({ method }) =>
    method === 'Datapath.attach' ? held.promise.then(() => prints(BACKEND)) : undefined,
  );
  const attaching = call('VDI.attach3', { ...useBy('5'), read_write: true });
  await plugins.called(({ method }) => method === 'Datapath.attach');
  assert.deepEqual(await datapathd('verify'), []);
  assert.deepEqual(
    (await datapathd('datapaths')).map(({ state, step, running }) => ({ state, step, running })),
    [{ state: 'uncertain', step: 'attach', running: true }],
  );
  held.resolve(undefined);
  await attaching;
});

test('an SR that is not well is told of, unless it is not to be asked', async (t) => {
  let health: 'well' | 'unreachable' | 'failing' = 'well';
  const { run, json } = await startAnswering(t, ({ method }) => {
    if (method !== 'SR.stat' || health === 'well') return undefined;
    if (health === 'failing') return fails('Broken', 'no route');
    const stat = { sr: 'h', name: 'n', description: 'd', free_space: 0, total_space: 0 };
    const rest = { datasources: [], clustered: false, health: ['Unreachable', 'the cable is out'] };
    return { print: JSON.stringify({ ...stat, ...rest }), exit: 0 };
  });
  health = 'unreachable';
  const { ran, value } = await json('state', 'verify');
  assert.equal(ran.status, 1);
  assert.deepEqual(value, [
    {
      ...{
        code: 'sr-not-well',
        severity: 'trouble',
        sr: SR,
        repairable: false,
        repair: 'see to the storage',
      },
      found: `the SR ${SR} is not well: Unreachable: the cable is out`,
    },
  ]);
  assert.match(ran.stderr, /1 trouble, which state repair can do nothing about/);
  health = 'failing';
  assert.match((await run('state', 'verify')).stdout, /^sr-not-well: .* is not well: .*Broken/);
  assert.equal((await run('state', 'verify', '--quick')).status, 0);
});

test('an SR and a datapath whose plugins are gone are told of', async (t) => {
  const { run, json, call, plugins, daemon } = await startAnswering(t, () => undefined);
  await call('VDI.attach3', { ...useBy('5'), read_write: true });
  const removed = (kind: string) =>
    daemon.logged(({ msg, ...fields }) => msg.startsWith('a plugin is no more used') && fields.kind === kind);
  plugins.remove(`volume/${VOLUME}`);
  plugins.remove('datapath/raw');
  await Promise.all([removed('volume'), removed('datapath')]);
  const { value } = await json('state', 'verify');
  assert.deepEqual(Array.isArray(value) && value.map(({ code, repairable }) => ({ code, repairable })), [
    { code: 'datapath-plugin-gone', repairable: false },
    { code: 'sr-plugin-gone', repairable: false },
  ]);
  const repaired = await run('state', 'repair');
  assert.equal(repaired.status, 1);
  assert.match(repaired.stdout, /^left: datapath-plugin-gone: .*put the plugin back/);
});

test('an SR that xenstore does not show any more is published again', async (t) => {
  const { run, daemon } = await startWithDisk(t);
  const store = await connect({ ...CLIENT_OPTIONS, path: daemon.storeSocket, onEvent: () => {} });
  t.after(() => store.close());
  await store.remove('/local/domain/0/xapi/storage/sr');
  assert.match((await run('sr', 'list')).stdout, /not in xenstore/);
  assert.match((await run('state', 'verify')).stdout, /^sr-not-published: .*; repair: publishes it\n$/);
  assert.match((await run('state', 'repair')).stdout, /^repaired: sr-not-published: .*: it is published\n$/);
  assert.equal((await run('state', 'verify')).status, 0);
});

test('a disk that is open and not attached is a note; of an SR that was detached it is closed', async (t) => {
  const { run, call, made } = await startAnswering(t, () => undefined);
  await call('VDI.epoch_begin', { vdi: 'disk', vm: '5', persistent: false });
  const verified = await run('state', 'verify');
  assert.equal(verified.status, 0);
  assert.match(
    verified.stdout,
    /^note: opened-unused: the disk disk of the SR .* is open for domain 5, and not attached; left as it is/,
  );
  assert.equal((await run('state', 'repair')).status, 0);
  await call('SR.detach');
  assert.match((await run('state', 'verify')).stdout, /^opened-of-detached-sr: .*; repair: closes it\n$/);
  made();
  assert.equal((await run('state', 'repair')).status, 0);
  assert.deepEqual(made(), ['Datapath.close']);
  assert.equal((await run('state', 'verify')).stdout, 'all is as it should be\n');
});

test('what takes too long ends with the status of a time that is over', async (t) => {
  let hangs = false;
  const { run } = await startAnswering(t, ({ method }) =>
    hangs && method === 'SR.stat' ? new Promise<Reply>(() => {}) : undefined,
  );
  hangs = true;
  const { status, stderr } = await run('state', 'verify', '--timeout', '0.1');
  assert.equal(status, 4);
  assert.match(stderr, /^datapathctl: no answer from .* to Datapathd\.verify within 0\.1 s \(--timeout\)\n$/);
});

test('a step that a kill has cut short is found by the next daemon, and repaired', async (t) => {
  const held = Promise.withResolvers<undefined>();
  let isHeld = true;
  const plugins = await preparePlugins(t, ({ method }) => {
    if (isHeld && method === 'Datapath.activate') return held.promise.then(() => prints(null));
    return prints(ANSWERS[method] ?? null);
  });
  plugins.write(`volume/${VOLUME}`, ['SR.attach', 'SR.stat', 'SR.detach', 'Volume.stat']);
  plugins.write(
    'datapath/raw',
    ['attach', 'activate', 'deactivate', 'detach'].map((step) => `Datapath.${step}`),
  );
  const flags = [`--switch.stateDirectory=${join(tempDirectory(t), 'state')}`];
  const first = hostOf(t, await startStorage(t, plugins, { flags }));
  await first.call('SR.attach', { device_config: {} });
  await first.call('VDI.attach3', { ...useBy('5'), read_write: true });
  const activating = assert.rejects(first.call('VDI.activate3', useBy('5')));
  await plugins.called(({ method }) => method === 'Datapath.activate');
  await kill(first.daemon);
  await activating;
  held.resolve(undefined);
  isHeld = false;

  const second = hostOf(t, await startStorage(t, plugins, { flags }));
  const verified = await second.run('state', 'verify');
  assert.equal(verified.status, 1);
  assert.match(
    verified.stdout,
    /^datapath-uncertain: .*: activate was begun and has not ended well; repair: deactivates it/,
  );
  const repaired = await second.run('state', 'repair');
  assert.equal(repaired.status, 0);
  assert.match(repaired.stdout, /^repaired: .*: it is deactivated, and still attached\n$/);
  assert.equal(plugins.calls.at(-1)?.method, 'Datapath.deactivate');
  assert.equal((await second.run('state', 'verify')).status, 0);
});
