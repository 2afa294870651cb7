import type { QueueState } from './answers.ts';

/** Whether somebody listens to a queue, as far as a switch can know: by the transfers that asked for it. */
export type Listener =
  | { readonly type: 'never' }
  | { readonly type: 'listening' }
  /** ns since the end of the last transfer. */
  | { readonly type: 'gone'; readonly since: number };

/** Who is between two transfers may be at work; after this long it is taken for gone, as xapi's own client does. */
const GONE_AFTER_NS = 30e9;

export function listenerOf({ nextTransfer }: QueueState): Listener {
  if (nextTransfer === undefined) return { type: 'never' };
  return nextTransfer + GONE_AFTER_NS < 0 ? { type: 'gone', since: -nextTransfer } : { type: 'listening' };
}

/** As JSON has it. */
export const listenerJson = (queue: QueueState): object => {
  const listener = listenerOf(queue);
  return listener.type === 'gone'
    ? { listener: listener.type, goneForSeconds: listener.since / 1e9 }
    : { listener: listener.type };
};
