/** Times in fixed buckets: noting one costs a search among a few numbers. */
export interface Histogram {
  /** Upper ends of the buckets, ascending, in seconds. */
  readonly bounds: readonly number[];
  /** How many are in each bucket alone; the last is for what is above all bounds. */
  readonly counts: readonly number[];
  /** Seconds, all together. */
  readonly sum: number;
}

/** From a tenth of a millisecond, which a message takes, to ten minutes, which a script may take by default. */
const BOUNDS: readonly number[] = [0.0001, 0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60, 600];

export class TimeHistogram implements Histogram {
  readonly bounds = BOUNDS;
  readonly #counts: number[] = Array.from({ length: BOUNDS.length + 1 }, () => 0);
  #ms = 0;

  get counts(): readonly number[] {
    return this.#counts;
  }

  get sum(): number {
    return this.#ms / 1000;
  }

  /** Notes a time in ms. Clocks that differ may make it negative: it is none then. */
  note(ms: number): void {
    const seconds = Math.max(0, ms) / 1000;
    let bucket = 0;
    while (bucket < BOUNDS.length && seconds > (BOUNDS[bucket] ?? 0)) bucket += 1;
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#ms += Math.max(0, ms);
  }
}
