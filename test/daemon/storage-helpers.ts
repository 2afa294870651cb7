import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { isStruct, type Struct } from '../../src/wire/value.ts';
import type { DaemonOptions, DaemonProcess } from '../helpers/daemon.ts';
import {
  createFakeStorage,
  DATAPATH_METHODS,
  type FakeStorage,
  SCHEME,
  URI,
  VOLUME_METHODS,
} from '../helpers/fake-storage.ts';
import {
  type Answering,
  type Call,
  preparePlugins,
  resultOf,
  SR,
  startStorage,
  type TestPlugins,
  VOLUME,
} from '../helpers/plugins.ts';

/** Daemons with a volume plugin and a datapath plugin, behind which a fake storage stands. */

export interface StoragePlugins {
  readonly storage: FakeStorage;
  readonly plugins: TestPlugins;
}

export interface StorageWithDaemon extends StoragePlugins {
  readonly daemon: DaemonProcess;
}

/** Plugins without a daemon. `answering` may answer, or wait, before the storage does. */
export async function withPlugins(
  t: TestContext,
  answering: (storage: FakeStorage) => Answering = ({ answer }) => answer,
  features: readonly string[] = [],
): Promise<StoragePlugins> {
  const storage = createFakeStorage();
  const plugins = await preparePlugins(t, answering(storage));
  plugins.write(`volume/${VOLUME}`, VOLUME_METHODS);
  plugins.write(`datapath/${SCHEME}`, DATAPATH_METHODS, { features });
  return { storage, plugins };
}

export interface WithStorageOptions extends DaemonOptions {
  readonly answering?: (storage: FakeStorage) => Answering;
  /** Those of the datapath plugin. */
  readonly features?: readonly string[];
}

export async function withStorage(
  t: TestContext,
  { answering, features, ...options }: WithStorageOptions = {},
): Promise<StorageWithDaemon> {
  const prepared = await withPlugins(t, answering, features);
  return { ...prepared, daemon: await startStorage(t, prepared.plugins, options) };
}

export const attachSr = (call: Call): Promise<unknown> =>
  resultOf(call('SR.attach', { sr: SR, device_config: { uri: URI } }));

export const VDI_INFO: Struct = { vdi: '', name_label: 'disk', virtual_size: 1_073_741_824 };

/** Makes a disk and gives its key. */
export async function createVdi(call: Call, info: Struct = {}): Promise<string> {
  const made = await resultOf(call('VDI.create', { sr: SR, vdi_info: { ...VDI_INFO, ...info } }));
  assert.ok(isStruct(made));
  return String(made.vdi);
}

/** The params of a call on a datapath. */
export const using = (vdi: string, vm = '7', dp = `vbd/${vm}/xvda`) => ({ sr: SR, vdi, vm, dp });

/** The names of the scripts that a task ran, without their plugin. */
export async function scriptsOf(plugins: TestPlugins, task: () => Promise<unknown>): Promise<string[]> {
  const before = plugins.calls.length;
  await task();
  return plugins.calls.slice(before).map(({ method }) => method);
}
