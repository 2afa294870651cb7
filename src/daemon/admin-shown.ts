import type { Config } from '../config.ts';
import type { LoopDelay } from '../service/metrics-loop.ts';
import type { PluginMeter } from '../service/metrics-plugins.ts';
import type { QueueMeter } from '../service/metrics-queues.ts';
import type { KnownNow } from '../storage/daemon-implementation.ts';
import type { SrView } from '../xenstore/view.ts';
import type { Running } from './metrics.ts';

/** What the page's facts are made of. */
export interface Shown {
  readonly config: Config;
  readonly version: string;
  readonly running: Running;
  /** None when no storage interface is served. */
  readonly view: SrView | undefined;
  readonly known: KnownNow | undefined;
  readonly queues: QueueMeter;
  readonly plugins: PluginMeter;
  readonly delay: LoopDelay;
  /** Why all is not well. */
  readonly reasons: readonly string[];
  /** Pages that are open. */
  readonly followers: number;
}
