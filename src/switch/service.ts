import { setTimeout as pause } from 'node:timers/promises';
import type { SwitchClient, SwitchHost } from './host.ts';
import { FROM_THE_START, type In, type Message } from './protocol.ts';

export interface QueueServiceOptions {
  readonly host: SwitchHost;
  readonly queue: string;
  /** The session under which the queue is served. */
  readonly token: string;
  /** Answers a request's payload with the reply's. Never rejects. */
  readonly answer: (payload: Buffer, message: Taken) => string | Buffer | Promise<string | Buffer>;
  /** The reply to a message is accepted by the switch, or will never be. Absent: nobody wants to know. */
  readonly replied?: (message: Taken) => void;
  /** Answers a request whose answer the switch does not take, with the reason. */
  readonly refusal: (reason: string) => string;
  /** Requests that are under way at the same time; further ones wait in the queue. */
  readonly maxConcurrent: number;
}

/** A message that was taken from a queue; the time when it was accepted is not known of a switch elsewhere. */
export type Taken = Pick<Message, 'id'> & Partial<Pick<Message, 'time'>>;

export interface QueueService {
  /** Takes no more requests; settles when those under way are answered. */
  stop(): Promise<void>;
}

/** A transfer waits this long, and then the next one: so a queue that somebody destroyed is there again soon. */
const TRANSFER_TIMEOUT_MS = 10_000;

/** Serves a queue in this process: a client of the broker like any other, which transfers, answers and acks. */
export function serveQueue(options: QueueServiceOptions): QueueService {
  const client = options.host.connect();
  let stopping = false;
  const served = serve(client, options, () => stopping);
  return {
    stop: async () => {
      stopping = true;
      client.hurry();
      await served;
      client.leave();
    },
  };
}

async function serve(
  client: SwitchClient,
  options: QueueServiceOptions,
  isStopping: () => boolean,
): Promise<void> {
  const { queue, token, maxConcurrent } = options;
  await client.perform({ type: 'login', token });
  const underWay = new Set<Promise<void>>();
  let taken = FROM_THE_START;
  while (!isStopping()) {
    await client.perform({ type: 'create', queue, lifetime: 'persistent' });
    const out = await client.perform({
      type: 'transfer',
      // With nothing under way, all that is here is new, also where ids are low: in a queue that was destroyed and
      // is back they begin again.
      from: underWay.size === 0 ? FROM_THE_START : taken,
      timeout: TRANSFER_TIMEOUT_MS,
      queues: [queue],
    });
    if (out.type !== 'messages') break;
    taken = out.next;
    for (const message of out.messages) {
      // What was fetched and not begun is there for who serves the queue next.
      if (isStopping()) break;
      const answered: Promise<void> = answerMessage(client, message, options, isStopping).finally(() =>
        underWay.delete(answered),
      );
      underWay.add(answered);
      if (underWay.size >= maxConcurrent) await Promise.race(underWay);
    }
  }
  await Promise.all(underWay);
}

async function answerMessage(
  client: SwitchClient,
  message: Message,
  { answer, replied, refusal }: QueueServiceOptions,
  isStopping: () => boolean,
): Promise<void> {
  const { id, kind, payload } = message;
  if (kind.type === 'request') {
    const text = await answer(payload, message);
    const response: Send = {
      type: 'send',
      queue: kind.replyTo,
      kind: { type: 'response', to: id },
      payload: typeof text === 'string' ? Buffer.from(text) : text,
    };
    const isSent = await reply(client, response, refusal, isStopping);
    replied?.(message);
    // Neither answered nor acked, it is there for who serves the queue next.
    if (!isSent) return;
  }
  await client.perform({ type: 'ack', id });
}

type Send = In & { readonly type: 'send' };

/** There may be room again: a reply that the switch has no room for is tried again after this time. */
const RETRY_MS = 1000;
const NO_ROOM = 503;

/**
 * Sends a reply; one that is never taken is replaced by the reason, as its caller waits. False: there was no room until
 * the end. A caller that has gone has no queue any more: its reply is dropped, as the protocol has it.
 */
async function reply(
  client: SwitchClient,
  response: Send,
  refusal: (reason: string) => string,
  isStopping: () => boolean,
): Promise<boolean> {
  for (;;) {
    const out = await client.perform(response);
    if (out.type !== 'refused') return true;
    if (out.status !== NO_ROOM) {
      await client.perform({ ...response, payload: Buffer.from(refusal(out.reason)) });
      return true;
    }
    if (isStopping()) return false;
    await pause(RETRY_MS);
  }
}
