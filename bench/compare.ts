import type { Row } from './figure.ts';
import type { Measured } from './load.ts';
import { inTurn, median } from './statistics.ts';

/** What one side and the other took in rounds in turn, in the unit of the row. */
export const compareTimes = (
  pairs: readonly { readonly a: number; readonly b: number }[],
  ours: string,
  peer: string,
): Pick<Row, 'ours' | 'peer' | 'ratio'> => ({
  ours: { what: ours, value: median(pairs.map(({ a }) => a)) },
  peer: { what: peer, value: median(pairs.map(({ b }) => b)) },
  ratio: median(pairs.map(({ a, b }) => a / b)),
});

export interface Side {
  readonly what: string;
  readonly run: () => Promise<Measured>;
}

/** What calls cost one side and the other, in turn. */
export async function compareCalls(
  rounds: number,
  ours: Side,
  peer: Side,
): Promise<Pick<Row, 'unit' | 'ours' | 'peer' | 'ratio' | 'wallRatio'>> {
  const pairs = await inTurn(rounds, ours.run, peer.run);
  const middle = (pick: (a: Measured, b: Measured) => number): number =>
    median(pairs.map(({ a, b }) => pick(a, b)));
  return {
    unit: 'µs of CPU a call',
    ours: { what: ours.what, value: middle((a) => a.cpuMicroseconds), wallRate: middle((a) => a.wallRate) },
    peer: {
      what: peer.what,
      value: middle((_, b) => b.cpuMicroseconds),
      wallRate: middle((_, b) => b.wallRate),
    },
    ratio: middle((a, b) => b.cpuMicroseconds / a.cpuMicroseconds),
    wallRatio: middle((a, b) => a.wallRate / b.wallRate),
  };
}
