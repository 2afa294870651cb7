/** Milliseconds of a clock that all processes of this machine share: `performance.now` begins with its process. */
export const sharedClock = (): number => Number(process.hrtime.bigint()) / 1e6;

/** The value below which the given part of the numbers lies: 0.5 for the median, 0.99 for the 99th percentile. */
export function quantile(numbers: readonly number[], part: number): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN;
}

export const median = (numbers: readonly number[]): number => quantile(numbers, 0.5);

/**
 * Runs the two in turn, A B A B …, after one round that is not counted: a ratio of such neighbours holds when the
 * machine's speed drifts.
 */
export async function inTurn<A, B>(
  rounds: number,
  a: () => Promise<A>,
  b: () => Promise<B>,
): Promise<{ readonly a: A; readonly b: B }[]> {
  const pairs: { a: A; b: B }[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    const pair = { a: await a(), b: await b() };
    if (round > 0) pairs.push(pair);
  }
  return pairs;
}
