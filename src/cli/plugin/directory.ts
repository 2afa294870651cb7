import { basename, dirname, resolve } from 'node:path';
import { type Config, ConfigError, configFrom, loadConfig } from '../../config.ts';
import { openAlone, type PluginAlone } from '../../storage/plugins/alone.ts';
import type { PluginKind } from '../../storage/plugins/plugin.ts';
import { Failure } from '../exit.ts';

/** Plugins in a directory, looked at and run as a daemon would, without one. */

const KINDS = ['volume', 'datapath'] as const;

/** What the kind of a plugin is: as it is said, as the folder around it says, or as its scripts say. */
function kindOf(directory: string, given: PluginKind | undefined): PluginKind {
  if (given !== undefined) return given;
  const folder = basename(dirname(resolve(directory)));
  const found = KINDS.find((kind) => kind === folder);
  if (found !== undefined) return found;
  throw new Failure(
    'usage',
    `${directory} is in no folder called volume or datapath: say with --kind what it is`,
  );
}

export interface TrialWays {
  readonly kind: PluginKind | undefined;
  /** s that a script may take; nothing: as the configuration says. */
  readonly timeout: number | undefined;
  /** Told of each line that a script writes on its standard error. */
  readonly wrote: (line: string) => void;
}

/** Opens the plugin in a directory. Rejects with a `Failure` when there is none. */
export async function openPlugin(
  directory: string,
  { kind, timeout, wrote }: TrialWays,
): Promise<PluginAlone> {
  const { plugins, sockets } = settings();
  const limits =
    timeout === undefined ? {} : { timeout: timeout * 1000, timeouts: [], queryTimeout: timeout * 1000 };
  const nothing = (): void => {};
  const opened = await openAlone(resolve(directory), kindOf(directory, kind), {
    settings: { ...plugins, ...limits },
    maxDepth: sockets.maxDepth,
    environment: process.env,
    log: {
      debug: nothing,
      info: (fields) => {
        if ('stderr' in fields && typeof fields.stderr === 'string') wrote(fields.stderr);
      },
      warn: nothing,
    },
    owner: { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 },
    now: () => performance.now(),
  });
  if (opened !== undefined) return opened;
  throw new Failure('failed', `${directory} is no directory: name the directory of a plugin`);
}

/** The host's own settings, or the defaults where there are none that can be read. */
function settings(): Config {
  try {
    return loadConfig([], {}).config;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return configFrom([]).config;
  }
}
