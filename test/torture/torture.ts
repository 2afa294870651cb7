import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type DaemonProcess, kill, stop } from '../helpers/daemon.ts';
import { Book, type Seen } from './book.ts';
import { connectTorture } from './client.ts';
import { type Random, receiver, sender, transfer } from './workers.ts';

const QUEUES = ['first', 'second', 'third'];
const SENDERS_PER_QUEUE = 3;
/** A round lasts at most this long before the kill, in ms. */
const LONGEST_ROUND_MS = 300;

/** A sequence of numbers from 0 to 1 that a seed gives again: mulberry32. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface TortureOptions {
  readonly rounds: number;
  readonly seed: number;
  /** Starts a daemon on the same folders each time, and gives it when it serves. */
  readonly start: () => Promise<DaemonProcess>;
  readonly say: (text: string) => void;
  /** Whether every ack that was answered must be kept: see `Book`. */
  readonly acksAreKept: boolean;
  /** The first round lasts until a send was refused, however long that is. */
  readonly untilRefused?: boolean;
}

export interface TortureResult {
  readonly faults: readonly string[];
  /** Sends that were refused because they could not be kept. */
  readonly refusals: number;
}

/**
 * Lets senders and receivers work, kills the daemon at a random moment, starts it again and compares what it holds with
 * what the clients know; round after round on the same journal.
 */
export async function torture({
  rounds,
  seed,
  start,
  say,
  acksAreKept,
  untilRefused = false,
}: TortureOptions): Promise<TortureResult> {
  const random = seeded(seed);
  const book = new Book(acksAreKept);
  const numbers = new Map<string, number>();
  const nextNumber = (name: string): number => {
    const number = numbers.get(name) ?? 0;
    numbers.set(name, number + 1);
    return number;
  };
  for (let round = 1; round <= rounds && book.faults.length === 0; round += 1) {
    const daemon = await start();
    const { switchSocket } = daemon;
    book.compare(await everything(switchSocket));
    const workers = QUEUES.flatMap((queue) => [
      ...Array.from({ length: SENDERS_PER_QUEUE }, (_, at) => {
        const name = `${queue}-sender-${at}`;
        return sender(switchSocket, queue, name, () => nextNumber(name), book);
      }),
      receiver(switchSocket, queue, `${queue}-receiver`, random, book),
    ]);
    await Promise.all([pause(random() * LONGEST_ROUND_MS), untilRefused ? book.firstRefusal : undefined]);
    await kill(daemon);
    for (const each of workers) each.stop();
    await Promise.all(workers.map(({ ended }) => ended));
    say(`round ${round} of ${rounds}: ${book.counts}`);
  }
  const last = await start();
  book.compare(await everything(last.switchSocket));
  await stop(last);
  return { faults: book.faults, refusals: book.refusals };
}

/** All that waits in the queues, which are created if they are not there. */
async function everything(path: string): Promise<Seen[]> {
  const client = await connectTorture(path, 'looker');
  const held: Seen[] = [];
  for (const queue of QUEUES) {
    await client.ask('GET', `/persistent/${queue}`);
    let from = '-1';
    for (;;) {
      const messages = await transfer(client, queue, from);
      if (messages.length === 0) break;
      held.push(...messages);
      from = `${messages.at(-1)?.id}`;
    }
  }
  client.close();
  return held;
}

export const stateFlags = (directory: string): string[] => [
  `--switch.stateDirectory=${join(directory, 'state')}`,
  // Small, so that files are changed and compacted under fire.
  '--journal.segmentBytes=64KiB',
];
