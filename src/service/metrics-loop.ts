import { monitorEventLoopDelay } from 'node:perf_hooks';

/** How late the event loop is, in ms. */
export interface LoopDelay {
  readonly median: number;
  readonly p99: number;
  readonly max: number;
}

export interface LoopMeter {
  /** Over the last one or two minutes. */
  delay(): LoopDelay;
  stop(): void;
}

type Delays = ReturnType<typeof monitorEventLoopDelay>;

/** How often it is looked, in ms: rarely enough that an idle process stays idle. */
const RESOLUTION_MS = 100;
const WINDOW_MS = 60_000;

/** Watches the event loop, until it is stopped. It keeps no process alive. */
export function startLoopMeter(): LoopMeter {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  let before = read(histogram);
  const turn = setInterval(() => {
    before = read(histogram);
    histogram.reset();
  }, WINDOW_MS).unref();
  return {
    delay: () => {
      const now = read(histogram);
      return {
        median: Math.max(now.median, before.median),
        p99: Math.max(now.p99, before.p99),
        max: Math.max(now.max, before.max),
      };
    },
    stop: () => {
      clearInterval(turn);
      histogram.disable();
    },
  };
}

function read(histogram: Delays): LoopDelay {
  if (histogram.count === 0) return { median: 0, p99: 0, max: 0 };
  // What is measured is the time between two looks.
  const late = (ns: number): number => Math.max(0, ns / 1e6 - RESOLUTION_MS);
  return {
    median: late(histogram.percentile(50)),
    p99: late(histogram.percentile(99)),
    max: late(histogram.max),
  };
}
