import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { closest } from 'fastest-levenshtein';
import { parse as parseToml, TomlError } from 'smol-toml';
import { ENVIRONMENT_PREFIX, environmentName, type NamedSetting, SETTINGS } from './schema.ts';

/** A setting's value as it stands somewhere, and where that is. */
export interface Given {
  readonly setting: NamedSetting;
  readonly raw: unknown;
  /** For a person: `/etc/datapathd/datapathd.toml:12`, `environment DATAPATHD_LOG_LEVEL`, `flag --log.level`. */
  readonly place: string;
}

/** The start ends, with this one line. */
export class ConfigError extends Error {}

/** What the command line asks for apart from settings. */
export interface CommandLine {
  readonly command: 'run' | 'help' | 'version' | 'check-config' | 'print-config';
  /** `--config`: the file to read. */
  readonly file: string | undefined;
  readonly given: readonly Given[];
}

const COMMANDS = ['help', 'version', 'check-config', 'print-config'] as const;
const byName = new Map(SETTINGS.map((setting) => [setting.name, setting]));

/** Reads the flags. A flag given twice: the last wins. */
export function readFlags(argv: readonly string[]): CommandLine {
  const { tokens } = parseArgs({
    args: [...argv],
    options: {
      ...Object.fromEntries(COMMANDS.map((name) => [name, { type: 'boolean' as const }])),
      ...Object.fromEntries([...byName.keys(), 'config'].map((name) => [name, { type: 'string' as const }])),
    },
    strict: false,
    tokens: true,
  });
  let command: CommandLine['command'] = 'run';
  let file: string | undefined;
  const given: Given[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional')
      throw new ConfigError(`${token.value}: unexpected; settings are flags, see --help`);
    if (token.kind === 'option-terminator') continue;
    const { name, value } = token;
    const known = COMMANDS.find((candidate) => candidate === name);
    if (known !== undefined) {
      command = known;
    } else if (name === 'config') {
      file = withValue(name, value);
    } else {
      const setting = byName.get(name) ?? unknownSetting(name, `flag --${name}`, [...COMMANDS, 'config']);
      given.push({ setting, raw: withValue(name, value), place: `flag --${name}` });
    }
  }
  return { command, file, given };
}

function withValue(name: string, value: string | undefined): string {
  if (value === undefined) throw new ConfigError(`--${name}: expected a value, as in --${name}=…`);
  return value;
}

/** Reads the environment variables that are ours. */
export function readEnvironment(environment: Readonly<Record<string, string | undefined>>): Given[] {
  const byVariable = new Map(SETTINGS.map((setting) => [environmentName(setting), setting]));
  return Object.entries(environment).flatMap(([variable, raw]) => {
    if (!variable.startsWith(ENVIRONMENT_PREFIX) || raw === undefined) return [];
    const setting = byVariable.get(variable);
    if (setting === undefined) {
      const nearest = closest(variable, [...byVariable.keys()]);
      throw new ConfigError(`${variable}: no such setting (environment); did you mean ${nearest}?`);
    }
    return [{ setting, raw, place: `environment ${variable}` }];
  });
}

/** Reads a configuration file. One that need not be there and is not gives nothing. */
export function readFile(path: string, required: boolean): Given[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    if (!required && error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw new ConfigError(`${path}: cannot be read: ${reason}`);
  }
  return readText(text, path);
}

/** Reads the text of a configuration file. */
export function readText(text: string, path: string): Given[] {
  return Object.entries(parseDocument(text, path)).flatMap(([section, keys]) => {
    if (!isTable(keys)) return unknownSetting(section, `${path}:${lineOf(text, '', section)}`);
    return Object.entries(keys).map(([key, raw]) => {
      const place = `${path}:${lineOf(text, section, key)}`;
      const name = `${section}.${key}`;
      return { setting: byName.get(name) ?? unknownSetting(name, place), raw, place };
    });
  });
}

function parseDocument(text: string, path: string): Record<string, unknown> {
  try {
    return parseToml(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [reason = ''] = error.message.split('\n');
    throw new ConfigError(`${path}:${error.line}: ${reason}`);
  }
}

const isTable = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The line where a key stands in its section, as people write TOML; the section's own, or 1, when it is not found. */
function lineOf(text: string, section: string, key: string): number {
  let here = '';
  let sectionLine = 1;
  for (const [index, line] of text.split('\n').entries()) {
    const header = /^\s*\[\s*([^\]]+?)\s*\]/.exec(line);
    if (header !== null) here = header[1] ?? '';
    if (header !== null && here === section) sectionLine = index + 1;
    const name = /^\s*["']?([\w.-]+)["']?\s*=/.exec(line)?.[1];
    if ((here === section && name === key) || (here === '' && name === `${section}.${key}`)) return index + 1;
  }
  return sectionLine;
}

/** The known name that is nearest: one that was cut short first. */
function nearestTo(name: string, others: readonly string[]): string {
  const names = [...byName.keys(), ...others];
  return names.find((known) => known.startsWith(name)) ?? closest(name, names);
}

function unknownSetting(name: string, place: string, others: readonly string[] = []): never {
  throw new ConfigError(`${name}: no such setting (${place}); did you mean ${nearestTo(name, others)}?`);
}
