import { setTimeout as pause } from 'node:timers/promises';

/** How one life of a connection to the store went. */
export interface Life {
  /** Whether the store was there, and answered. */
  readonly reached: boolean;
  /** Why it ended. */
  readonly reason: string;
}

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2000;

/** The pause behind one, in ms; without one, the first. */
export const longerPause = (before?: number): number =>
  before === undefined ? FIRST_PAUSE_MS : Math.min(2 * before, LONGEST_PAUSE_MS);

/** Lives one life after the other until the signal, with pauses that grow while the store is not reached. */
export async function liveOn(
  signal: AbortSignal,
  live: () => Promise<Life>,
  lost: (reason: string) => void,
): Promise<void> {
  let wait = longerPause();
  while (!signal.aborted) {
    const { reached, reason } = await live();
    if (signal.aborted) return;
    lost(reason);
    // A store that was reached is expected back at once.
    if (reached) wait = longerPause();
    await pause(wait, undefined, { signal }).catch(() => {});
    wait = longerPause(wait);
  }
}
