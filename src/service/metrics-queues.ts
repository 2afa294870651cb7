import { OTHER } from './metrics.ts';
import { TimeHistogram } from './metrics-histogram.ts';

export interface QueueCounts {
  readonly name: string;
  in: number;
  out: number;
  readonly waits: TimeHistogram;
  readonly runs: TimeHistogram;
}

interface Place {
  readonly queue: string;
  readonly id: number;
}

/** Messages of one queue whose time from delivery to ack is measured at the same time; more are let pass. */
const MAX_MEASURED = 1000;

interface Measured extends QueueCounts {
  /** When a message was first given to somebody, by its id. */
  readonly begun: Map<number, number>;
}

const newCounts = (name: string): Measured => ({
  name,
  in: 0,
  out: 0,
  waits: new TimeHistogram(),
  runs: new TimeHistogram(),
  begun: new Map(),
});

/** Counts what goes through the queues of a switch. The first persistent ones are told apart, the rest is `other`. Times in ms. */
export class QueueMeter {
  readonly #most: number;
  readonly #byName = new Map<string, Measured>();
  readonly #other = newCounts(OTHER);
  readonly #refusals = new Map<string, number>();

  /** `most`: how many queues are told apart. */
  constructor(most: number) {
    this.#most = most;
  }

  /** A persistent queue is there. Once it is told apart it is so for good, also when it goes and is back. */
  found(name: string): void {
    if (name === OTHER || this.#byName.has(name) || this.#byName.size >= this.#most) return;
    this.#byName.set(name, newCounts(name));
  }

  sent(queue: string): void {
    this.#of(queue).in += 1;
  }

  /** A message was given to somebody for the first time, `waited` ms after it was accepted. */
  fetched({ queue, id }: Place, waited: number, now: number): void {
    const counts = this.#byName.get(queue);
    if (counts !== undefined && counts.begun.size < MAX_MEASURED) counts.begun.set(id, now);
    (counts ?? this.#other).waits.note(waited);
  }

  acked({ queue, id }: Place, now: number): void {
    const counts = this.#byName.get(queue);
    const begun = counts?.begun.get(id);
    if (counts === undefined || begun === undefined) return;
    counts.begun.delete(id);
    counts.runs.note(now - begun);
  }

  /** A message is no more: it was acked, or dropped. */
  ended({ queue, id }: Place): void {
    const counts = this.#of(queue);
    counts.out += 1;
    counts.begun.delete(id);
  }

  removed(queue: string): void {
    this.#byName.get(queue)?.begun.clear();
  }

  /** `limit`: the name of the setting. */
  refused(limit: string): void {
    this.#refusals.set(limit, (this.#refusals.get(limit) ?? 0) + 1);
  }

  /** The queue itself when it is told apart, else `other`. */
  label(queue: string): string {
    return this.#byName.has(queue) ? queue : OTHER;
  }

  get counts(): readonly QueueCounts[] {
    return [...this.#byName.values(), this.#other];
  }

  get refusals(): ReadonlyMap<string, number> {
    return this.#refusals;
  }

  #of(queue: string): Measured {
    return this.#byName.get(queue) ?? this.#other;
  }
}
