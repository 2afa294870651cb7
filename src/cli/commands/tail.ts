import { setTimeout as pause } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { type MessageId, readEvents, type TraceEvent } from '../answers.ts';
import { asText, defineCommand } from '../command.ts';
import type { SwitchConnection } from '../connection.ts';
import { type Context, request } from '../context.ts';
import { eventFilter } from '../event-filter.ts';
import { eventJson, idText } from '../message-json.ts';
import { harmless, payloadLine, plural } from '../text.ts';
import { whenBack } from '../when-back.ts';

/** The switch waits this long for an event when there is none. */
const TRACE_TIMEOUT_SECONDS = 5;

/**
 * Between two looks at the trace, so that a busy switch answers us a few dozen times a second at most, with many
 * events each time, rather than once an event.
 */
const FOLLOW_PAUSE_MS = 20;

export const tailCommand = defineCommand({
  name: 'tail',
  summary: 'show what happened to messages lately, an event a line',
  details: [
    'A line has the seconds since the first event shown; the sender, the queue and the receiver, with the arrows turned round for answers; how long a request took, where the delivery of an answer tells it; and the message as queue.number:payload. An event is either a sending (there is no receiver yet) or a delivery (the sender is not named), or an acknowledgement.',
    'The switch keeps a number of events, with payloads cut to a length, and drops the oldest: the traffic never waits for who looks at it. Events that were gone when they were asked for are counted, and their number is told on standard error; with --json, as {"lost": number}.',
    'With --queue, --method, --sr and --vm, only calls to such queues, of such methods and about such an SR and VM are shown: their requests, the answers and the acknowledgements of both; in patterns, * stands for any characters. Whatever happens in a queue that fits --queue is shown as well. The beginning of a call has to be in the trace for the rest to be known.',
    'With --follow, a switch that ends is waited for, and its new trace is shown from the beginning.',
  ],
  examples: [
    'datapathctl tail --follow',
    "datapathctl tail --queue 'org.xen.xapi.storage.*' --method 'VDI.*' --vm 7",
    'datapathctl tail --follow --sr 7c1d9a52-3c4b-4d4e-9a37-6f0e8f6a2b11',
    'datapathctl tail --follow --json | grep Volume.attach',
  ],
  arguments: {},
  options: {
    follow: { doc: 'go on with events as they come' },
    queue: { doc: 'only calls to these queues', value: 'pattern', read: asText, completion: 'queue' },
    method: { doc: 'only calls of these methods', value: 'pattern', read: asText },
    sr: { doc: 'only calls whose parameter sr is such', value: 'pattern', read: asText },
    vm: { doc: 'only calls whose parameter vm or domain is such', value: 'pattern', read: asText },
  },
  run: async ({ follow, ...wanted }, context) => {
    const tail: Tail = { from: 0, last: undefined, start: undefined, isWanted: eventFilter(wanted), context };
    let connection = await context.connect();
    if (!follow) return show(connection, tail).finally(() => connection.close());
    for (;;) {
      const lost = await followTrace(connection, tail).catch((error: unknown) => error);
      connection.close();
      connection = await whenBack(lost, () => connectAgain(tail), context);
    }
  },
});

/** How far the trace was shown. */
interface Tail {
  /** The number of the next event. */
  from: number;
  last: TraceEvent | undefined;
  /** The time of the first event shown. */
  start: number | undefined;
  readonly isWanted: (event: TraceEvent) => boolean;
  readonly context: Context;
}

/** Shows events as they come, until the connection is lost. */
async function followTrace(connection: SwitchConnection, tail: Tail): Promise<never> {
  for (;;) {
    await show(connection, tail);
    await pause(FOLLOW_PAUSE_MS);
  }
}

/** Connects, and finds where to go on: a switch that was started anew counts from 0 again. */
async function connectAgain(tail: Tail): Promise<SwitchConnection> {
  const connection = await tail.context.connect();
  try {
    const trace = await readTrace(connection, 0, 0);
    if (tail.last !== undefined) tail.from = nextNumber(trace, tail.last);
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** Shows what the trace has, or the first event that comes. */
async function show(connection: SwitchConnection, tail: Tail): Promise<void> {
  const { from, isWanted, context } = tail;
  const events = await readTrace(connection, from, TRACE_TIMEOUT_SECONDS);
  const [first] = events;
  if (first === undefined) return;
  await tellLost(first.number - from, context);
  const wanted = events.filter(isWanted);
  const start = tail.start ?? wanted[0]?.time ?? 0;
  // Whoever reads slowly makes us wait here, and misses events: the switch never waits.
  await context.print(wanted.map((event) => render(event, start, context.json)).join(''));
  tail.last = events.at(-1) ?? first;
  tail.from = tail.last.number + 1;
  tail.start ??= wanted[0]?.time;
}

async function readTrace(connection: SwitchConnection, from: number, timeout: number): Promise<TraceEvent[]> {
  const body = await request(connection, 'GET', `/trace/${from}/${timeout}`, undefined, timeout);
  return readEvents(body).filter(({ number }) => number >= from);
}

/**
 * Where to go on behind the last event that was shown, in a trace that may be another one: that has no such event, though
 * it begins before.
 */
function nextNumber(trace: readonly TraceEvent[], last: TraceEvent): number {
  const [first] = trace;
  if (first === undefined) return 0;
  const same = trace.find(({ number }) => number === last.number);
  const isSame = same === undefined ? first.number > last.number : isDeepStrictEqual(same, last);
  return isSame ? last.number + 1 : 0;
}

async function tellLost(lost: number, context: Context): Promise<void> {
  if (lost === 0) return;
  if (context.json) await context.printJson({ lost });
  else context.tell(`${plural(lost, 'event')} lost: the trace of the switch no longer had them`);
}

/** The widths of all columns but the last. */
const WIDTHS = [5, 15, 4, 30, 4, 15, 5];

function render(event: TraceEvent, start: number, json: boolean): string {
  if (json) return `${JSON.stringify(eventJson(event))}\n`;
  const columns = [
    seconds(event.time - start),
    ...wayOf(event).map(harmless),
    event.processingTime === undefined ? '' : seconds(event.processingTime / 1e6),
  ];
  return `${columns.map((text, index) => `${fitted(text, WIDTHS[index] ?? 0)} `).join('')}${message(event)} \n`;
}

const seconds = (ms: number): string => (ms / 1000).toFixed(1);

/** Of a long name its end, by which the names of queues differ. */
const fitted = (text: string, width: number): string =>
  text.length > width ? text.slice(-width) : text.padEnd(width);

function wayOf({ what, input = '-', queue, output = '-' }: TraceEvent): string[] {
  if (what.type === 'ack') return [input, '->', queue, '', ''];
  switch (what.kind.type) {
    case 'request':
      return [input, '->', queue, '->', output];
    case 'response':
      return [output, '<-', queue, '<-', input];
  }
}

const message = ({ what }: TraceEvent): string =>
  `${shown(what.id)}:${what.type === 'ack' ? 'ack' : payloadLine(what.payload)}`;

const shown = (id: MessageId): string => harmless(idText(id));
