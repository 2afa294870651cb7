/** A time for the queues that a pattern names, in which `*` stands for any characters. */
export interface QueueRule {
  readonly queue: string;
  /** ms; infinite: for ever */
  readonly time: number;
}

/** Gives the time of the first rule whose pattern matches a queue's name; without one, for ever. */
export function timeByQueue(rules: readonly QueueRule[]): (queue: string) => number {
  const compiled = rules.map(({ queue, time }) => ({ pattern: patternOf(queue), time }));
  return (queue) => compiled.find(({ pattern }) => pattern.test(queue))?.time ?? Number.POSITIVE_INFINITY;
}

const patternOf = (glob: string): RegExp => new RegExp(`^${glob.split('*').map(escaped).join('.*')}$`, 's');

const escaped = (text: string): string => text.replace(/[.+?^${}()|[\]\\]/g, '\\$&');
