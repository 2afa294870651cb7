/** What was read of one side, in the unit of its row. */
export interface Reading {
  readonly what: string;
  readonly value: number;
  /** Calls a second as the clients saw them: on few cores this measures the clients too. */
  readonly wallRate?: number;
}

export type Unit = 'µs of CPU a call' | 'ms' | 'bytes' | 'messages' | 'calls a second';

export type Target =
  | { readonly type: 'ratio-at-least'; readonly ratio: number }
  | { readonly type: 'ratio-at-most'; readonly ratio: number }
  /** Ours may be this much above the peer. */
  | { readonly type: 'above-at-most'; readonly difference: number }
  /** Ours may be at most this, whatever the peer. */
  | { readonly type: 'at-most'; readonly value: number }
  | { readonly type: 'printed' };

/** One line of the table: a reading of ours beside that of a peer, measured in turn in the same run. */
export interface Row {
  readonly figure: string;
  readonly title: string;
  readonly unit: Unit;
  readonly ours: Reading;
  readonly peer: Reading;
  /** How many times the peer ours is, in speed where the target is a least one, else in the unit. */
  readonly ratio: number;
  readonly wallRatio?: number;
  readonly target: Target;
}

export type Verdict = 'reached' | 'missed' | 'printed';

export function verdict({ target, ratio, ours, peer }: Row): Verdict {
  switch (target.type) {
    case 'ratio-at-least':
      return ratio >= target.ratio ? 'reached' : 'missed';
    case 'ratio-at-most':
      return ratio <= target.ratio ? 'reached' : 'missed';
    case 'above-at-most':
      return ours.value - peer.value <= target.difference ? 'reached' : 'missed';
    case 'at-most':
      return ours.value <= target.value ? 'reached' : 'missed';
    case 'printed':
      return 'printed';
  }
}

/** Says on stderr what is being measured. */
export type Progress = (text: string) => void;

/** Something to measure, under the name that `--only` takes. */
export interface Figure {
  readonly name: string;
  measure(progress: Progress): Promise<Row[]>;
}
