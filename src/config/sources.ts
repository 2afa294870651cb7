import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { closest } from 'fastest-levenshtein';
import { parse as parseToml, TomlError } from 'smol-toml';
import { ENVIRONMENT_PREFIX, environmentName, type NamedSetting, SCHEMA, SETTINGS } from './schema.ts';

/** A setting's value as it stands somewhere, and where that is. */
export interface Given {
  readonly setting: NamedSetting;
  readonly raw: unknown;
  /** For a person: `/etc/datapathd/datapathd.toml:12`, `environment DATAPATHD_LOG_LEVEL`, `flag --log.level`. */
  readonly place: string;
}

/** The start ends, with this one line: whatever stands in the configuration, it stays one. */
export class ConfigError extends Error {
  constructor(line: string) {
    super(line.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, escaped));
  }
}

const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

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
    if (token.kind === 'option-terminator') continue;
    if (token.kind === 'positional') {
      throw new ConfigError(`"${token.value}": expected a flag, such as --log.level=debug; see --help`);
    }
    const { name, rawName } = token;
    const known = COMMANDS.find((candidate) => candidate === name);
    if (known !== undefined) {
      if (token.value !== undefined) {
        throw new ConfigError(`${rawName}: expected no value, got ${shown(token.value)}`);
      }
      command = known;
    } else if (name === 'config') {
      file = givenValue(token);
      if (file === '') throw new ConfigError('--config: expected a file, got ""');
    } else {
      const place = `flag ${rawName}`;
      const setting = byName.get(name) ?? unknownSetting(name, place, [...COMMANDS, 'config']);
      given.push({ setting, raw: givenValue(token), place });
    }
  }
  return { command, file, given };
}

/** The value of a flag: what follows `=`, or the next word, unless that is a flag itself. */
function givenValue({ rawName, value, inlineValue }: FlagToken): string {
  if (value === undefined || (inlineValue !== true && value.startsWith('--'))) {
    throw new ConfigError(`${rawName}: expected a value, as in ${rawName}=…`);
  }
  return value;
}

interface FlagToken {
  readonly rawName: string;
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined;
}

/** Reads the environment variables that are ours. */
export function readEnvironment(environment: Readonly<Record<string, string | undefined>>): Given[] {
  const byVariable = new Map(SETTINGS.map((setting) => [environmentName(setting), setting]));
  return Object.entries(environment).flatMap(([variable, raw]) => {
    if (!variable.startsWith(ENVIRONMENT_PREFIX) || raw === undefined) return [];
    const setting = byVariable.get(variable);
    if (setting === undefined) {
      const nearest = nearestTo(variable, [...byVariable.keys()]);
      throw new ConfigError(`${variable}: no such setting (environment); did you mean ${nearest}?`);
    }
    return [{ setting, raw, place: `environment ${variable}` }];
  });
}

/** Reads a configuration file. One that need not be there and is not gives nothing. */
export function readFile(path: string, required: boolean): Given[] {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    if (!required && error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw new ConfigError(`${path}: cannot be read: ${reason}`);
  }
  if (!isUtf8(bytes)) throw new ConfigError(`${path}: expected TOML, which is UTF-8, got other bytes`);
  return readText(bytes.toString(), path);
}

/** Reads the text of a configuration file. */
export function readText(text: string, path: string): Given[] {
  const placeOf = (...names: readonly string[]): string =>
    `${path}:${names.map((name) => lineOf(text, name)).find((line) => line !== undefined) ?? 1}`;
  return Object.entries(parseDocument(text, path)).flatMap(([section, table]) => {
    const known = Object.hasOwn(SCHEMA, section);
    const keys = isTable(table) ? Object.entries(table) : undefined;
    if (known && keys === undefined) {
      const got = `got ${shown(table)} (${placeOf(section)})`;
      throw new ConfigError(`${section}: expected a table, as in [${section}], ${got}`);
    }
    if (keys === undefined || (keys.length === 0 && !known)) unknownSetting(section, placeOf(section));
    return keys.map(([key, raw]) => {
      const name = `${section}.${key}`;
      const place = placeOf(name, section);
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

/** The line where a table or a key stands, by its full name, as people write TOML; `undefined` when it is not found. */
function lineOf(text: string, name: string): number | undefined {
  let table = '';
  for (const [index, line] of text.split('\n').entries()) {
    const header = /^\s*\[\[?([^\]]+)\]/.exec(line)?.[1];
    if (header !== undefined) table = header.replace(/["'\s]/g, '');
    const key = header === undefined ? /^([^=#]+)=/.exec(line)?.[1]?.replace(/["'\s]/g, '') : undefined;
    const here = [table, key].filter((part) => part !== undefined && part !== '').join('.');
    if (here === name || here.startsWith(`${name}.`)) return index + 1;
  }
  return undefined;
}

/** The known name that is nearest: one that was cut short, one without its section, else the one most like it. */
function nearestTo(name: string, names: readonly string[]): string {
  const wanted = name.toLowerCase();
  const candidates = new Map(names.map((known) => [known.toLowerCase(), known]));
  const known = [...candidates.keys()];
  const nearest =
    known.find((candidate) => wanted !== '' && candidate.startsWith(wanted)) ??
    known.find((candidate) => candidate.endsWith(`.${wanted}`)) ??
    closest(wanted, known);
  return candidates.get(nearest) ?? nearest;
}

function unknownSetting(name: string, place: string, others: readonly string[] = []): never {
  const nearest = nearestTo(name, [...others, ...byName.keys()]);
  throw new ConfigError(`${name}: no such setting (${place}); did you mean ${nearest}?`);
}

/** A value as it stands in a source, for the texts. */
export function shown(raw: unknown): string {
  const text = typeof raw === 'number' ? `${raw}` : JSON.stringify(raw);
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text;
}

const LONGEST_SHOWN = 80;
