import { basename } from 'node:path';
import { readPluginDirectory } from './directory.ts';
import { createHost, type HostOptions, untilQuiet } from './host.ts';
import type { Plugin, PluginKind } from './plugin.ts';
import { queryPlugin, type Registered } from './registration.ts';
import { type Candidate, withNameFault } from './scan.ts';

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
  options: HostOptions,
): Promise<PluginAlone | undefined> {
  const { settings, owner } = options;
  const { maxFiles } = settings;
  const read = await readPluginDirectory(directory, { owner, maxFiles, watch: () => {} });
  if (read === undefined) return undefined;
  const name = basename(directory);
  const closing = new AbortController();
  const host = createHost(options, {
    running: undefined,
    closing: closing.signal,
    ending: closing.signal,
    doubt: () => {},
  });
  const candidate = withNameFault({ kind, name, directory, read });
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
      await untilQuiet(host);
    },
  };
}
