import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { isStruct, type Value } from '../../src/wire/value.ts';
import { DATAPATH_METHODS, SCHEME, URI, VOLUME_METHODS } from '../helpers/fake-storage.ts';
import {
  type Call,
  prints,
  resultOf,
  SR,
  startStorage,
  throughSocket,
  throughSwitch,
  VOLUME,
} from '../helpers/plugins.ts';
import {
  attachSr,
  createVdi,
  type StorageWithDaemon,
  using,
  VDI_INFO,
  withPlugins,
} from './storage-helpers.ts';

/** Plugins that were written for version 3.0 of the interface, behind xapi's calls. */

const OLD = { required_api_version: '3.0' };
/** What such plugins lack. */
const WITHOUT = ['Volume.set', 'Volume.unset'];

/** A daemon with plugins of 3.0: what they answer to an attach may be said. */
async function withOldPlugins(t: TestContext, attached?: Value): Promise<StorageWithDaemon> {
  const prepared = await withPlugins(t, ({ answer }) => async (call) => {
    if (call.method === 'Datapath.attach' && attached !== undefined) return prints(attached);
    const { print, exit } = await answer(call);
    if (call.method === 'SR.create' && exit === 0) return prints(null);
    return { exit, print: print.replaceAll('"sharable":false,', '') };
  });
  const methods = VOLUME_METHODS.filter((method) => !WITHOUT.includes(method));
  prepared.plugins.write(`volume/${VOLUME}`, methods, OLD);
  prepared.plugins.write(`datapath/${SCHEME}`, DATAPATH_METHODS, OLD);
  return { ...prepared, daemon: await startStorage(t, prepared.plugins) };
}

for (const [name, backend_type] of [
  ['Blkback', 'vbd'],
  ['Tapdisk3', 'vbd3'],
  ['Qdisk', 'qdisk'],
] as const) {
  test(`a disk that a plugin serves by ${name} is one of ${backend_type}`, async (t) => {
    const { storage, daemon } = await withOldPlugins(t, {
      domain_uuid: '00000000-0000-0000-0000-000000000000',
      implementation: [name, 'aio:/dev/a'],
    });
    const call = throughSwitch(t, daemon);
    await attachSr(call);
    const use = using(await createVdi(call));
    const backend = await resultOf(call('VDI.attach3', { ...use, read_write: true }));
    assert.ok(isStruct(backend));
    assert.deepEqual(backend.implementations, [
      ['XenDisk', { params: 'aio:/dev/a', extra: {}, backend_type }],
    ]);
    for (const step of ['activate3', 'deactivate', 'detach']) await resultOf(call(`VDI.${step}`, use));
    assert.deepEqual([...storage.disks], []);
  });
}

test('a backend of another kind is no answer, and the disk is not attached', async (t) => {
  const { daemon } = await withOldPlugins(t, { domain_uuid: 'd', implementation: ['Floppy', 'a'] });
  const call = throughSocket(t, daemon);
  await attachSr(call);
  const { error } = await call('VDI.attach3', { ...using(await createVdi(call)), read_write: true });
  assert.match(JSON.stringify(error), /^\["Backend_error",\["SCRIPT_FAILED",.*implementation/);
});

test('an SR of an old plugin is made and attached by its URI', async (t) => {
  const { plugins, daemon } = await withOldPlugins(t);
  const call = throughSwitch(t, daemon);
  const device_config = { uri: URI, more: 'x' };
  const labels = { name_label: 'n', name_description: 'd', physical_size: 0 };
  assert.deepEqual(await resultOf(call('SR.create', { sr: SR, ...labels, device_config })), device_config);
  await attachSr(call);
  const params = (method: string) => plugins.calls.find((each) => each.method === method)?.params;
  assert.equal(params('SR.create')?.uri, URI);
  assert.equal(params('SR.attach')?.uri, URI);
  const before = plugins.calls.length;
  for (const method of ['SR.create', 'SR.attach']) {
    const { error } = await call(method, { sr: SR, ...labels, device_config: {} });
    const text = 'Please include a URI in the device-config';
    assert.deepEqual(error, ['Backend_error', ['MISSING_URI', [text]]]);
  }
  assert.equal(plugins.calls.length, before);
});

/** What xapi writes in keys, with its parameters. */
const WRITES: readonly (readonly [method: string, params: Record<string, Value>])[] = [
  ['VDI.set_content_id', { content_id: 'c' }],
  ['VDI.add_to_sm_config', { key: 'k', value: 'v' }],
  ['VDI.remove_from_sm_config', { key: 'k' }],
];

test('a disk of an old plugin is made, copied, seen and destroyed, though nothing is kept in keys', async (t) => {
  const { storage, daemon } = await withOldPlugins(t);
  const call = throughSwitch(t, daemon);
  await attachSr(call);
  const vdi = await createVdi(call);
  const vdi_info = { ...VDI_INFO, vdi };
  for (const method of ['VDI.snapshot', 'VDI.clone']) await resultOf(call(method, { sr: SR, vdi_info }));
  for (const [method, params] of WRITES)
    assert.equal(await resultOf(call(method, { sr: SR, vdi, ...params })), null);
  assert.deepEqual(await sharableOf(call), [false, false, false]);
  await resultOf(call('VDI.destroy', { sr: SR, vdi }));
  assert.deepEqual([storage.volumes.size, storage.sins], [2, []]);
});

test('a disk that is not to be kept is refused where nothing can say that a clone stands for it', async (t) => {
  const { storage, daemon } = await withOldPlugins(t);
  const call = throughSwitch(t, daemon);
  await attachSr(call);
  const { dp: _, ...epoch } = using(await createVdi(call));
  const { error } = await call('VDI.epoch_begin', { ...epoch, persistent: false });
  assert.deepEqual([error, storage.volumes.size], [['Unimplemented', 'Volume.set'], 1]);
  await resultOf(call('VDI.epoch_begin', { ...epoch, persistent: true }));
});

const sharableOf = async (call: Call): Promise<unknown> => {
  const scanned = await resultOf(call('SR.scan', { sr: SR }));
  return Array.isArray(scanned) && scanned.map((each) => isStruct(each) && each.sharable);
};

test('a plugin of now that lacks a script for keys says so', async (t) => {
  const { plugins } = await withPlugins(t);
  plugins.write(
    `volume/${VOLUME}`,
    VOLUME_METHODS.filter((method) => !WITHOUT.includes(method)),
  );
  const call = throughSocket(t, await startStorage(t, plugins));
  await attachSr(call);
  const { error } = await call('VDI.create', { sr: SR, vdi_info: VDI_INFO });
  assert.deepEqual(error, ['Unimplemented', 'Volume.set']);
});
