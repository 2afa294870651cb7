import { existsSync } from 'node:fs';
import { join } from 'node:path';
import convict from 'convict';
import { parseSetting, type SettingValue } from './config/parse.ts';
import { type Config, SCHEMA, SETTINGS } from './config/schema.ts';
import {
  type CommandLine,
  ConfigError,
  type Given,
  readEnvironment,
  readFile,
  readFlags,
  shown,
} from './config/sources.ts';

export { parseDuration } from './config/formats.ts';
export {
  renderChanges,
  renderDefaultFile,
  renderDifferences,
  renderHelp,
  renderPrintedConfig,
  renderReference,
  type SettingChange,
} from './config/render.ts';
export type { Config } from './config/schema.ts';
export { LEVELS, type Level, type LevelSetting, SUBSYSTEMS, type Subsystem } from './config/setting.ts';
export { ConfigError } from './config/sources.ts';

/** The file that is read when `--config` names none; it need not be there. */
export const DEFAULT_FILE = '/etc/datapathd/datapathd.toml';

export interface LoadedConfig {
  readonly command: CommandLine['command'];
  readonly config: Config;
  /** Where each value that is not a default came from, by the setting's name. */
  readonly places: ReadonlyMap<string, string>;
}

/**
 * Reads the configuration from all sources: defaults, file, environment, flags; later wins. Throws a `ConfigError`
 * with the one line that says which setting is wrong, where it stands, what was expected and what came.
 */
export function loadConfig(
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): LoadedConfig {
  const flags = readFlags(argv);
  // Who asks for help may do so because a source is wrong.
  if (flags.command === 'help' || flags.command === 'version') {
    return { command: flags.command, ...configFrom([]) };
  }
  const file = readFile(flags.file ?? DEFAULT_FILE, flags.file !== undefined);
  const config = configFrom([...file, ...readEnvironment(environment), ...flags.given]);
  return { command: flags.command, ...config };
}

/** Makes the configuration of what sources give, in order. */
export function configFrom(given: readonly Given[]): Pick<LoadedConfig, 'config' | 'places'> {
  const places = new Map<string, string>();
  const holder = convict(convictSchema());
  for (const { setting, raw, place } of given) {
    const parsed = parseSetting(setting.setting, raw);
    if (parsed.type === 'expected') {
      const { what, inside = { place: '', got: raw } } = parsed;
      throw new ConfigError(
        `${setting.name}${inside.place}: expected ${what}, got ${shown(inside.got)} (${place})`,
      );
    }
    holder.load({ [setting.section]: { [setting.key]: parsed.value } });
    places.set(setting.name, place);
  }
  holder.validate({ allowed: 'strict' });
  // Each value was read by its setting's format, from which Config's types are made.
  return { config: deepFreeze(holder.getProperties() as unknown as Config), places };
}

/** The schema as convict takes it: defaults as they are used, and a format that knows a value read. */
function convictSchema(): Record<
  string,
  Record<string, { doc: string; default: unknown; format: (value: unknown) => void }>
> {
  return Object.fromEntries(
    Object.keys(SCHEMA).map((section) => [
      section,
      Object.fromEntries(
        SETTINGS.filter((named) => named.section === section).map(({ key, name, setting }) => [
          key,
          {
            doc: setting.doc,
            default: defaultOf(name, setting),
            format: sameType(name, defaultOf(name, setting)),
          },
        ]),
      ),
    ]),
  );
}

function defaultOf(name: string, setting: Parameters<typeof parseSetting>[0]): SettingValue {
  const parsed = parseSetting(setting, setting.default);
  if (parsed.type === 'expected') throw new Error(`the default of ${name} is not ${parsed.what}`);
  return parsed.value;
}

const sameType = (name: string, example: SettingValue) => (value: unknown) => {
  if (typeof value !== typeof example) throw new Error(`${name}: expected a ${typeof example}`);
};

function deepFreeze<T extends object>(value: T): T {
  for (const inside of Object.values(value)) {
    if (typeof inside === 'object' && inside !== null) deepFreeze(inside);
  }
  return Object.freeze(value);
}

/** The switch's socket: as set, or the usual one of the mode. */
export function resolveSwitchPath({ sockets, switch: { mode, path } }: Config): string {
  if (path !== '') return path;
  return mode === 'join' ? '/run/message-switch/sock' : join(sockets.directory, 'switch.sock');
}

/** Where xenstored listens: as set, as its own tools are told, or where it usually does. */
export function resolveXenstoreSocket(
  { xenstore }: Config,
  environment: Readonly<Record<string, string | undefined>>,
): string {
  if (xenstore.socket !== '') return xenstore.socket;
  const { XENSTORED_PATH: fromEnvironment = '' } = environment;
  if (fromEnvironment !== '') return fromEnvironment;
  const usual = ['/run/xenstored/socket', '/var/run/xenstored/socket'] as const;
  return usual.find((path) => existsSync(path)) ?? usual[0];
}
