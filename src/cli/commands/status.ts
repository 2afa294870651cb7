import type { QueueState, SwitchState } from '../answers.ts';
import { askState, OLDEST } from '../ask-state.ts';
import { defineCommand } from '../command.ts';
import { withConnection } from '../context.ts';
import { type Listener, listenerOf } from '../listener.ts';
import { harmless, plural, size, span } from '../text.ts';

export const statusCommand = defineCommand({
  name: 'status',
  summary: 'tell in a few lines how the switch is: since when, how many queues, what waits',
  details: [
    'A queue is named under trouble when messages wait in it and nobody listens: nobody ever has, or not for 30 seconds.',
  ],
  arguments: {},
  options: {},
  run: (_given, context) =>
    withConnection(context, undefined, async (connection) => {
      const path = context.path();
      const status = statusOf(await askState(connection, OLDEST));
      return context.json ? context.printJson({ path, ...status }) : context.print(render(path, status));
    }),
});

interface Status {
  readonly uptimeSeconds: number;
  readonly queues: {
    readonly permanent: number;
    readonly transient: number;
    readonly listening: number;
    readonly never: number;
    readonly gone: number;
  };
  readonly waiting: {
    readonly messages: number;
    readonly bytes: number;
    readonly oldest: Oldest | undefined;
  };
  readonly trouble: readonly {
    readonly queue: string;
    readonly messages: number;
    readonly listener: Listener['type'];
  }[];
}

interface Oldest {
  readonly queue: string;
  readonly id: number;
  readonly ageSeconds: number;
}

function statusOf({ uptime, queues }: SwitchState): Status {
  const permanent = queues.filter(({ transient }) => !transient);
  const countOf = (type: Listener['type']): number =>
    permanent.filter((queue) => listenerOf(queue).type === type).length;
  const waiting = queues.map(({ total }) => total);
  return {
    uptimeSeconds: uptime / 1e9,
    queues: {
      permanent: permanent.length,
      transient: queues.length - permanent.length,
      listening: countOf('listening'),
      never: countOf('never'),
      gone: countOf('gone'),
    },
    waiting: {
      messages: waiting.reduce((sum, { messages }) => sum + messages, 0),
      bytes: waiting.reduce((sum, { bytes }) => sum + bytes, 0),
      oldest: oldestOf(queues),
    },
    trouble: permanent
      .map((queue) => ({
        queue: queue.name,
        messages: queue.total.messages,
        listener: listenerOf(queue).type,
      }))
      .filter(({ messages, listener }) => messages > 0 && listener !== 'listening'),
  };
}

function oldestOf(queues: readonly QueueState[]): Oldest | undefined {
  const entries = queues.flatMap(({ messages }) => messages);
  const [first, ...others] = entries;
  if (first === undefined) return undefined;
  const { id, age } = others.reduce((oldest, entry) => (entry.age > oldest.age ? entry : oldest), first);
  return { ...id, ageSeconds: age / 1e9 };
}

function render(path: string, { uptimeSeconds, queues, waiting, trouble }: Status): string {
  const { permanent, transient, listening, never, gone } = queues;
  const { oldest } = waiting;
  const since =
    oldest === undefined
      ? ''
      : `, ${size(waiting.bytes)}; the oldest for ${span(oldest.ageSeconds * 1000)} in ${harmless(oldest.queue)}`;
  const lines = [
    `switch   ${path}, running for ${span(uptimeSeconds * 1000)}`,
    `queues   ${permanent} permanent: ${listening} with a listener, ${never} never listened to, ${gone} whose listener is gone`,
    `         ${transient} transient`,
    `waiting  ${plural(waiting.messages, 'message')}${since}`,
    ...trouble.map(
      ({ queue, messages, listener }) =>
        `trouble  ${plural(messages, 'message')} in ${harmless(queue)}, ${LISTENER_TEXT[listener]}`,
    ),
  ];
  return `${lines.join('\n')}\n`;
}

const LISTENER_TEXT = {
  never: 'which nobody has ever listened to',
  gone: 'whose listener is gone',
  listening: 'which somebody listens to',
} as const;
