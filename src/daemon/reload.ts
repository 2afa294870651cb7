import { type Config, ConfigError, type LoadedConfig, renderChanges, type SettingChange } from '../config.ts';
import type { LogLevels } from '../log-levels.ts';
import { policyRules } from './switch-policy.ts';

/** The configuration in use: some of its settings change while it is used. */
export interface LiveConfig {
  readonly config: Config;
  readonly places: ReadonlyMap<string, string>;
  /** Puts the values of these settings in the place of those that are used. */
  take(next: Pick<LoadedConfig, 'config' | 'places'>, names: readonly string[]): void;
}

/** The settings that are read each time when they are needed, or are put in place by `Daemon.reconfigured`. */
export const LIVE: ReadonlySet<string> = new Set([
  'log.level',
  'log.levels',
  'log.maxRepeats',
  'log.repeatInterval',
  'shutdown.timeout',
  'datapath.rules',
  'plugins.timeout',
  'plugins.timeouts',
  'plugins.slowAfter',
  'plugins.maxRunningPerPlugin',
  'plugins.maxOutputBytes',
  'plugins.maxLoggedBytes',
  'admin.maxFollowers',
  'admin.interval',
  'admin.maxEvents',
  'admin.maxRows',
  'admin.maxUnsentBytes',
  'admin.slowReaderTimeout',
  'xenstore.startTimeout',
  'xenstore.settleTimeout',
]);

/** And of the switch, when the daemon is one. */
export const LIVE_IN_SWITCH: ReadonlySet<string> = new Set([
  'switch.maxQueues',
  'switch.maxSessions',
  'switch.maxQueueMessages',
  'switch.maxQueueBytes',
  'switch.maxTransferBytes',
  'switch.maxWaitingTransfers',
  'switch.reconnectGrace',
  'switch.policy',
  'switch.allowShutdown',
]);

export function createLiveConfig(loaded: Pick<LoadedConfig, 'config' | 'places'>): LiveConfig {
  const config = structuredClone(loaded.config);
  const sections: Readonly<Record<string, object>> = config;
  const places = new Map(loaded.places);
  return {
    config,
    places,
    take: (next, names) => {
      const values: Readonly<Record<string, object>> = next.config;
      for (const name of names) {
        const [section = '', key = ''] = name.split('.');
        const value: unknown = Object.getOwnPropertyDescriptor(values[section], key)?.value;
        Object.assign(sections[section] ?? {}, { [key]: value });
        const place = next.places.get(name);
        if (place === undefined) places.delete(name);
        else places.set(name, place);
      }
    },
  };
}

export interface ReloadOptions {
  readonly live: LiveConfig;
  /** Reads all sources; throws a `ConfigError`. */
  readonly load: () => LoadedConfig;
  readonly levels: LogLevels;
}

/**
 * Reads the configuration again. What can change while the daemon runs does, and is logged; what can't is logged with the
 * value in use and the new one. A configuration that is wrong changes nothing; its reason is logged, and given.
 */
export function reload({ live, load, levels }: ReloadOptions): string | undefined {
  const logger = levels.logger('daemon');
  const isSwitch = live.config.switch.mode === 'serve';
  let next: LoadedConfig;
  try {
    next = load();
    if (isSwitch) policyRules(next.config.switch.policy);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    logger.error({ reason: error.message }, `the configuration stays as it is: ${error.message}`);
    return error.message;
  }
  const isLive = ({ name }: SettingChange): boolean =>
    LIVE.has(name) || (isSwitch && LIVE_IN_SWITCH.has(name));
  const changes = renderChanges(live.config, next.config);
  const taken = changes.filter(isLive);
  const left = changes.filter((change) => !isLive(change));
  live.take(
    next,
    taken.map(({ name }) => name),
  );
  levels.configure(live.config.log);
  const fieldsOf = ({ name, from, to }: SettingChange): object => {
    const place = next.places.get(name) ?? 'default';
    return { setting: name, from, to, place };
  };
  for (const change of taken) {
    const { name, from, to } = change;
    logger.info(fieldsOf(change), `${name} is ${to} from now on, and was ${from}`);
  }
  for (const change of left) {
    const { name, from, to } = change;
    logger.warn(fieldsOf(change), `${name} stays ${from} until a restart, and is ${to} then`);
  }
  const counts = { changed: taken.length, waiting: left.length };
  logger.info(counts, `the configuration was read again: ${taken.length} changed, ${left.length} wait`);
  return undefined;
}
