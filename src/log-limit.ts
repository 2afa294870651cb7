/** Lets a source log so many lines in an interval, and then tells how many it left out. */
export interface RepeatLimit {
  /**
   * Calls `write` unless the source has used up its lines; `more` is how many were left out since its last line.
   * A source is whatever repeats on its own: a socket and a kind of trouble.
   */
  log(source: string, write: (more: number) => void): void;
}

/** They may change: each line is counted by what they are then. */
export interface RepeatLimitOptions {
  readonly maxRepeats: number;
  /** ms */
  readonly interval: number;
  /** A clock in ms. */
  readonly now: () => number;
}

/** Sources that are remembered; the one that began longest ago is forgotten for a new one. */
const MAX_SOURCES = 1000;

interface Source {
  since: number;
  lines: number;
  leftOut: number;
}

export function limitRepeats(options: RepeatLimitOptions): RepeatLimit {
  const sources = new Map<string, Source>();
  return {
    log: (name, write) => {
      const { maxRepeats, interval } = options;
      const time = options.now();
      let source = sources.get(name);
      if (source === undefined || time - source.since >= interval) {
        const leftOut = source?.leftOut ?? 0;
        source = { since: time, lines: 0, leftOut };
        sources.delete(name);
        sources.set(name, source);
        const [oldest] = sources.keys();
        if (sources.size > MAX_SOURCES && oldest !== undefined) sources.delete(oldest);
      }
      if (source.lines >= maxRepeats) {
        source.leftOut += 1;
        return;
      }
      source.lines += 1;
      const more = source.leftOut;
      source.leftOut = 0;
      write(more);
    },
  };
}
