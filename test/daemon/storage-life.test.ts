import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isStruct } from '../../src/wire/value.ts';
import { QUEUE } from '../helpers/daemon.ts';
import { backendOf } from '../helpers/fake-storage.ts';
import { fails, resultOf, SR, throughSocket, throughSwitch, VOLUME } from '../helpers/plugins.ts';
import { attachSr, createVdi, scriptsOf, using, VDI_INFO, withStorage } from './storage-helpers.ts';

/** The whole life of an SR and its disks, as xapi drives it: the answers, and what the storage has seen. */

const LARGE = 9_007_199_254_740_993n;

const WAYS = [
  { way: 'through the switch', call: throughSwitch },
  { way: 'through the socket', call: throughSocket },
];

for (const { way, call: connect } of WAYS) {
  test(`an SR is created, attached, named, looked at and detached ${way}`, async (t) => {
    const { storage, daemon } = await withStorage(t);
    const call = connect(t, daemon);
    const sr = (method: string, params = {}) => resultOf(call(method, { sr: SR, ...params }));
    const asked = { queue: VOLUME, device_config: {}, sm_config: {} };
    const found = { configuration: { uri: 'found' }, complete: true, extra_info: {} };
    assert.deepEqual(await resultOf(call('SR.probe', asked)), ['Probe', [found]]);
    const labels = { name_label: 'new', name_description: 'text', physical_size: 0 };
    assert.deepEqual(await sr('SR.create', { ...labels, device_config: { uri: 'u' } }), { uri: 'u' });
    await attachSr(call);
    assert.deepEqual(await resultOf(call('SR.list')), [SR]);
    await sr('SR.set_name_label', { new_name_label: 'named' });
    await sr('SR.set_name_description', { new_name_description: 'told' });
    const info = {
      ...{ name_label: 'named', name_description: 'told', free_space: LARGE },
      ...{ total_space: 9_223_372_036_854_775_807n, clustered: false, health: 'Healthy' },
    };
    assert.deepEqual(await sr('SR.stat'), info);
    assert.deepEqual(await sr('SR.scan2'), [[], info]);
    assert.equal(await sr('SR.destroy'), null);
    assert.equal(await sr('SR.detach'), null);
    assert.deepEqual(await resultOf(call('SR.list')), []);
    assert.equal(storage.isAttached, false);
  });

  test(`a disk is attached, activated, deactivated and detached ${way}`, async (t) => {
    const { storage, plugins, daemon } = await withStorage(t);
    const call = connect(t, daemon);
    await attachSr(call);
    const vdi = await createVdi(call);
    const use = using(vdi);
    const steps = [];
    for (const method of ['VDI.attach3', 'VDI.activate3', 'VDI.deactivate', 'VDI.detach']) {
      const before = plugins.calls.length;
      const result = await resultOf(
        call(method, method === 'VDI.attach3' ? { ...use, read_write: true } : use),
      );
      const scripts = plugins.calls.slice(before).map((each) => each.method);
      steps.push({ result, scripts, state: storage.disks.get(`disk://${vdi} for 7`) });
    }
    assert.deepEqual(steps, [
      {
        result: backendOf(`disk://${vdi}`),
        scripts: ['Volume.stat', 'Datapath.attach'],
        state: 'attached',
      },
      { result: null, scripts: ['Datapath.activate'], state: 'activated' },
      { result: null, scripts: ['Datapath.deactivate'], state: 'attached' },
      { result: null, scripts: ['Datapath.detach'], state: undefined },
    ]);
    assert.equal(await resultOf(call('VDI.destroy', { sr: SR, vdi })), null);
    assert.deepEqual([...storage.volumes], []);
  });

  test(`a mirror tells how far it is, is cancelled and forgotten ${way}`, async (t) => {
    const { storage, daemon } = await withStorage(t);
    const call = connect(t, daemon);
    const onDatapath = connect(t, daemon, QUEUE);
    await attachSr(call);
    const vdi = await createVdi(call);
    const { dp: _, ...use } = using(vdi);
    const operation = await resultOf(
      call('DATA.mirror', { ...use, image_format: 'raw', url: 'nbd://elsewhere' }),
    );
    assert.deepEqual(operation, ['MirrorV1', '1']);
    const stat = () => resultOf(call('DATA.stat', { ...use, operation }));
    assert.deepEqual(await stat(), { failed: false, complete: false, progress: 0.25 });
    storage.operations.set('1', { failed: false, complete: false, progress: 0.75 });
    assert.deepEqual(await stat(), { failed: false, complete: false, progress: 0.75 });
    assert.notEqual((await onDatapath('Data.destroy', { operation })).error, null);
    assert.equal(await resultOf(onDatapath('Data.cancel', { operation })), null);
    assert.deepEqual(await stat(), { failed: true, complete: true, progress: 0.75 });
    assert.deepEqual(await resultOf(onDatapath('Data.ls')), [operation]);
    assert.equal(await resultOf(onDatapath('Data.destroy', { operation })), null);
    assert.deepEqual(await resultOf(onDatapath('Data.ls')), []);
  });
}

test('a disk that is not to be kept is a clone from the begin of its epoch to the end', async (t) => {
  const { storage, plugins, daemon } = await withStorage(t);
  const call = throughSocket(t, daemon);
  await attachSr(call);
  const vdi = await createVdi(call);
  const use = using(vdi);
  const epoch = { sr: SR, vdi, vm: '7' };
  const keys = () => storage.volumes.get(vdi)?.keys;
  await resultOf(call('VDI.epoch_begin', { ...epoch, persistent: false }));
  assert.deepEqual(keys(), { 'vdi-type': 'user', 'clone-on-boot': 'v2' });
  await resultOf(call('VDI.attach3', { ...use, read_write: true }));
  await resultOf(call('VDI.activate3', use));
  assert.deepEqual([...storage.disks], [['disk://v2 for 7', 'activated']]);
  const scanned = await resultOf(call('SR.scan', { sr: SR }));
  assert.deepEqual(Array.isArray(scanned) && scanned.map((each) => isStruct(each) && each.vdi), [vdi]);
  await resultOf(call('VDI.deactivate', use));
  await resultOf(call('VDI.detach', use));
  await resultOf(call('VDI.epoch_end', epoch));
  assert.deepEqual([[...storage.volumes.keys()], keys()], [[vdi], { 'vdi-type': 'user' }]);
  // A second guest begins with a clone of its own, and the disk takes that with it.
  await resultOf(call('VDI.epoch_begin', { ...epoch, persistent: false }));
  await resultOf(call('VDI.epoch_begin', { ...epoch, persistent: false }));
  assert.equal(storage.volumes.size, 2);
  const destroyed = await scriptsOf(plugins, () => resultOf(call('VDI.destroy', { sr: SR, vdi })));
  assert.deepEqual(destroyed, ['Volume.stat', 'Volume.destroy', 'Volume.destroy']);
  assert.deepEqual([...storage.volumes.keys(), ...storage.sins], []);
});

test('a plugin that can forget opens the disk, and no clone is made', async (t) => {
  const { storage, plugins, daemon } = await withStorage(t, { features: ['NONPERSISTENT'] });
  const call = throughSocket(t, daemon);
  await attachSr(call);
  const vdi = await createVdi(call);
  const use = using(vdi);
  const epoch = { sr: SR, vdi, vm: '7' };
  const scripts = await scriptsOf(plugins, async () => {
    await resultOf(call('VDI.epoch_begin', { ...epoch, persistent: false }));
    assert.deepEqual([...storage.open], [`disk://${vdi}`]);
    await resultOf(call('VDI.attach3', { ...use, read_write: true }));
    await resultOf(call('VDI.detach', use));
    await resultOf(call('VDI.epoch_end', epoch));
  });
  assert.deepEqual(scripts, [
    ...['Volume.stat', 'Datapath.open', 'Datapath.attach', 'Datapath.detach', 'Datapath.close'],
  ]);
  assert.deepEqual([...storage.open, ...storage.sins], []);
});

test('a snapshot knows what it is of and has its tags, and its disk is reverted to it', async (t) => {
  const { storage, plugins, daemon } = await withStorage(t);
  const call = throughSocket(t, daemon);
  await attachSr(call);
  const vdi = await createVdi(call);
  const vdi_info = { ...VDI_INFO, vdi, content_id: 'c9', ty: 'system', tags: ['a', 'b'] };
  const made = await resultOf(call('VDI.snapshot', { sr: SR, vdi_info }));
  assert.ok(isStruct(made));
  assert.deepEqual([made.is_a_snapshot, made.snapshot_of, made.tags], [true, vdi, ['a', 'b']]);
  assert.deepEqual(storage.volumes.get(String(made.vdi))?.keys, {
    ...{ snapshot_time: made.snapshot_time, is_a_snapshot: 'true', snapshot_of: vdi },
    ...{ content_id: 'c9', 'vdi-type': 'system', tagsa: 'a', tagsb: 'b' },
  });
  assert.deepEqual(storage.volumes.get(vdi)?.keys, { 'vdi-type': 'user' });
  assert.deepEqual(await resultOf(call('VDI.stat', { sr: SR, vdi: String(made.vdi) })), {
    ...made,
    ...{ content_id: 'c9', ty: 'system' },
  });
  await resultOf(call('VDI.revert', { sr: SR, snapshot_info: made }));
  const { method, params } = plugins.calls.at(-1) ?? assert.fail('nothing ran');
  assert.deepEqual([method, params.snapshot, params.key], ['Volume.revert', made.vdi, vdi]);
});

test('the size of a disk is exact on its way to the script and back', async (t) => {
  const { plugins, daemon } = await withStorage(t);
  const call = throughSwitch(t, daemon);
  await attachSr(call);
  const vdi = await createVdi(call, { virtual_size: LARGE });
  assert.match(
    plugins.calls.find(({ method }) => method === 'Volume.create')?.stdin ?? '',
    /:9007199254740993\b/,
  );
  const stat = await resultOf(call('VDI.stat', { sr: SR, vdi }));
  assert.equal(isStruct(stat) && stat.virtual_size, LARGE);
  const largest = 9_223_372_036_854_775_807n;
  assert.equal(await resultOf(call('VDI.resize', { sr: SR, vdi, new_size: largest })), largest);
  assert.match(
    plugins.calls.find(({ method }) => method === 'Volume.resize')?.stdin ?? '',
    /:9223372036854775807\b/,
  );
});

test('changed blocks are tracked, listed and forgotten', async (t) => {
  const { storage, plugins, daemon } = await withStorage(t);
  const call = throughSocket(t, daemon);
  await attachSr(call);
  const vdi = await createVdi(call);
  const isTracked = async () => {
    const stat = await resultOf(call('VDI.stat', { sr: SR, vdi }));
    return isStruct(stat) && stat.cbt_enabled;
  };
  await resultOf(call('VDI.enable_cbt', { sr: SR, vdi }));
  assert.equal(await isTracked(), true);
  assert.equal(
    await resultOf(call('VDI.list_changed_blocks', { sr: SR, vdi_from: vdi, vdi_tp: 'v9' })),
    'AAE=',
  );
  const { dbg: _, ...params } = plugins.calls.at(-1)?.params ?? {};
  assert.deepEqual(params, { sr: 'the handle', key: vdi, key2: 'v9', offset: 0, length: -1 });
  await resultOf(call('VDI.disable_cbt', { sr: SR, vdi }));
  assert.equal(await isTracked(), false);
  await resultOf(call('VDI.data_destroy', { sr: SR, vdi }));
  assert.deepEqual(storage.volumes.get(vdi)?.keys, { 'vdi-type': 'cbt_metadata' });
});

test('tags, sm_config and the name of the content are kept with the disk', async (t) => {
  const { daemon } = await withStorage(t);
  const call = throughSocket(t, daemon);
  await attachSr(call);
  const vdi = await createVdi(call);
  const on = (method: string, params: object) => resultOf(call(method, { sr: SR, vdi, ...params }));
  await on('VDI.add_tags', { key: 't1' });
  await on('VDI.add_tags', { key: 't2' });
  await on('VDI.remove_tags', { key: 't1' });
  await on('VDI.add_to_sm_config', { key: 'k', value: 'v' });
  await on('VDI.add_to_sm_config', { key: 'gone', value: 'v' });
  await on('VDI.remove_from_sm_config', { key: 'gone' });
  await on('VDI.set_content_id', { content_id: 'c' });
  await on('VDI.set_name_label', { new_name_label: 'named' });
  await on('VDI.set_name_description', { new_name_description: 'told' });
  const stat = await on('VDI.stat', {});
  assert.ok(isStruct(stat));
  assert.deepEqual([stat.tags, stat.sm_config, stat.content_id], [['t2'], { k: 'v' }, 'c']);
  assert.deepEqual([stat.name_label, stat.name_description], ['named', 'told']);
});

test('null for an optional field of what a script prints is absence', async (t) => {
  const { storage, daemon } = await withStorage(t);
  const call = throughSocket(t, daemon);
  storage.stat = { ...storage.stat, uuid: null };
  await attachSr(call);
  const vdi = await createVdi(call);
  const nulls = { uuid: null, volume_type: null, cbt_enabled: null };
  storage.volumes.set(vdi, { ...storage.volumes.get(vdi), ...nulls });
  const stat = await resultOf(call('VDI.stat', { sr: SR, vdi }));
  assert.ok(isStruct(stat));
  assert.deepEqual(['uuid' in stat, stat.cbt_enabled], [false, false]);
  const operation = await resultOf(
    call('DATA.mirror', { sr: SR, vdi, vm: '7', image_format: 'raw', url: 'nbd://x' }),
  );
  storage.operations.set('1', { failed: false, complete: false, progress: null });
  assert.deepEqual(await resultOf(call('DATA.stat', { sr: SR, vdi, vm: '7', operation })), {
    ...{ failed: false, complete: false },
  });
});

test('a copy is begun with blocks of 64 bits, and its plugin is found again by every call', async (t) => {
  const { plugins, daemon } = await withStorage(t);
  plugins.write('datapath/aaa', ['Data.stat', 'Data.cancel', 'Data.ls', 'Data.copy']);
  await daemon.logged(({ msg, plugin }) => plugin === 'aaa' && msg.includes('registered'));
  const call = throughSocket(t, daemon, QUEUE);
  const blocklist = { blocksize: 65536, ranges: [[LARGE, 1]] };
  const where = { uri: 'disk://v1', domain: '7', remote: 'nbd://x' };
  const operation = await resultOf(call('Data.copy', { ...where, blocklist }));
  const { params } = plugins.calls.at(-1) ?? assert.fail('nothing ran');
  assert.deepEqual([operation, params.blocklist], [['CopyV1', '1'], blocklist]);
  await resultOf(call('Data.stat', { operation }));
  await resultOf(call('Data.cancel', { operation }));
  assert.deepEqual(
    plugins.calls.slice(-2).map(({ script }) => script),
    ['disk/Data.stat', 'disk/Data.cancel'],
  );
});

test('a disk that its storage refuses to attach is not attached', async (t) => {
  const { plugins, daemon } = await withStorage(t, {
    answering:
      ({ answer }) =>
      (call) =>
        call.method === 'Datapath.attach' ? fails('Unimplemented', 'today') : answer(call),
  });
  const call = throughSocket(t, daemon);
  await attachSr(call);
  const use = using(await createVdi(call));
  assert.notEqual((await call('VDI.attach3', { ...use, read_write: true })).error, null);
  assert.deepEqual(await scriptsOf(plugins, () => resultOf(call('VDI.detach', use))), []);
});
