import { cleanEnvironment } from './environment.ts';
import type { Host } from './plugin.ts';
import type { PluginLog, PluginSettings } from './settings.ts';
import { createSlots } from './slots.ts';
import { timeByMethod } from './timeouts.ts';
import type { Owner } from './trust.ts';

/** What plugins are run with. */
export interface HostOptions {
  readonly settings: PluginSettings;
  /** How deep an answer may be nested. */
  readonly maxDepth: number;
  /** The variables of which the settings name those that scripts get. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly log: PluginLog;
  readonly owner: Owner;
  /** A clock in ms. */
  readonly now: () => number;
}

export const createHost = (
  { settings, maxDepth, environment, log, owner, now }: HostOptions,
  around: Pick<Host, 'running' | 'closing' | 'ending' | 'doubt' | 'began'>,
): Host => ({
  ...around,
  ...{ settings, maxDepth, log, owner, now },
  // Of the settings as they are now: they may change.
  timeOf: (method) => timeByMethod(settings.timeouts, settings.timeout)(method),
  environment: cleanEnvironment(settings.environment, environment),
  slots: createSlots(settings.maxRunning),
  counters: { calls: 0, errors: 0, failures: 0, timeouts: 0, waited: 0, ran: 0 },
  underWay: new Set(),
});

/** Settles when all calls are answered and all processes are gone. */
export async function untilQuiet({ underWay }: Host): Promise<void> {
  while (underWay.size > 0) await Promise.all(underWay);
}
