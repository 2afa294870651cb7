import type { Reporter } from '../reporter.ts';
import type { Refused } from '../rpc/answer.ts';

/** A warning for each thing that could not be read, until there are too many of one socket. */
export const refusedOn =
  (report: Reporter, path: string): Refused =>
  (protocol, reason) =>
    report('warn', `${path} unreadable`, { socket: path, protocol }, `a request was refused: ${reason}`);
