import type { QueueState, TraceEvent } from './answers.ts';

export interface Rates {
  /** Messages a second. */
  readonly sent: number;
  readonly acked: number;
}

export interface TopRow {
  readonly queue: QueueState;
  /** ns; `undefined`: nothing waits. */
  readonly oldest: number | undefined;
  readonly rates: Rates;
}

/**
 * The queues with what waits in them and how fast messages came and went in `seconds`, by the events of that time;
 * those with the most first. Reply queues without messages and events are left out.
 */
export function topRows(
  queues: readonly QueueState[],
  events: readonly TraceEvent[],
  seconds: number,
): TopRow[] {
  const sent = countByQueue(
    events.filter(({ what, output }) => what.type === 'message' && output === undefined),
  );
  const acked = countByQueue(events.filter(({ what }) => what.type === 'ack'));
  return queues
    .map((queue) => ({
      queue,
      oldest: queue.messages.reduce<number | undefined>(
        (oldest, { age }) => Math.max(oldest ?? 0, age),
        undefined,
      ),
      rates: {
        sent: (sent.get(queue.name) ?? 0) / seconds,
        acked: (acked.get(queue.name) ?? 0) / seconds,
      },
    }))
    .filter(
      ({ queue, oldest, rates }) => !queue.transient || oldest !== undefined || rates.sent + rates.acked > 0,
    )
    .sort(
      (a, b) =>
        b.queue.total.messages - a.queue.total.messages ||
        b.rates.sent - a.rates.sent ||
        (a.queue.name < b.queue.name ? -1 : 1),
    );
}

function countByQueue(events: readonly TraceEvent[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { queue } of events) counts.set(queue, (counts.get(queue) ?? 0) + 1);
  return counts;
}
