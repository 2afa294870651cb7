import { cpSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type Datapath, stateOf } from '../../src/storage/datapath-state.ts';
import { Datapaths } from '../../src/storage/datapaths.ts';
import { type DurableStorage, openDurableStorage } from '../../src/storage/durable.ts';
import type { StorageOperation } from '../../src/storage/operations.ts';
import type { StorageState } from '../../src/storage/state.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { type ScriptedDriver, scripts, useOf } from './model-driver.ts';

/** What the daemon keeps of disks, in a folder of its own, and what is found there after kill -9. */

export const BOOT = 'boot-1';

const JOURNAL = {
  sync: 'always',
  interval: 1000,
  segmentBytes: 1024 * 1024,
  retryInterval: 1,
  repair: false,
} as const;

export interface OpenedStorage extends DurableStorage {
  readonly directory: string;
  readonly infos: readonly string[];
  /** Settles when the journal is written again. */
  readonly written: Promise<void>;
}

export async function openStorage(t: TestContext, options: OpenOptions = {}): Promise<OpenedStorage> {
  const { boot = BOOT, segmentBytes = JOURNAL.segmentBytes } = options;
  let storage: DurableStorage | undefined;
  // Before its folder is removed: it may be written in the background.
  t.after(() => storage?.close());
  const directory = options.directory ?? tempDirectory(t);
  const infos: string[] = [];
  const written = Promise.withResolvers<void>();
  const warn = (text: string): void => {
    if (text === 'the journal is written again') written.resolve();
  };
  storage = await openDurableStorage({
    journal: { ...JOURNAL, directory, segmentBytes, warn },
    boot,
    info: (text) => infos.push(text),
  });
  return { ...storage, directory, infos, written: written.promise };
}

interface OpenOptions {
  /** Without one, a folder that is there until the test ends. */
  readonly directory?: string;
  readonly boot?: string;
  readonly segmentBytes?: number;
}

/** What kill -9 would leave now. */
export function killed(t: TestContext, directory: string): string {
  for (;;) {
    const copy = tempDirectory(t);
    if (isCopied(directory, copy)) return copy;
  }
}

/** Whether all could be copied: a snapshot that is being written gets another name in the background. */
function isCopied(directory: string, copy: string): boolean {
  try {
    cpSync(directory, copy, { recursive: true });
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw error;
  }
}

/** What the daemon that is started again finds after kill -9. */
export async function restarted(t: TestContext, { directory }: OpenedStorage): Promise<OpenedStorage> {
  return openStorage(t, { directory: killed(t, directory) });
}

export interface OpenedDatapaths {
  readonly storage: OpenedStorage;
  readonly driver: ScriptedDriver;
  readonly datapaths: Datapaths;
}

export function datapathsOn(storage: OpenedStorage, driver = scripts({})): OpenedDatapaths {
  const { state, commit } = storage;
  return { storage, driver, datapaths: new Datapaths({ state, commit, driver }) };
}

/** Lets the journal be full; gives what makes room again. It has to be one that begins a segment for each record. */
export function fill({ directory }: OpenedStorage): () => void {
  const numbers = readdirSync(directory).map((name) => Number(/-(\d+)\./.exec(name)?.[1] ?? 0));
  const next = Math.max(...numbers) + 1;
  // The next segments can not be begun: there are files of their names.
  const blocked = Array.from({ length: 20 }, (_, index) =>
    join(directory, `segment-${`${next + index}`.padStart(10, '0')}.journal`),
  );
  for (const path of blocked) writeFileSync(path, '');
  return () => {
    for (const path of blocked) rmSync(path);
  };
}

/** The datapath of `useOf()`. */
export const datapathIn = ({ state }: { readonly state: StorageState }): Datapath | undefined =>
  state.datapath(useOf());

export function stateIn(storage: { readonly state: StorageState }): string {
  const datapath = datapathIn(storage);
  return datapath === undefined ? 'closed' : stateOf(datapath);
}

export const snapshotOf = ({ state }: { readonly state: StorageState }): StorageOperation[] => [
  ...state.snapshot(),
];
