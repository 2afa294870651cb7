import type { Listeners } from './listeners.ts';
import { firstBytes } from './payload-text.ts';
import type { Diagnostics, QueueReport, ReportView } from './protocol.ts';
import type { Queue } from './queue.ts';
import type { Queues } from './queues.ts';
import type { Trace } from './trace.ts';
import { LISTENING, type WaitingTransfers } from './waiting.ts';

/** What waits where, as `GET /` tells it; what a view leaves out costs nothing. Times are in ms since the epoch. */
export function diagnosticsOf(
  queues: Queues,
  started: number,
  now: number,
  view: ReportView | undefined,
): Diagnostics {
  const shown = [...queues.all()].filter(({ name }) => view?.queue === undefined || name === view.queue);
  const sorted = shown.sort((a, b) => (a.name < b.name ? -1 : 1));
  const report = (queue: Queue): QueueReport => ({
    name: queue.name,
    nextTransfer: queue.nextTransfer === LISTENING ? now : queue.nextTransfer,
    ...(view === undefined ? { messages: queue.newestFirst() } : viewOf(queue, view)),
  });
  return {
    uptime: now - started,
    started,
    persistent: sorted.filter(({ owner }) => owner === undefined).map(report),
    transient: sorted.filter(({ owner }) => owner !== undefined).map(report),
  };
}

function viewOf(
  queue: Queue,
  { messages: most, payloadBytes }: ReportView,
): Pick<QueueReport, 'messages' | 'total'> {
  const messages = queue.block(Number.NEGATIVE_INFINITY, most).map((held) => {
    const message = held.toMessage();
    const { payload } = message;
    return { ...message, payload: firstBytes(payload, payloadBytes), payloadBytes: payload.length };
  });
  return { messages: messages.reverse(), total: { messages: queue.size, bytes: queue.bytes } };
}

/** The parts of a broker, for those who only look. */
export interface Observed {
  readonly queues: Queues;
  readonly listeners: Listeners;
  readonly waiting: WaitingTransfers;
  readonly trace: Trace;
}

/** Who listens on a queue. */
export interface Audience {
  /** Each once. */
  readonly sessions: readonly string[];
  /** Since when nobody does any more, in ms since the epoch; `undefined`: somebody does, or nobody ever did. */
  readonly left: number | undefined;
}

export function audienceOf({ listeners, waiting }: Observed, queue: string): Audience {
  const sessions = new Set([...listeners.sessions(queue), ...waiting.subscribers(queue)]);
  return { sessions: [...sessions], left: listeners.leftAt(queue) };
}

/** A queue with requests that wait though nobody listens. */
export interface Unattended {
  readonly queue: string;
  readonly waiting: number;
  /** When the oldest came: ms since the epoch. */
  readonly oldest: number;
  /** The senders, each once. */
  readonly callers: readonly string[];
}

/** So many messages of a queue are looked at for their senders. */
const LOOKED_AT = 100;

export function unattendedQueues({ queues, listeners }: Observed): Unattended[] {
  return [...queues.all()].flatMap((queue): Unattended[] => {
    // Reply queues have owners, who fetch when they will.
    if (queue.owner !== undefined || queue.size === 0 || listeners.has(queue.name)) return [];
    const first = queue.block(Number.NEGATIVE_INFINITY, LOOKED_AT);
    const [oldest] = first;
    if (oldest === undefined) return [];
    const callers = [...new Set(first.map(({ origin }) => origin))];
    return [{ queue: queue.name, waiting: queue.size, oldest: oldest.time, callers }];
  });
}

/** The names that begin with a prefix, as xapi's switch orders them; `alive`: of queues on which somebody ever listened. */
export const queueNames = (queues: Queues, prefix: string, alive: boolean): string[] =>
  [...queues.all()]
    .filter(
      ({ name, nextTransfer, listened }) =>
        name.startsWith(prefix) && (!alive || listened || nextTransfer !== undefined),
    )
    .map(({ name }) => name)
    .sort()
    .reverse();

/** The state of the switch in numbers. */
export interface Measures {
  readonly sessions: number;
  readonly queues: readonly QueueMeasures[];
}

export interface QueueMeasures {
  readonly name: string;
  readonly persistent: boolean;
  readonly messages: number;
  readonly bytes: number;
  /** When the oldest message came: ms since the epoch. */
  readonly oldest: number | undefined;
}

export const measuresOf = (switched: { readonly sessions: number; queues(): Iterable<Queue> }): Measures => ({
  sessions: switched.sessions,
  queues: [...switched.queues()].map((queue) => ({
    name: queue.name,
    persistent: queue.owner === undefined,
    messages: queue.size,
    bytes: queue.bytes,
    oldest: queue.block(Number.NEGATIVE_INFINITY, 1)[0]?.time,
  })),
});
