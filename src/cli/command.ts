import { InvalidArgumentError } from 'commander';
import type { Context } from './context.ts';

/**
 * One table says what every command takes. The parser, `--help`, the shell completions, the man page and the
 * reference page are all made from it.
 */

/** What a word may be completed with. */
export type Completion = 'queue' | 'file' | readonly string[];

/** Makes a value of the word that was given. */
export type Read<V> = (word: string) => V;

export interface Argument<V = unknown> {
  readonly doc: string;
  readonly read: Read<V>;
  readonly optional?: true;
  /** Any number of words, none among them: it stands last, and its value is a list. */
  readonly many?: true;
  readonly completion?: Completion;
}

/** An option without a value, or one with a value of that name. */
export type Option<V = unknown> =
  | { readonly doc: string; readonly short?: string; readonly value?: never }
  | {
      readonly doc: string;
      readonly value: string;
      readonly read: Read<V>;
      readonly default?: NoInfer<V>;
      /** It may be given any number of times: its value is a list. */
      readonly many?: true;
      readonly completion?: Completion;
    };

export type Arguments = Readonly<Record<string, Argument>>;
/** By name in camel case: `selfServe` is `--self-serve`. */
export type Options = Readonly<Record<string, Option>>;

type ArgumentValue<A> = A extends { read: Read<infer V> }
  ? A extends { many: true }
    ? readonly V[]
    : A extends { optional: true }
      ? V | undefined
      : V
  : never;
type OptionValue<O> = O extends { read: Read<infer V> }
  ? O extends { many: true }
    ? readonly V[]
    : O extends { default: unknown }
      ? V
      : V | undefined
  : boolean;

/** What the arguments and options of a command were given as. */
export type Given<A, O> = { readonly [Name in keyof A]: ArgumentValue<A[Name]> } & {
  readonly [Name in keyof O]: OptionValue<O[Name]>;
};

interface Description<A, O> {
  /** One word, or two for a command of a group. */
  readonly name: string;
  readonly alias?: string;
  /** Half a sentence. */
  readonly summary: string;
  /** Paragraphs for the man page. */
  readonly details: readonly string[];
  readonly examples?: readonly string[];
  readonly arguments: A;
  readonly options: O;
  /** It needs no switch, and so none of the common options. */
  readonly alone?: true;
}

export interface Command extends Description<Arguments, Options> {
  run(given: Readonly<Record<string, unknown>>, context: Context): Promise<void>;
}

/** A row of the table: `run` gets what was given by the types of its arguments and options. */
export function defineCommand<const A extends Arguments, const O extends Options>(
  description: Description<A, O> & { run(given: Given<A, O>, context: Context): Promise<void> },
): Command {
  return {
    ...description,
    // The values were read by the very definitions from which the types come.
    run: (given, context) => description.run(given as Given<A, O>, context),
  };
}

export const asText = (word: string): string => word;

/** One of some words. */
export const asOneOf =
  <Choice extends string>(choices: readonly Choice[]): Read<Choice> =>
  (word) => {
    const chosen = choices.find((choice) => choice === word);
    if (chosen !== undefined) return chosen;
    throw new InvalidArgumentError(`expected ${choices.join(' or ')}.`);
  };

export function asSeconds(word: string): number {
  const value = Number(word);
  if (/^[0-9.]+(?:e[+-]?[0-9]+)?$/.test(word) && Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError('expected a number of seconds above 0.');
}

export function asCount(word: string): number {
  const value = Number(word);
  if (/^[0-9]+$/.test(word) && Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError('expected a whole number from 1.');
}

/** `key=value`; what is behind the first `=` is the value. */
export function asPair(word: string): readonly [key: string, value: string] {
  const at = word.indexOf('=');
  if (at > 0) return [word.slice(0, at), word.slice(at + 1)];
  throw new InvalidArgumentError('expected key=value.');
}

export function asMessageNumber(word: string): number {
  const value = Number(word);
  if (/^-?[0-9]+$/.test(word) && Number.isSafeInteger(value)) return value;
  throw new InvalidArgumentError('expected the number of a message, a whole number below 2^53.');
}

/** A queue, completed with those that are there. */
export const queueArgument = (doc: string) => ({ doc, read: asText, completion: 'queue' }) as const;

/** Options that every command has which talks to a switch. */
export const COMMON_OPTIONS = {
  path: {
    doc: "the switch's socket; by default $DATAPATHD_SWITCH_PATH, what the configuration says, or the first usual one that is there",
    value: 'socket',
    read: asText,
    completion: 'file',
  },
  config: {
    doc: 'the configuration file of datapathd that may name the socket',
    value: 'file',
    read: asText,
    completion: 'file',
  },
  json: { doc: 'print JSON, for programs' },
  verbose: { doc: 'cut no payload', short: 'v' },
  debug: { doc: 'tell every request to the switch and the status of its answer on standard error' },
} as const satisfies Options;

/** Of the commands that ask the daemon itself, over the switch. */
export const DAEMON_OPTIONS = {
  queue: {
    doc: "the queue of the daemon's datapath service",
    value: 'queue',
    read: asText,
    default: 'org.xen.xapi.datapath',
    completion: 'queue',
  },
  timeout: { doc: 'how long to wait for an answer', value: 'seconds', read: asSeconds, default: 60 },
} as const satisfies Options;

/** Of the commands that speak MessagePack where the switch does. */
export const HTTP_OPTION = {
  http: { doc: 'speak HTTP, also with a switch that speaks MessagePack' },
} as const satisfies Options;

/** The options of a command with the common ones. */
export const allOptions = ({ options, alone }: Command): Options =>
  alone === true ? options : { ...options, ...COMMON_OPTIONS };

/** `selfServe` as it is typed: `--self-serve`. */
export const flagName = (name: string): string =>
  `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
