import { readEvents, type TraceEvent } from '../answers.ts';
import { defineCommand } from '../command.ts';
import { request, withConnection } from '../context.ts';
import { readCall, readOutcome } from '../rpc-text.ts';
import { harmless, payloadText } from '../text.ts';

/** The switch waits this long for an event when there is none. */
const TRACE_TIMEOUT_SECONDS = 5;

export const mscgenCommand = defineCommand({
  name: 'mscgen',
  summary: 'print what happened to messages lately as a sequence chart for mscgen',
  details: [
    'Requests are => from the sender to the queue and from there to the receiver, answers << from their queue to the sender of the answer. A label is the method, OK or FAILURE where it can be read, else the beginning of the payload.',
  ],
  examples: ['datapathctl mscgen | mscgen -T svg -o chart.svg'],
  arguments: {},
  options: {},
  run: (_given, context) =>
    withConnection(context, undefined, async (connection) => {
      const target = `/trace/0/${TRACE_TIMEOUT_SECONDS}`;
      const events = readEvents(await request(connection, 'GET', target, undefined, TRACE_TIMEOUT_SECONDS));
      const participants = [
        ...new Set(
          events.flatMap(({ input, queue, output }) =>
            [input, queue, output].filter((name) => name !== undefined),
          ),
        ),
      ].sort();
      const arrows = events.flatMap(arrowsOf);
      return context.json
        ? context.printJson({ participants, arrows })
        : context.print(chart(participants, arrows));
    }),
});

interface Arrow {
  readonly from: string;
  readonly arrow: '=>' | '<<';
  readonly to: string;
  readonly label: string;
}

function arrowsOf({ what, input, queue, output }: TraceEvent): Arrow[] {
  if (what.type === 'ack') return [];
  const label = summary(what.payload);
  switch (what.kind.type) {
    case 'request':
      return [
        ...(output === undefined ? [] : [{ from: queue, arrow: '=>', to: output, label } as const]),
        ...(input === undefined ? [] : [{ from: input, arrow: '=>', to: queue, label } as const]),
      ];
    case 'response':
      return input === undefined ? [] : [{ from: queue, arrow: '<<', to: input, label }];
  }
}

const LONGEST_LABEL = 10;

const summary = (payload: Buffer): string =>
  readCall(payload)?.method ??
  readOutcome(payload) ??
  Array.from(payloadText(payload)).slice(0, LONGEST_LABEL).join('');

function chart(participants: readonly string[], arrows: readonly Arrow[]): string {
  const lines = arrows.map(
    ({ from, arrow, to, label }) => `${quoted(from)} ${arrow} ${quoted(to)} [ label = ${quoted(label)} ] ;`,
  );
  return `${['msc {', `${participants.map(quoted).join(',')};`, ...lines, '}'].join('\n')}\n`;
}

const quoted = (text: string): string => `"${harmless(text.replace(/["\\]/g, '\\$&'))}"`;
