import { writeJson } from '../../wire/json.ts';
import { type Entry, type QueueState, readState, type SwitchState } from '../answers.ts';
import { type Command, defineCommand } from '../command.ts';
import { request, withConnection } from '../context.ts';
import { listenerJson, listenerOf } from '../listener.ts';
import { entryJson } from '../message-json.ts';
import { readCall } from '../rpc-text.ts';
import { harmless, payloadLine } from '../text.ts';

export const diagnosticsCommand: Command = defineCommand({
  name: 'diagnostics',
  alias: 'diag',
  summary: 'tell what waits in the switch: queues, messages, who listens',
  details: [
    'The services (permanent queues) come first: those that somebody listens to, those that nobody ever has, and those whose listener has not asked for messages for 30 seconds. Below each stand the messages that wait: number, sender, age, what is called, and whether the caller waits for the answer. The reply queues follow.',
    'A message below a running service is under way, or waits for those before it. One below a service that has crashed or has never started waits until somebody serves the queue.',
    'Payloads are cut to 70 characters, but with --verbose.',
  ],
  arguments: {},
  options: {},
  run: (_given, context) =>
    withConnection(context, undefined, async (connection) => {
      const state = readState(await request(connection, 'GET', '/'));
      return context.json
        ? context.printJson(asJson(state))
        : context.print(render(state, context.verbose ? Number.POSITIVE_INFINITY : LONGEST_PAYLOAD));
    }),
});

const LONGEST_PAYLOAD = 70;

const asJson = ({ uptime, queues }: SwitchState): object => ({
  uptimeSeconds: uptime / 1e9,
  queues: queues.map((queue) => ({
    name: queue.name,
    transient: queue.transient,
    ...listenerJson(queue),
    messages: queue.messages.map(entryJson),
  })),
});

/** The text of xapi's own client. */
function render({ uptime, queues }: SwitchState, longest: number): string {
  const replyQueues = new Map(
    queues.filter(({ transient }) => transient).map((queue) => [queue.name, queue]),
  );
  const services = queues.filter(({ transient }) => !transient);
  const section = (shown: readonly QueueState[]): string[] =>
    shown.flatMap((queue) => queueLines(queue, replyQueues, longest));
  const awaited = new Set(services.flatMap(({ messages }) => messages.flatMap(replyTo)));
  const replies = [...replyQueues.values()].filter(
    ({ name, messages }) => !awaited.has(name) || messages.length > 0,
  );
  const lines = [
    `Switch started ${ago(uptime)}`,
    ...serviceLines(services, section),
    ...(replies.length === 0 ? [] : ['Temporary queues containing replies:', ...section(replies)]),
  ];
  return `${lines.join('\n')}\n`;
}

function serviceLines(
  services: readonly QueueState[],
  section: (shown: readonly QueueState[]) => string[],
): string[] {
  if (services.length === 0) return ['There are no known services (yet).'];
  const of = (type: 'listening' | 'never' | 'gone'): QueueState[] =>
    services.filter((queue) => listenerOf(queue).type === type);
  const titled = (title: string, shown: readonly QueueState[]): string[] =>
    shown.length === 0 ? [] : ['', title, ...section(shown)];
  const running = of('listening');
  return [
    ...(running.length === 0
      ? ['No known services are running.']
      : titled('The following services are running:', running)),
    ...titled('The following services have been called but have never started:', of('never')),
    ...titled('The following services have crashed or deadlocked:', of('gone')),
  ];
}

function queueLines(
  queue: QueueState,
  replyQueues: ReadonlyMap<string, QueueState>,
  longest: number,
): string[] {
  const listener = listenerOf(queue);
  const trouble = listener.type === 'gone' ? `: service crashed or deadlocked ${ago(listener.since)}` : '';
  return [
    `- ${harmless(queue.name)}${trouble}`,
    ...queue.messages.flatMap((entry) => entryLines(entry, replyQueues, longest)),
  ];
}

function entryLines(entry: Entry, replyQueues: ReadonlyMap<string, QueueState>, longest: number): string[] {
  const call = readCall(entry.payload);
  const trimmed = (text: string): string => Array.from(text).slice(0, longest).join('');
  const payload =
    call === undefined
      ? [`      - ${trimmed(payloadLine(entry.payload))}`]
      : [
          `      - ${harmless(call.method)}`,
          ...call.params.map((param) => `        - ${trimmed(harmless(writeJson(param)))}`),
        ];
  return [
    `    ${entry.id.id}: request from: ${harmless(entry.origin)} sent ${ago(entry.age)}`,
    ...payload,
    ...replyTo(entry).map((name) => callerLine(name, replyQueues.get(name))),
  ];
}

const replyTo = ({ kind }: Entry): string[] => (kind.type === 'request' ? [kind.replyTo] : []);

function callerLine(name: string, queue: QueueState | undefined): string {
  const shown = harmless(name);
  // One space more, as in the text that scripts know.
  if (queue === undefined) return `       - ${shown} appears to have crashed`;
  const listener = listenerOf(queue);
  switch (listener.type) {
    case 'never':
      return `      - ${shown} has not started`;
    case 'gone':
      return `      - ${shown} crashed or deadlocked ${ago(listener.since)}`;
    case 'listening':
      return `      - ${shown} is waiting for a response`;
  }
}

const SECOND_NS = 1e9;

/** A span of ns that has passed: `1 hour, 2 mins and 3 seconds ago`, `65.3ms ago`. */
function ago(ns: number): string {
  const seconds = Math.floor(ns / SECOND_NS);
  const parts = [
    counted(Math.floor(seconds / 86_400), 'day'),
    counted(Math.floor(seconds / 3600) % 24, 'hour'),
    counted(Math.floor(seconds / 60) % 60, 'min'),
    counted(seconds % 60, 'second'),
  ].flat();
  const last = parts.pop();
  if (last === undefined) return `${short(ns)} ago`;
  return `${parts.length === 0 ? last : `${parts.join(', ')} and ${last}`} ago`;
}

const counted = (count: number, unit: string): string[] =>
  count === 0 ? [] : [`${count} ${unit}${count === 1 ? '' : 's'}`];

/** Below a second, with three digits that count, rounded up. */
function short(ns: number): string {
  const [value, unit] = ns < 1e3 ? [ns, 'ns'] : ns < 1e6 ? [ns / 1e3, 'μs'] : [ns / 1e6, 'ms'];
  const step = value < 10 ? 100 : value < 100 ? 10 : 1;
  return `${Math.ceil(value * step) / step}${unit}`;
}
