import { readdirSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { Journal, type JournalOptions } from '../../../src/switch/journal/journal.ts';
import type { Operation } from '../../../src/switch/protocol.ts';
import { Queues } from '../../../src/switch/queues.ts';
import { tempDirectory } from '../../helpers/temp.ts';

export const OPTIONS = {
  sync: 'always',
  interval: 1000,
  segmentBytes: 1024 * 1024,
  retryInterval: 10,
  repair: false,
} as const;

/** A journal with the state that it holds. */
export interface Opened {
  readonly directory: string;
  readonly journal: Journal;
  readonly queues: Queues;
  readonly warnings: string[];
  /** What was found at the start. */
  readonly found: readonly Operation[];
  /** Commits, and gives the failure or nothing when it is settled. */
  commit(...operations: Operation[]): Promise<string | undefined>;
  files(): string[];
}

export function openJournal(t: TestContext, overrides: Partial<JournalOptions> = {}): Opened {
  const directory = overrides.directory ?? tempDirectory(t);
  const queues = new Queues(0);
  const warnings: string[] = [];
  const found: Operation[] = [];
  const journal = new Journal({
    ...OPTIONS,
    directory,
    snapshot: () => queues.snapshot(),
    heldBytes: () => queues.heldBytes,
    warn: (text) => warnings.push(text),
    ...overrides,
    apply: (operation) => {
      found.push(operation);
      queues.apply(operation);
    },
  });
  const commit = (...operations: Operation[]): Promise<string | undefined> => {
    queues.reserve(operations);
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    journal.commit(operations, (failure) => {
      queues.release(operations);
      if (failure === undefined) for (const operation of operations) queues.apply(operation);
      resolve(failure);
    });
    return promise;
  };
  const files = (): string[] => readdirSync(directory).sort();
  return { directory, journal, queues, warnings, found, commit, files };
}

export const created = (queue: string, owner?: string): Operation => ({
  type: 'queue-created',
  queue,
  owner,
});

export const sentMessage = (queue: string, id: number, payload = `message ${id}`): Operation => ({
  type: 'message-sent',
  message: {
    id: { queue, id },
    payload: Buffer.from(payload),
    kind: { type: 'request', replyTo: 'r' },
    origin: 'me',
    time: 1,
  },
});

export const acked = (queue: string, id: number): Operation => ({ type: 'message-acked', id: { queue, id } });

/** The messages that are held, as `queue id`. */
export const held = (queues: Queues): string[] =>
  [...queues.all()].flatMap((queue) => [...queue.messages()].map(({ id }) => `${id.queue} ${id.id}`)).sort();
