import { matchesGlob } from '../glob.ts';

/** A time for the queues that a pattern names, in which `*` stands for any characters. */
export interface QueueRule {
  readonly queue: string;
  /** ms; infinite: for ever */
  readonly time: number;
}

/** Gives the time of the first rule whose pattern matches a queue's name; without one, for ever. */
export function timeByQueue(rules: readonly QueueRule[]): (queue: string) => number {
  const compiled = rules.map(({ queue, time }) => ({ matches: matchesGlob(queue), time }));
  return (queue) => compiled.find(({ matches }) => matches(queue))?.time ?? Number.POSITIVE_INFINITY;
}
