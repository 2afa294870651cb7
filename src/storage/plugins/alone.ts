import { basename } from 'node:path';
import { readPluginDirectory } from './directory.ts';
import { cleanEnvironment } from './environment.ts';
import type { Host, Plugin, PluginKind } from './plugin.ts';
import { queryPlugin, type Registered } from './registration.ts';
import { type Candidate, nameFault } from './scan.ts';
import type { PluginLog, PluginSettings } from './settings.ts';
import { createSlots } from './slots.ts';
import { timeByMethod } from './timeouts.ts';
import type { Owner } from './trust.ts';

export interface AloneOptions {
  readonly settings: PluginSettings;
  readonly maxDepth: number;
  /** The variables of which the settings name those that scripts get. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly log: PluginLog;
  readonly owner: Owner;
  /** A clock in ms. */
  readonly now: () => number;
}

/** One plugin's directory without a registry around it: as it is now, and its scripts as a daemon would run them. */
export interface PluginAlone {
  readonly candidate: Candidate;
  /** Asks it what it is. Gives the plugin with its warnings, or why a daemon would refuse it. */
  query(): Promise<
    { readonly registered: Registered; readonly plugin: Plugin } | { readonly refused: string }
  >;
  /** Ends what still runs; settles when no process is left. */
  close(): Promise<void>;
}

/** Reads a plugin's directory, wherever it is; its name is the plugin's. Nothing: there is no directory. */
export async function openAlone(
  directory: string,
  kind: PluginKind,
  options: AloneOptions,
): Promise<PluginAlone | undefined> {
  const { settings, owner, maxDepth, log, now } = options;
  const { maxFiles } = settings;
  const read = await readPluginDirectory(directory, { owner, maxFiles, watch: () => {} });
  if (read === undefined) return undefined;
  const name = basename(directory);
  const closing = new AbortController();
  const host: Host = {
    settings,
    timeOf: timeByMethod(settings.timeouts, settings.timeout),
    environment: cleanEnvironment(settings.environment, options.environment),
    running: undefined,
    ...{ owner, maxDepth, log, now },
    slots: createSlots(settings.maxRunning),
    counters: { calls: 0, errors: 0, failures: 0, timeouts: 0, waited: 0, ran: 0 },
    closing: closing.signal,
    ending: closing.signal,
    underWay: new Set(),
    doubt: () => {},
  };
  const candidate = { kind, name, directory, read: { ...read, fault: nameFault(kind, name) ?? read.fault } };
  let workers: Registered['workers'];
  return {
    candidate,
    query: async () => {
      const reason = candidate.read.distrust ?? candidate.read.fault;
      if (reason !== undefined) return { refused: reason };
      const verdict = await queryPlugin(candidate, host);
      if (verdict.type === 'refused') return { refused: verdict.reason };
      const { registered } = verdict;
      workers = registered.workers;
      return { registered, plugin: registered.plugin };
    },
    close: async () => {
      closing.abort();
      workers?.retire();
      while (host.underWay.size > 0) await Promise.all(host.underWay);
    },
  };
}
