import { InvalidArgumentError } from 'commander';
import type { CallReport, StepReport } from '../../storage/daemon-monitoring.ts';
import { type MessageId, readEvents, type TraceEvent } from '../answers.ts';
import { asMessageNumber, DAEMON_OPTIONS, defineCommand } from '../command.ts';
import { type Context, request, sessionName, withConnection } from '../context.ts';
import { withDaemon } from '../daemon.ts';
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
    'It shows what the trace of the switch still has: when the beginning is gone, it says so. Of a call that the daemon itself has answered it also shows where the time went there: waits for the disk and the plugin, scripts, the choice of a datapath, the answer.',
    'Without a message, the last calls that the daemon has answered are listed, traces.maxCalls of them, with the time that each waited in the queue, that its scripts took, and that its answer took. The id of a trace lists those of that trace.',
  ],
  examples: ['datapathctl trace org.xen.xapi.datapath.17', 'datapathctl trace'],
  arguments: {
    id: {
      doc: 'the message, as queue.number, or the id of a trace: 32 hexadecimal digits',
      read: asAsked,
      optional: true,
    },
  },
  options: DAEMON_OPTIONS,
  run: async ({ id, ...ways }, context) => {
    if (id === undefined || 'trace_id' in id) return listCalls(context, ways, id ?? {});
    const [call] = (await isServed(context, ways.queue))
      ? await callsOf(context, ways, { message: idText(id) })
      : [];
    return withConnection(context, undefined, async (connection) => {
      const events = readEvents(await request(connection, 'GET', '/trace/-1/0'));
      const trace = followCall(events, id);
      if (trace === undefined && call === undefined) throw notTraced(id, events);
      if (context.json) return context.printJson({ ...(trace && asJson(trace)), ...(call && { call }) });
      return context.print(
        `${trace === undefined ? '' : render(trace)}${call === undefined ? '' : callText(call)}`,
      );
    });
  },
});

interface Ways {
  readonly queue: string;
  readonly timeout: number;
}

type Wanted = { readonly message?: string; readonly trace_id?: string };

const callsOf = (context: Context, ways: Ways, wanted: Wanted): Promise<readonly CallReport[]> =>
  withDaemon(context, ways, (daemon) => daemon.datapathd('calls', wanted));

/** A switch alone serves no queue that could be asked. */
const isServed = (context: Context, queue: string): Promise<boolean> =>
  withConnection(context, sessionName(), async (connection) => {
    const names: unknown = JSON.parse(
      String(await request(connection, 'GET', `/list/alive/${encodeURIComponent(queue)}`)),
    );
    return Array.isArray(names) && names.includes(queue);
  });

async function listCalls(context: Context, ways: Ways, wanted: Wanted): Promise<void> {
  const calls = await callsOf(context, ways, wanted);
  if (context.json) return context.printJson(calls);
  if (calls.length === 0) return context.print('no call is kept\n');
  const rows = calls.map((call) => [
    call.at,
    harmless(call.message ?? call.queue),
    harmless(call.method),
    harmless(call.sr ?? ''),
    span(call.milliseconds),
    ...([['queue'], ['script', 'driver-domain'], ['answer']] as const).map((whats) => timeOf(call, whats)),
    harmless(call.error ?? 'ok'),
  ]);
  const head = ['BEGAN', 'MESSAGE', 'METHOD', 'SR', 'TOOK', 'IN QUEUE', 'SCRIPTS', 'ANSWER', 'OUTCOME'];
  return context.print(table([head, ...rows], [4, 5, 6, 7]));
}

function timeOf({ steps }: CallReport, whats: readonly StepReport['what'][]): string {
  const times = steps.filter(({ what }) => whats.includes(what)).map(({ milliseconds }) => milliseconds);
  return times.length === 0 ? '' : span(times.reduce((sum, ms) => sum + ms, 0));
}

/** Where the time went in the daemon: a line a step, with when it began and how long it took. */
function callText({ milliseconds, error, steps, left_out }: CallReport): string {
  const rows = steps.map((step) => [span(step.after), span(step.milliseconds), reportText(step)]);
  const left = left_out === 0 ? '' : `${left_out} more steps are not kept (traces.maxSteps)\n`;
  const outcome = error === undefined ? '' : `, with the error ${harmless(error)}`;
  return `in the daemon: ${span(milliseconds)} in all${outcome}\n${table(rows, [0, 1])}${left}`;
}

function reportText({ what, plugin = '', method = '', error }: StepReport): string {
  const ended = error === undefined ? '' : `: ${harmless(error)}`;
  switch (what) {
    case 'queue':
      return 'wait in the queue';
    case 'disk':
      return 'wait for the disk';
    case 'plugin':
      return `wait for the plugin ${harmless(plugin)}`;
    case 'choice':
      return `chose the datapath ${harmless(plugin)}${ended}`;
    case 'script':
      return `${harmless(plugin)} ${harmless(method)}${ended}`;
    case 'driver-domain':
      return `driver domain ${harmless(method)}${ended}`;
    case 'answer':
      return 'answer';
  }
}

function asAsked(word: string): MessageId | { readonly trace_id: string } {
  return /^[0-9a-f]{32}$/.test(word) ? { trace_id: word } : asMessageId(word);
}

function asMessageId(word: string): MessageId {
  const dot = word.lastIndexOf('.');
  if (dot < 1)
    throw new InvalidArgumentError('expected queue.number, as tail shows it, or the id of a trace.');
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
