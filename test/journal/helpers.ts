import { readdirSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { bytes, type Codec, integer, text } from '../../src/journal/codec.ts';
import { Journal, type JournalOptions } from '../../src/journal/journal.ts';
import { tempDirectory } from '../helpers/temp.ts';

/** What these journals hold: values that have names. */
export type Change =
  | { readonly type: 'put'; readonly name: string; readonly value: Buffer }
  | { readonly type: 'drop'; readonly name: string };

const PUT = 1;
const DROP = 2;

export const changeCodec: Codec<Change> = {
  encode: (change) => (change.type === 'put' ? [PUT, change.name, change.value] : [DROP, change.name]),
  decode: (fields) =>
    integer(fields, 0) === PUT
      ? { type: 'put', name: text(fields, 1), value: bytes(fields, 2) }
      : { type: 'drop', name: text(fields, 1) },
  adds: ({ type }) => type === 'put',
  roughBytes: (change) => (change.type === 'put' ? change.value.length : 0),
};

/** What a value takes in a journal beside its bytes, or somewhat more: too little, and it is compacted without end. */
const OVERHEAD_BYTES = 64;

export const OPTIONS = {
  codec: changeCodec,
  sync: 'always',
  interval: 1000,
  segmentBytes: 1024 * 1024,
  retryInterval: 10,
  repair: false,
} as const;

/** A journal with the state that it holds. */
export interface Opened {
  readonly directory: string;
  readonly journal: Journal<Change>;
  readonly values: ReadonlyMap<string, string>;
  readonly warnings: string[];
  /** Commits, and gives the failure or nothing when it is settled. */
  commit(...changes: Change[]): Promise<string | undefined>;
  files(): string[];
}

export function openJournal(t: TestContext, overrides: Partial<JournalOptions<Change>> = {}): Opened {
  const directory = overrides.directory ?? tempDirectory(t);
  const values = new Map<string, string>();
  const warnings: string[] = [];
  const apply = (change: Change): void => {
    if (change.type === 'put') values.set(change.name, change.value.toString());
    else values.delete(change.name);
  };
  const journal = new Journal({
    ...OPTIONS,
    directory,
    snapshot: () => [...values].map(([name, value]) => put(name, value)),
    heldBytes: () =>
      [...values].reduce((sum, [name, value]) => sum + OVERHEAD_BYTES + name.length + value.length, 0),
    warn: (text) => warnings.push(text),
    apply,
    ...overrides,
  });
  const commit = (...changes: Change[]): Promise<string | undefined> => {
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    journal.commit(changes, (failure) => {
      if (failure === undefined) for (const change of changes) apply(change);
      resolve(failure);
    });
    return promise;
  };
  const files = (): string[] => readdirSync(directory).sort();
  return { directory, journal, values, warnings, commit, files };
}

export const put = (name: string, value = `the value of ${name}`): Change => ({
  type: 'put',
  name,
  value: Buffer.from(value),
});

export const drop = (name: string): Change => ({ type: 'drop', name });

export const names = ({ values }: Opened): string[] => [...values.keys()].sort();
