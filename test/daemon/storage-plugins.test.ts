import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { writeJson } from '../../src/wire/json.ts';
import { isStruct } from '../../src/wire/value.ts';
import { QUEUE } from '../helpers/daemon.ts';
import { URI, VOLUME_METHODS } from '../helpers/fake-storage.ts';
import {
  fails,
  prints,
  QUERY as QUERY_RESULT,
  resultOf,
  SR,
  startStorage,
  throughSocket,
  throughSwitch,
  VOLUME,
} from '../helpers/plugins.ts';
import { tempDirectory } from '../helpers/temp.ts';
import {
  attachSr,
  createVdi,
  scriptsOf,
  using,
  VDI_INFO,
  withPlugins,
  withStorage,
} from './storage-helpers.ts';

/** Plugins of every kind and age behind the daemon: how they are found, named and called. */

test('a plugin of shell scripts is served like any other', async (t) => {
  const { storage, plugins } = await withPlugins(t);
  const calls = join(tempDirectory(t), 'calls');
  const printing = (answer: string): string =>
    `#!/bin/sh\ncat >> ${calls}\necho >> ${calls}\necho '${answer}'\n`;
  plugins.write(
    'volume/shell',
    [],
    {},
    {
      'SR.attach': printing('"handle"'),
      'SR.stat': printing(writeJson(storage.stat)),
      'SR.ls': printing('[]'),
    },
  );
  const call = throughSwitch(t, await startStorage(t, plugins), 'shell');
  await attachSr(call);
  assert.deepEqual(await resultOf(call('SR.scan', { sr: SR })), []);
  const read = readFileSync(calls, 'utf8').trim().split('\n');
  assert.deepEqual(
    read.map((line) => JSON.parse(line)),
    [
      { dbg: 'a test', configuration: { uri: 'u' } },
      { dbg: 'a test', sr: 'handle' },
      { dbg: 'a test', sr: 'handle' },
    ],
  );
});

test('a plugin of version 3.0 gets its URI, need not know of keys and sharable, and is created with what it was given', async (t) => {
  const without = ['Volume.set', 'Volume.unset'];
  const { storage, plugins } = await withPlugins(t, ({ answer }) => async (call) => {
    const reply = await answer(call);
    if (call.method === 'SR.create') return prints(null);
    return { ...reply, print: reply.print.replaceAll('"sharable":false,', '') };
  });
  plugins.write(
    `volume/${VOLUME}`,
    VOLUME_METHODS.filter((method) => !without.includes(method)),
    { required_api_version: '3.0' },
  );
  const call = throughSwitch(t, await startStorage(t, plugins));
  const device_config = { uri: 'u', more: 'x' };
  const labels = { name_label: 'n', name_description: 'd', physical_size: 0 };
  assert.deepEqual(await resultOf(call('SR.create', { sr: SR, ...labels, device_config })), device_config);
  await attachSr(call);
  const uris = plugins.calls
    .filter(({ method }) => ['SR.create', 'SR.attach'].includes(method))
    .map(({ params }) => params.uri);
  assert.deepEqual(uris, ['u', 'u']);
  const made = await resultOf(call('VDI.create', { sr: SR, vdi_info: VDI_INFO }));
  assert.equal(isStruct(made) && made.sharable, false);
  const scanned = await resultOf(call('SR.scan', { sr: SR }));
  assert.ok(Array.isArray(scanned));
  assert.deepEqual(
    scanned.map((each) => isStruct(each) && [each.vdi, each.sharable]),
    [['v1', false]],
  );
  assert.deepEqual(storage.sins, []);
  const { error } = await call('SR.attach', { sr: SR, device_config: {} });
  assert.match(String(error), /^Backend_error,MISSING_URI,/);
});

test('a datapath plugin of old answers in its own form', async (t) => {
  const { daemon } = await withStorage(t, {
    answering:
      ({ answer }) =>
      (call) =>
        call.method === 'Datapath.attach'
          ? prints({ domain_uuid: 'the uuid of domain 0', implementation: ['Tapdisk3', '/dev/x'] })
          : answer(call),
  });
  const call = throughSocket(t, daemon);
  await attachSr(call);
  const use = using(await createVdi(call));
  const backend = await resultOf(call('VDI.attach3', { ...use, read_write: true }));
  assert.deepEqual(isStruct(backend) && backend.implementations, [
    ['XenDisk', { params: '/dev/x', extra: {}, backend_type: 'vbd3' }],
  ]);
});

test('a plugin that appears gets a queue and a socket, and one that vanishes loses them', async (t) => {
  const { plugins, daemon } = await withStorage(t);
  plugins.write('volume/new', VOLUME_METHODS);
  const caller = throughSwitch(t, daemon, 'new');
  assert.equal(await resultOf(caller('Query.diagnostics')), 'all is well');
  assert.equal(await resultOf(throughSocket(t, daemon, 'new')('Query.diagnostics')), 'all is well');
  plugins.remove('volume/new');
  await daemon.logged(({ msg, queue }) => queue === 'new' && msg === 'a queue is no more served');
  await assert.rejects(
    throughSocket(t, daemon, 'new')('Query.diagnostics'),
    /ENOENT|ECONNREFUSED|ECONNRESET|the peer closed/,
  );
  // It may come back under its name.
  plugins.write('volume/new', VOLUME_METHODS);
  assert.equal(await resultOf(caller('Query.diagnostics')), 'all is well');
});

test('a plugin that is back while a call from before runs is served after it, and the call is made once', async (t) => {
  const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
  const { plugins, daemon } = await withStorage(t, {
    answering:
      ({ answer }) =>
      async (call) => {
        if (call.plugin === 'new') await held;
        return answer(call);
      },
  });
  const of = (text: string) => daemon.logged(({ msg, queue }) => queue === 'new' && msg.startsWith(text));
  plugins.write('volume/new', VOLUME_METHODS);
  const before = resultOf(
    throughSwitch(t, daemon, 'new')('SR.attach', { sr: SR, device_config: { uri: URI } }),
  );
  await plugins.called(({ script }) => script === 'new/SR.attach');
  plugins.remove('volume/new');
  await daemon.logged(({ msg, plugin }) => plugin === 'new' && msg.includes('no more used'));
  plugins.write('volume/new', VOLUME_METHODS);
  await of('a plugin is back');
  const after = resultOf(throughSwitch(t, daemon, 'new')('SR.list'));
  letGo();
  assert.equal(await before, null);
  await of('a queue is no more served');
  assert.deepEqual(await after, [SR]);
  assert.deepEqual(await resultOf(throughSocket(t, daemon, 'new')('SR.list')), [SR]);
  assert.equal(plugins.calls.filter(({ script }) => script === 'new/SR.attach').length, 1);
});

test('what a plugin can do is told anew when it has changed', async (t) => {
  const { plugins, daemon } = await withStorage(t);
  const call = throughSocket(t, daemon);
  plugins.write(`volume/${VOLUME}`, ['SR.attach'], { version: '2' });
  await daemon.logged(({ plugin, version }) => plugin === VOLUME && version === '2');
  const query = await resultOf(call('Query.query'));
  assert.ok(isStruct(query));
  assert.deepEqual(
    [query.version, query.features],
    ['2', ['SR_ATTACH', 'VDI_ATTACH', 'VDI_DETACH', 'VDI_ACTIVATE', 'VDI_DEACTIVATE', 'VDI_INTRODUCE']],
  );
});

test("the plugin's own interface is called beside xapi's, under names that do not meet", async (t) => {
  const { plugins, daemon } = await withStorage(t);
  const call = throughSocket(t, daemon);
  const scripts = await scriptsOf(plugins, async () => {
    assert.equal(await resultOf(call('SMAPIv3.SR.attach', { configuration: { uri: 'u' } })), 'the handle');
    const sizes = { size: 5, sharable: false };
    const made = await resultOf(
      call('Volume.create', { sr: 'the handle', name: 'n', description: 'd', ...sizes }),
    );
    assert.equal(isStruct(made) && made.key, 'v1');
    assert.equal(await resultOf(call('Plugin.diagnostics')), 'all is well');
  });
  assert.deepEqual(scripts, ['SR.attach', 'Volume.create', 'Plugin.diagnostics']);
  assert.deepEqual(await resultOf(call('Plugin.Query')), { plugin: VOLUME, ...QUERY_RESULT });
  // What is attached so is nothing of xapi's.
  assert.deepEqual(await resultOf(call('SR.list')), []);
});

test('a disk is used by its URI alone', async (t) => {
  const { storage, plugins, daemon } = await withStorage(t, { features: ['NONPERSISTENT', 'VDI_MIRROR_IN'] });
  const call = throughSwitch(t, daemon, QUEUE);
  const uri = 'disk://v1';
  const on = (step: string, more = {}) => resultOf(call(`Datapath.${step}`, { uri, ...more }));
  const scripts = await scriptsOf(plugins, async () => {
    await on('open', { persistent: false });
    await on('attach', { domain: '7' });
    await on('activate', { domain: '7' });
    assert.deepEqual([...storage.disks], [['disk://v1 for 7', 'activated']]);
    await on('deactivate', { domain: '7' });
    await on('detach', { domain: '7' });
    await on('close');
    assert.equal(await on('import_activate', { domain: '7' }), '/run/import');
  });
  const steps = ['open', 'attach', 'activate', 'deactivate', 'detach', 'close', 'import_activate'];
  assert.deepEqual(
    scripts,
    steps.map((step) => `Datapath.${step}`),
  );
  assert.deepEqual([...storage.disks, ...storage.open, ...storage.sins], []);
});

test('Datapath.select tells what would be chosen, and does nothing', async (t) => {
  const { plugins, daemon } = await withStorage(t);
  const call = throughSocket(t, daemon);
  await attachSr(call);
  const volume = await createVdi(call);
  const select = (params: object) => throughSocket(t, daemon, QUEUE)('Datapath.select', { ...params });
  const scripts = await scriptsOf(plugins, async () => {
    const selected = await resultOf(select({ sr: SR, volume, domain: '7' }));
    assert.ok(isStruct(selected) && isStruct(selected.selection) && Array.isArray(selected.candidates));
    const { uri, plugin, implementation } = selected.selection;
    assert.deepEqual([uri, plugin, implementation], [`disk://${volume}`, 'disk', 'vbd3']);
    assert.deepEqual(
      selected.candidates.map((each) => isStruct(each) && each.outcome),
      ['rejected', 'chosen'],
    );
  });
  assert.deepEqual(scripts, ['Volume.stat']);
  assert.match(String((await select({})).error), /expected uri, or sr and volume/);
});

test('a datapath that two names hold is put down with the last of them', async (t) => {
  const { storage, plugins, daemon } = await withStorage(t);
  const call = throughSocket(t, daemon);
  await attachSr(call);
  const vdi = await createVdi(call);
  const [one, two] = [using(vdi, '7', 'one'), using(vdi, '7', 'two')];
  const scripts = await scriptsOf(plugins, async () => {
    for (const use of [one, two]) await resultOf(call('VDI.attach3', { ...use, read_write: true }));
    for (const use of [one, two]) await resultOf(call('VDI.activate3', use));
    await resultOf(call('DP.destroy2', { ...one, allow_leak: false }));
    assert.deepEqual([...storage.disks.values()], ['activated']);
    await resultOf(call('DP.destroy2', { ...two, allow_leak: false }));
  });
  const steps = ['attach', 'activate', 'deactivate', 'detach'].map((step) => `Datapath.${step}`);
  assert.deepEqual(scripts, ['Volume.stat', ...steps]);
});

test("domain 0's uses of a disk are domains of their own for the plugin", async (t) => {
  const { storage, daemon } = await withStorage(t);
  const call = throughSocket(t, daemon);
  await attachSr(call);
  const vdi = await createVdi(call);
  for (const dp of ['vbd/0/x-y', 'vbd/0/z']) {
    await resultOf(call('VDI.attach3', { ...using(vdi, '0', dp), read_write: false }));
  }
  const domains = [...storage.disks.keys()];
  assert.deepEqual(domains, ['disk://v1 for u0_vbd_0_x_y', 'disk://v1 for u0_vbd_0_z']);
});

test('DP.destroy2 fails when the plugin does, unless it may leak', async (t) => {
  const { daemon } = await withStorage(t, {
    answering:
      ({ answer }) =>
      (call) =>
        call.method === 'Datapath.detach' ? fails('busy', 'still') : answer(call),
  });
  const call = throughSocket(t, daemon);
  await attachSr(call);
  const use = using(await createVdi(call));
  await resultOf(call('VDI.attach3', { ...use, read_write: true }));
  const destroy = (allow_leak: boolean) => call('DP.destroy2', { ...use, allow_leak });
  assert.match(String((await destroy(false)).error), /^Backend_error_with_backtrace,busy,/);
  assert.equal(await resultOf(destroy(true)), null);
  const { level, dp } = await daemon.logged(({ msg }) => msg.includes('left behind'));
  assert.deepEqual([level, dp], ['warn', use.dp]);
});
