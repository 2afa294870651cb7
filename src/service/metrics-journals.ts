import { TimeHistogram } from './metrics-histogram.ts';

/** Counts what a journal does. Times in ms. */
export class JournalMeter {
  readonly syncs = new TimeHistogram();
  records = 0;
  bytes = 0;
  size = 0;
  compactions = 0;
  failures = 0;

  wrote(bytes: number): void {
    this.records += 1;
    this.bytes += bytes;
  }

  synced(ms: number): void {
    this.syncs.note(ms);
  }

  compacted(): void {
    this.compactions += 1;
  }

  failed(): void {
    this.failures += 1;
  }

  /** Bytes of all files. */
  sized(bytes: number): void {
    this.size = bytes;
  }
}
