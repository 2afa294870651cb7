import { createInterface } from 'node:readline/promises';
import { type Entry, type QueueState, readSent } from '../answers.ts';
import { askState, type StateView } from '../ask-state.ts';
import { asMessageNumber, asText, defineCommand, queueArgument } from '../command.ts';
import type { SwitchConnection } from '../connection.ts';
import { type Context, request, sessionName, withConnection } from '../context.ts';
import { Failure, noSuchQueue } from '../exit.ts';
import { listenerJson } from '../listener.ts';
import { entryJson, idText } from '../message-json.ts';
import { cut, harmless, payloadLine, plural, size, span, table } from '../text.ts';

/** Commands about what waits in one queue. */

/** In characters. */
const LONGEST_PAYLOAD = 60;

/** The longest character of UTF-8, in bytes. */
const CHARACTER_BYTES = 4;

/** Payloads with a character more than is shown of them: it tells that there is more. */
const CUT: StateView = { payloads: CHARACTER_BYTES * (LONGEST_PAYLOAD + 1) };

const WITHOUT_PAYLOADS: StateView = { payloads: 0 };

export const queueShowCommand = defineCommand({
  name: 'queue show',
  summary: 'list the messages that wait in a queue, oldest first',
  details: [
    'Of each its number, whether it is a request or a response, its sender, where its answer goes or what it answers, since when it waits, its size and its payload, which is cut, but with --verbose.',
    'A message that was fetched waits until it is acknowledged, so what is under way is listed too.',
  ],
  arguments: { queue: queueArgument('the queue') },
  options: {},
  run: ({ queue }, context) =>
    withConnection(context, undefined, async (connection) => {
      const state = await stateOf(connection, queue, context.json || context.verbose ? {} : CUT);
      const entries = oldestFirst(state);
      if (context.json) {
        const messages = entries.map(entryJson);
        return context.printJson({
          queue,
          transient: state.transient,
          ...listenerJson(state),
          messages,
        });
      }
      return context.print(messageTable(entries, context.verbose));
    }),
});

function messageTable(entries: readonly Entry[], verbose: boolean): string {
  if (entries.length === 0) return 'no messages wait\n';
  const rows = entries.map(({ id, kind, origin, age, bytes, payload }) => [
    `${id.id}`,
    kind.type,
    harmless(origin),
    harmless(kind.type === 'request' ? kind.replyTo : idText(kind.to)),
    span(age / 1e6),
    size(bytes),
    verbose ? payloadLine(payload) : cut(payloadLine(payload), LONGEST_PAYLOAD),
  ]);
  return table([['ID', 'KIND', 'SENDER', 'REPLY TO/ANSWERS', 'AGE', 'SIZE', 'PAYLOAD'], ...rows], [0, 4, 5]);
}

export const queuePurgeCommand = defineCommand({
  name: 'queue purge',
  summary: 'acknowledge all messages that wait in a queue, so that nobody runs them',
  details: [
    'On a terminal it asks first. Callers whose requests are purged are not told: they wait until their own time is over. Messages that come meanwhile stay.',
  ],
  arguments: { queue: queueArgument('the queue') },
  options: { yes: { doc: 'do not ask' } },
  run: ({ queue, yes }, context) =>
    withConnection(context, sessionName(), async (connection) => {
      const { messages } = await stateOf(connection, queue, WITHOUT_PAYLOADS);
      const question = `Acknowledge ${plural(messages.length, 'message')} of ${harmless(queue)}? [y/N] `;
      if (!yes && messages.length > 0 && !(await confirmed(question))) {
        throw new Failure('failed', 'nothing was purged');
      }
      for (const { id } of messages) await ack(connection, id);
      if (context.json) await context.printJson({ queue, purged: messages.length });
      else await context.print(`${plural(messages.length, 'message')} purged\n`);
    }),
});

/** Who can't answer is not asked. */
async function confirmed(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) return true;
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  // Ctrl-C and Ctrl-D take the question back.
  const answer = await asking.question(question).catch(() => '');
  asking.close();
  return /^y(es)?$/i.test(answer.trim());
}

export const queueRequeueCommand = defineCommand({
  name: 'queue requeue',
  summary: 'send a message that waits again, as the last of its queue or of another one',
  details: [
    'It is sent with the same payload and the same reply queue, gets a new number, which is printed, and the old one is acknowledged. It is sent first: if that fails the old one is still there.',
    'An answer names the number of the message that it answers. A caller that looks for the old number, as the clients of xapi do, does not take the answer to the new one for its own.',
  ],
  arguments: {
    queue: queueArgument('the queue of the message'),
    id: { doc: 'the number of the message, as queue show tells it', read: asMessageNumber },
  },
  options: {
    to: {
      doc: 'the queue to send it to, which must be there; by default its own',
      value: 'queue',
      read: asText,
      completion: 'queue',
    },
  },
  run: ({ queue, id, to = queue }, context) =>
    withConnection(context, sessionName(), (connection) => requeue(connection, queue, id, to, context)),
});

async function requeue(
  connection: SwitchConnection,
  queue: string,
  id: number,
  to: string,
  context: Context,
): Promise<void> {
  const { messages } = await stateOf(connection, queue, {});
  const entry = messages.find((message) => message.id.id === id);
  if (entry === undefined) {
    throw new Failure('failed', `no message ${id} waits in ${queue}: datapathctl queue show tells which do`);
  }
  const sent = readSent(await request(connection, 'POST', sendTarget(entry, to), entry.payload));
  if (sent === undefined) throw noSuchQueue(to);
  await ack(connection, entry.id);
  if (context.json) await context.printJson({ from: entry.id, to: sent });
  else await context.print(`${harmless(idText(sent))}\n`);
}

function sendTarget({ kind }: Entry, to: string): string {
  const queue = encodeURIComponent(to);
  return kind.type === 'request'
    ? `/request/${queue}/${encodeURIComponent(kind.replyTo)}`
    : `/response/${queue}/${encodeURIComponent(kind.to.queue)}/${kind.to.id}`;
}

async function ack(connection: SwitchConnection, { queue, id }: Entry['id']): Promise<void> {
  await request(connection, 'GET', `/ack/${encodeURIComponent(queue)}/${id}`);
}

async function stateOf(connection: SwitchConnection, name: string, view: StateView): Promise<QueueState> {
  const { queues } = await askState(connection, { ...view, queue: name });
  const found = queues.find((queue) => queue.name === name);
  if (found === undefined) throw noSuchQueue(name);
  return found;
}

/** By number: which of them a switch lists first differs. */
const oldestFirst = ({ messages }: QueueState): Entry[] => messages.toSorted((a, b) => a.id.id - b.id.id);
