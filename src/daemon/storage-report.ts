import { type StateName, stateOf } from '../storage/datapath-state.ts';
import type { DurableStorage } from '../storage/durable.ts';
import type { PluginCounters } from '../storage/plugins/plugin.ts';
import type { PluginStatus, Registry } from '../storage/plugins/registry.ts';

/** A snapshot for diagnostics. */
export interface StorageReport {
  /** SRs that are attached through us, and disks that are opened. */
  readonly srs: number;
  readonly opened: number;
  /** How many datapaths are in each state. */
  readonly states: ReadonlyMap<StateName, number>;
  readonly plugins: readonly PluginStatus[];
  readonly counters: Readonly<PluginCounters>;
  /** Queues that can't be served, with the reason. */
  readonly unserved: ReadonlyMap<string, string>;
  /** Calls that waited for others on the same disk, and their ms together. */
  readonly waits: { readonly calls: number; readonly ms: number };
  /** Why nothing new can be attached at present. */
  readonly trouble: string | undefined;
}

export function reportStorage(
  { state, trouble }: DurableStorage,
  registry: Registry,
  { unserved, waits }: Pick<StorageReport, 'unserved' | 'waits'>,
): StorageReport {
  const states = new Map<StateName, number>();
  for (const datapath of state.datapaths) {
    const name = stateOf(datapath);
    states.set(name, (states.get(name) ?? 0) + 1);
  }
  const { srs, opened } = state.counts;
  return {
    srs,
    opened,
    states,
    plugins: registry.all(),
    counters: registry.counters,
    unserved,
    waits,
    trouble: trouble(),
  };
}
