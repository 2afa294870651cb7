import { InvalidArgumentError } from 'commander';
import { type MessageId, readEvents, type TraceEvent } from '../answers.ts';
import { asMessageNumber, defineCommand } from '../command.ts';
import { request, withConnection } from '../context.ts';
import { Failure } from '../exit.ts';
import { type CallTrace, followCall, type Step, type Wait } from '../follow-call.ts';
import { idText } from '../message-json.ts';
import { readCall } from '../rpc-text.ts';
import { harmless, span, table } from '../text.ts';

export const traceCommand = defineCommand({
  name: 'trace',
  summary: "show one call's way in time: sent, fetched, answered, acknowledged, with the waits between",
  details: [
    'The message is named as tail shows it, queue.number; that of an answer leads to the request that it answers. Each line has the time since the first event, the time since the event before, and what happened.',
    'It shows what the trace of the switch still has: when the beginning is gone, it says so.',
  ],
  examples: ['datapathctl trace org.xen.xapi.datapath.17'],
  arguments: { id: { doc: 'the message, as queue.number', read: asMessageId } },
  options: {},
  run: ({ id }, context) =>
    withConnection(context, undefined, async (connection) => {
      const events = readEvents(await request(connection, 'GET', '/trace/-1/0'));
      const trace = followCall(events, id);
      if (trace === undefined) throw notTraced(id, events);
      return context.json ? context.printJson(asJson(trace)) : context.print(render(trace));
    }),
});

function asMessageId(word: string): MessageId {
  const dot = word.lastIndexOf('.');
  if (dot < 1) throw new InvalidArgumentError('expected queue.number, as tail shows it.');
  return { queue: word.slice(0, dot), id: asMessageNumber(word.slice(dot + 1)) };
}

function notTraced(id: MessageId, events: readonly TraceEvent[]): Failure {
  const [first, last] = [events[0], events.at(-1)];
  const kept =
    first === undefined || last === undefined
      ? 'which is empty'
      : `which has events ${first.number} to ${last.number}`;
  return new Failure(
    'failed',
    `${idText(id)} is not in the trace, ${kept}: datapathctl queue show tells what waits`,
  );
}

const asJson = ({ id, steps, waits, complete }: CallTrace): object => ({
  id,
  steps: steps.map(({ what, by, id: message, time }) => ({ what, by, id: message, time: time / 1000 })),
  waitMilliseconds: Object.fromEntries(waits.map(({ what, ms }) => [what, ms])),
  complete,
});

function render({ id, steps, waits, complete, payload }: CallTrace): string {
  const call = payload === undefined ? undefined : readCall(payload);
  const title = `${harmless(idText(id))}${call === undefined ? '' : `  ${harmless(call.method)}`}\n`;
  const start = steps[0]?.time ?? 0;
  const rows = steps.map((step, index) => {
    const since = step.time - (steps[index - 1]?.time ?? start);
    return [span(step.time - start), index === 0 ? '' : `+${span(since)}`, stepText(step)];
  });
  const notes = [
    ...(complete ? [] : ['its beginning is no longer in the trace']),
    ...(waits.length === 0 ? [] : [waits.map(waitText).join(', ')]),
  ];
  return `${title}${table(rows, [0, 1])}${notes.map((note) => `${note}\n`).join('')}`;
}

function stepText({ what, by, id }: Step): string {
  const name = harmless(by ?? 'somebody');
  switch (what) {
    case 'sent':
      return `sent by ${name}`;
    case 'fetched':
      return `fetched by ${name}`;
    case 'acked':
      return `acknowledged by ${name}`;
    case 'answered':
      return `answered by ${name} with ${harmless(idText(id))}`;
    case 'answer fetched':
      return `answer fetched by ${name}`;
    case 'answer acked':
      return `answer acknowledged by ${name}`;
  }
}

function waitText({ what, ms }: Wait): string {
  switch (what) {
    case 'inQueue':
      return `${span(ms)} in the queue`;
    case 'answering':
      return `${span(ms)} until the answer`;
    case 'answerInQueue':
      return `${span(ms)} until that was fetched`;
    case 'total':
      return `${span(ms)} in all`;
  }
}
