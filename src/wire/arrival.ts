/** How a call came that came through a switch. Times are ms since the epoch. */
export interface Arrival {
  /** The message that it came in, as `queue.number`. */
  readonly message: string;
  /** When the switch accepted it; `undefined`: that is known to a switch elsewhere. */
  readonly accepted: number | undefined;
  readonly fetched: number;
}
