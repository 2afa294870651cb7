import { isStruct, type Struct, type Value } from '../../src/wire/value.ts';
import { type Answering, fails, prints, type Reply, type ScriptCall } from './plugins.ts';

/**
 * A storage behind the scripts of a test's plugins: one SR of volumes, and what each domain has of each disk. It is as
 * strict as a storage that can lose data: what must not happen to a disk is noted as a sin.
 */

export const HANDLE = 'the handle';
export const URI = 'u';
export const SCHEME = 'disk';

export interface FakeStorage {
  readonly answer: Answering;
  readonly volumes: Map<string, Struct>;
  /** `<URI> for <domain>`: what is not there is detached. */
  readonly disks: Map<string, 'attached' | 'activated'>;
  /** The URIs that are open. */
  readonly open: Set<string>;
  /** Whether the SR is attached. */
  isAttached: boolean;
  stat: Struct;
  /** Copies and mirrors, as they stand. */
  readonly operations: Map<string, Struct>;
  readonly sins: string[];
}

export const VOLUME_METHODS = [
  ...['SR.probe', 'SR.create', 'SR.attach', 'SR.detach', 'SR.destroy', 'SR.stat', 'SR.set_name'],
  ...['SR.set_description', 'SR.ls', 'Volume.create', 'Volume.snapshot', 'Volume.clone', 'Volume.destroy'],
  ...[
    'Volume.revert',
    'Volume.set_name',
    'Volume.set_description',
    'Volume.set',
    'Volume.unset',
    'Volume.stat',
  ],
  ...['Volume.resize', 'Volume.enable_cbt', 'Volume.disable_cbt', 'Volume.data_destroy', 'Volume.compose'],
  ...['Volume.list_changed_blocks', 'Plugin.diagnostics'],
];

export const DATAPATH_METHODS = [
  ...[
    'Datapath.open',
    'Datapath.attach',
    'Datapath.activate',
    'Datapath.activate_readonly',
    'Datapath.detach',
  ],
  ...['Datapath.deactivate', 'Datapath.close', 'Datapath.import_activate'],
  ...['Data.copy', 'Data.mirror', 'Data.stat', 'Data.cancel', 'Data.destroy', 'Data.ls'],
];

/** What attach answers for a URI. */
export const backendOf = (uri: string): Struct => ({
  implementations: [
    ['XenDisk', { params: uri, extra: {}, backend_type: 'vbd3' }],
    ['Nbd', { uri: `nbd:unix:/run/${uri}:exportname=x` }],
  ],
});

export function createFakeStorage(): FakeStorage {
  const storage: FakeStorage = {
    answer: (call) => answer(storage, call),
    volumes: new Map(),
    disks: new Map(),
    open: new Set(),
    isAttached: false,
    stat: {
      sr: HANDLE,
      name: 'n',
      description: 'd',
      free_space: 9007199254740993n,
      total_space: 9223372036854775807n,
      datasources: [],
      clustered: false,
      health: ['Healthy', ''],
    },
    operations: new Map(),
    sins: [],
  };
  return storage;
}

function answer(storage: FakeStorage, { method, params }: ScriptCall): Reply {
  if (method.startsWith('SR.')) return ofSr(storage, method, params);
  if (method.startsWith('Volume.')) return ofVolume(storage, method, params);
  if (method.startsWith('Datapath.')) return ofDatapath(storage, method, params);
  if (method.startsWith('Data.')) return ofOperation(storage, method, params);
  return prints('all is well');
}

function ofSr(storage: FakeStorage, method: string, params: Struct): Reply {
  const { configuration = {}, name = '', description = '' } = params;
  switch (method) {
    case 'SR.probe':
      return prints([{ configuration: { uri: 'found' }, complete: true, extra_info: {} }]);
    case 'SR.create':
      storage.stat = { ...storage.stat, name, description };
      return prints(configuration);
    case 'SR.attach':
      if (!isStruct(configuration) || configuration.uri !== URI)
        return fails('SR_does_not_exist', 'no such URI');
      storage.isAttached = true;
      return prints(HANDLE);
  }
  if (params.sr !== HANDLE || !storage.isAttached) return fails('Sr_not_attached', String(params.sr));
  switch (method) {
    case 'SR.detach':
      storage.isAttached = false;
      return prints(null);
    case 'SR.destroy':
      storage.volumes.clear();
      return prints(null);
    case 'SR.stat':
      return prints(storage.stat);
    case 'SR.set_name':
      storage.stat = { ...storage.stat, name: params.new_name ?? '' };
      return prints(null);
    case 'SR.set_description':
      storage.stat = { ...storage.stat, description: params.new_description ?? '' };
      return prints(null);
    case 'SR.ls':
      return prints([...storage.volumes.values()]);
    default:
      return fails('Unimplemented', method);
  }
}

function ofVolume({ volumes }: FakeStorage, method: string, params: Struct): Reply {
  const { name = '', description = '', size = 0, sharable = false } = params;
  const made = (volume: Struct): Reply => {
    const key = `v${1 + Math.max(0, ...[...volumes.keys()].map((each) => Number(each.slice(1))))}`;
    const whole = { ...volume, key, uuid: `uuid of ${key}`, uri: [`none://${key}`, `${SCHEME}://${key}`] };
    volumes.set(key, whole);
    return prints(whole);
  };
  if (method === 'Volume.create') {
    const sizes = { virtual_size: size, physical_utilisation: 0 };
    return made({ name, description, read_write: true, sharable, ...sizes, keys: {}, cbt_enabled: false });
  }
  const key = String(method === 'Volume.revert' ? params.snapshot : params.key);
  const volume = volumes.get(key);
  if (volume === undefined) return fails('Volume_does_not_exist', key);
  const keys = isStruct(volume.keys) ? volume.keys : {};
  const changed = (change: Struct): Reply => {
    volumes.set(key, { ...volume, ...change });
    return prints(null);
  };
  switch (method) {
    case 'Volume.snapshot':
    case 'Volume.clone':
      return made({ ...volume, keys: {} });
    case 'Volume.destroy':
      volumes.delete(key);
      return prints(null);
    case 'Volume.stat':
      return prints(volume);
    case 'Volume.set_name':
      return changed({ name: params.new_name ?? '' });
    case 'Volume.set_description':
      return changed({ description: params.new_description ?? '' });
    case 'Volume.set':
      return changed({ keys: { ...keys, [String(params.k)]: params.v ?? '' } });
    case 'Volume.unset':
      return changed({ keys: Object.fromEntries(Object.entries(keys).filter(([k]) => k !== params.k)) });
    case 'Volume.resize':
      return changed({ virtual_size: params.new_size ?? 0 });
    case 'Volume.enable_cbt':
      return changed({ cbt_enabled: true });
    case 'Volume.disable_cbt':
      return changed({ cbt_enabled: false });
    case 'Volume.list_changed_blocks':
      return prints({ granularity: 65536, bitmap: 'AAE=' });
    default:
      return prints(null);
  }
}

function ofDatapath({ disks, open, sins }: FakeStorage, method: string, params: Struct): Reply {
  const uri = String(params.uri);
  const disk = `${uri} for ${params.domain}`;
  const state = disks.get(disk);
  switch (method) {
    case 'Datapath.open':
      open.add(uri);
      return prints(null);
    case 'Datapath.close':
      if ([...disks.keys()].some((each) => each.startsWith(`${uri} `))) sins.push(`${uri} closed in use`);
      open.delete(uri);
      return prints(null);
    case 'Datapath.attach':
      if (state === undefined) disks.set(disk, 'attached');
      return prints(backendOf(uri));
    case 'Datapath.activate':
    case 'Datapath.activate_readonly':
      if (state === undefined) sins.push(`${disk} activated without being attached`);
      disks.set(disk, 'activated');
      return prints(null);
    case 'Datapath.deactivate':
      if (state === 'activated') disks.set(disk, 'attached');
      return prints(null);
    case 'Datapath.detach':
      if (state === 'activated') sins.push(`${disk} detached while it is active`);
      disks.delete(disk);
      return prints(null);
    default:
      return prints('/run/import');
  }
}

function ofOperation({ operations }: FakeStorage, method: string, params: Struct): Reply {
  const begun = (kind: 'CopyV1' | 'MirrorV1'): Reply => {
    const key = `${operations.size + 1}`;
    operations.set(key, { failed: false, complete: false, progress: 0.25 });
    return prints([kind, key]);
  };
  const key = String(Array.isArray(params.operation) ? params.operation[1] : '');
  const operation = operations.get(key);
  switch (method) {
    case 'Data.copy':
      return begun('CopyV1');
    case 'Data.mirror':
      return begun('MirrorV1');
    case 'Data.ls':
      return prints([...operations.keys()].map((each): Value => ['MirrorV1', each]));
  }
  if (operation === undefined) return fails('No_such_operation', key);
  switch (method) {
    case 'Data.stat':
      return prints(operation);
    case 'Data.cancel':
      operations.set(key, { ...operation, failed: true, complete: true });
      return prints(null);
    default:
      if (operation.complete !== true) return fails('Operation_runs', key);
      operations.delete(key);
      return prints(null);
  }
}
