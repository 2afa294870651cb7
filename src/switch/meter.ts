import type { LimitName } from './limits.ts';
import type { MessageId } from './protocol.ts';

/** Told of what goes through the switch, so that it can be counted. Times are in ms. */
export interface SwitchMeter {
  /** A persistent queue is there. */
  found(queue: string): void;
  removed(queue: string): void;
  sent(queue: string): void;
  /** A message was given to somebody for the first time, so long after it was accepted. */
  fetched(id: MessageId, waited: number, now: number): void;
  acked(id: MessageId, now: number): void;
  /** A message is no more: it was acked, or dropped. */
  ended(id: MessageId): void;
  refused(limit: LimitName): void;
}

/** Counts nothing. */
export const NO_METER: SwitchMeter = {
  found() {},
  removed() {},
  sent() {},
  fetched() {},
  acked() {},
  ended() {},
  refused() {},
};
