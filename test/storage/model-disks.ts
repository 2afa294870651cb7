import type { TestContext } from 'node:test';
import { compileRules } from '../../src/storage/datapath-rules.ts';
import { Disks, type Found, heldBy, type Volumes } from '../../src/storage/disks.ts';
import type { Selected } from '../../src/storage/selector.ts';
import { type ScriptedDriver, scripts } from './model-driver.ts';
import { HOST, pluginsOf, viewOf } from './model-selection.ts';
import { datapathsOn, type OpenedStorage, openStorage } from './model-storage.ts';

/** Disks with the volumes and the scripts of the test. */

export const USE = { dbg: 'test', sr: 'sr', vdi: 'a', vm: '7' };
export const HELD = heldBy({ ...USE, dp: 'vbd/7/xvda' });

export interface TestVolumes extends Volumes {
  /** What was done, in words. */
  did(): string[];
  readonly all: Map<string, Found>;
}

/** An SR with one volume. */
export function volumesWith(given: Partial<Found> = {}): TestVolumes {
  const volume = { key: 'a', uri: ['raw:///a'], keys: {}, sharable: false, ...given };
  const all = new Map<string, Found>([['a', volume]]);
  let done: string[] = [];
  const find = (key: string): Found => {
    const found = all.get(key);
    if (found === undefined) throw new Error(`no volume ${key}`);
    return found;
  };
  return {
    all,
    did: () => {
      const words = done;
      done = [];
      return words;
    },
    stat: async (key) => {
      done.push(`stat ${key}`);
      return find(key);
    },
    clone: async (key) => {
      done.push(`clone ${key}`);
      const clone = {
        ...find(key),
        key: `clone ${all.size} of ${key}`,
        uri: [`raw:///clone-${all.size}`],
        keys: {},
      };
      all.set(clone.key, clone);
      return clone;
    },
    destroy: async (key) => {
      done.push(`destroy ${key}`);
      all.set(`gone ${key}`, find(key));
      all.delete(key);
    },
    set: async (key, name, value) => {
      done.push(`set ${name} of ${key} to ${value}`);
      all.set(key, { ...find(key), keys: { ...find(key).keys, [name]: value } });
    },
    unset: async (key, name) => {
      done.push(`unset ${name} of ${key}`);
      const { [name]: _, ...keys } = find(key).keys;
      all.set(key, { ...find(key), keys });
    },
  };
}

export interface OpenedDisks {
  readonly disks: Disks;
  readonly driver: ScriptedDriver;
  readonly storage: OpenedStorage;
  /** The plugins, which come and go. */
  readonly schemes: Record<string, readonly string[]>;
  readonly selections: Selected[];
}

export const FORGETS = ['NONPERSISTENT'];

export function disksOn(
  storage: OpenedStorage,
  schemes: Record<string, readonly string[]> = { raw: [] },
  driver = scripts({}),
): OpenedDisks {
  const { state, commit } = storage;
  const { datapaths } = datapathsOn(storage, driver);
  const selections: Selected[] = [];
  const disks = new Disks({
    ...{ state, commit, datapaths, driver },
    view: viewOf(HOST),
    plugins: { features: (scheme) => pluginsOf(schemes).features(scheme) },
    directions: compileRules([]),
    chosen: (_, selected) => selections.push(selected),
  });
  return { disks, driver, storage, schemes, selections };
}

export const open = async (
  t: TestContext,
  schemes?: Record<string, readonly string[]>,
  driver?: ScriptedDriver,
): Promise<OpenedDisks> => disksOn(await openStorage(t), schemes, driver);

/** The URI that each script was told. */
export const uris = ({ ran }: ScriptedDriver): string[] =>
  ran.map(({ script, params }) => `${script} ${String(params.uri)}`);
