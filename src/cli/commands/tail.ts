import { setTimeout as pause } from 'node:timers/promises';
import { type MessageId, readEvents, type TraceEvent } from '../answers.ts';
import { defineCommand } from '../command.ts';
import type { SwitchConnection } from '../connection.ts';
import { type Context, request, withConnection } from '../context.ts';
import { eventJson, idText } from '../message-json.ts';
import { harmless, payloadLine, plural } from '../text.ts';

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
  ],
  examples: ['datapathctl tail --follow', 'datapathctl tail --follow --json | grep Volume.attach'],
  arguments: {},
  options: { follow: { doc: 'go on with events as they come' } },
  run: ({ follow }, context) =>
    withConnection(context, undefined, (connection) => tail(connection, follow, context)),
});

async function tail(connection: SwitchConnection, follow: boolean, context: Context): Promise<void> {
  let from = 0;
  let start: number | undefined;
  do {
    const target = `/trace/${from}/${TRACE_TIMEOUT_SECONDS}`;
    const body = await request(connection, 'GET', target, undefined, TRACE_TIMEOUT_SECONDS);
    const events = readEvents(body).filter(({ number }) => number >= from);
    const [first] = events;
    if (first !== undefined) {
      start ??= first.time;
      await tellLost(first.number - from, context);
      // Whoever reads slowly makes us wait here, and misses events: the switch never waits.
      await context.print(events.map((event) => render(event, start ?? event.time, context.json)).join(''));
      from = (events.at(-1) ?? first).number + 1;
    }
    if (follow) await pause(FOLLOW_PAUSE_MS);
  } while (follow);
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
