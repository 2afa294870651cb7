import type { Reporter } from '../reporter.ts';
import type { Refused } from '../rpc/answer.ts';
import type { RefusalMeter } from '../service/metrics-refusals.ts';

/** Counts each thing that could not be read, with a warning until there are too many of one socket. */
export const refusedOn =
  (report: Reporter, meter: RefusalMeter, path: string): Refused =>
  (protocol, reason) => {
    meter.refused(path, protocol);
    report('warn', `${path} unreadable`, { socket: path, protocol }, `a request was refused: ${reason}`);
  };
