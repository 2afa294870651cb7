import { type Message, readTransferred } from './answers.ts';
import type { SwitchConnection } from './connection.ts';
import { refusalText, request } from './context.ts';
import { idText } from './message-json.ts';

export interface ServingOptions {
  readonly queue: string;
  readonly lifetime: 'persistent' | 'transient';
  /** Requests that are under way at the same time; further ones wait in the queue. */
  readonly concurrency: number;
  /** Gives the answer to a request. Never rejects. */
  readonly answer: (message: Message) => Promise<string | Buffer>;
  /** Gives another one, where the switch does not take that. */
  readonly refused: (message: Message, reason: string) => string;
  /** What an earlier serving left, and this one leaves. */
  readonly undelivered: Undelivered;
  /** Where transfers wait, and where answers go: two connections of one session. */
  readonly waiting: SwitchConnection;
  readonly answering: SwitchConnection;
}

/** Answers that may not be with the switch, by their requests: those come again, and are not carried out twice. */
export type Undelivered = Map<string, Kept>;

interface Kept {
  readonly message: Message;
  answer: string | Buffer;
  /** How often it was sent. */
  sent: number;
}

/** A transfer waits this long, and then the next one: so a queue that somebody destroyed is there again soon. */
const TRANSFER_TIMEOUT_SECONDS = 10;

/** A switch may close the connection of whom it refuses, before that has sent all and can read why. */
const MOST_SENDINGS = 2;

/**
 * Serves a queue until a connection is lost, and rejects then. A request is acked when its answer is with the switch:
 * one that was under way is fetched again by whoever serves the queue next.
 */
export async function serveQueue(options: ServingOptions): Promise<never> {
  const { queue, lifetime, concurrency, waiting } = options;
  const underWay = new Set<Promise<void>>();
  // An answer that can't be sent ends the waiting for requests at once.
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {});
  let taken: string | undefined;
  try {
    for (;;) {
      const wanted = JSON.stringify({
        // With nothing under way, all that is here is new, also where ids have begun again at 0.
        from: underWay.size === 0 ? undefined : taken,
        timeout: TRANSFER_TIMEOUT_SECONDS,
        queues: [queue],
      });
      await request(waiting, 'GET', `/${lifetime}/${encodeURIComponent(queue)}`);
      const transfer = request(waiting, 'POST', '/transfer', wanted, TRANSFER_TIMEOUT_SECONDS);
      const { messages, next } = readTransferred(await Promise.race([failed.promise, transfer]));
      if (taken === undefined) forgetOthers(options.undelivered, messages);
      taken = next;
      for (const message of messages) {
        const answered: Promise<void> = answerMessage(message, options)
          .catch(failed.reject)
          .finally(() => underWay.delete(answered));
        underWay.add(answered);
        if (underWay.size >= concurrency) await Promise.race([failed.promise, ...underWay]);
      }
    }
  } finally {
    await Promise.all(underWay);
  }
}

/** What does not come again when all is asked for was answered or is gone. */
function forgetOthers(undelivered: Undelivered, messages: readonly Message[]): void {
  const here = new Set(messages.map(({ id }) => idText(id)));
  for (const key of undelivered.keys()) if (!here.has(key)) undelivered.delete(key);
}

async function answerMessage(message: Message, options: ServingOptions): Promise<void> {
  const { id, kind } = message;
  const key = idText(id);
  const queue = encodeURIComponent(id.queue);
  if (kind.type === 'request') {
    const target = `/response/${encodeURIComponent(kind.replyTo)}/${queue}/${id.id}`;
    await deliver(target, await keptAnswer(message, key, options), options);
  }
  await request(options.answering, 'GET', `/ack/${queue}/${id.id}`);
  options.undelivered.delete(key);
}

async function keptAnswer(message: Message, key: string, options: ServingOptions): Promise<Kept> {
  const { undelivered, answer, refused } = options;
  const earlier = undelivered.get(key);
  // Where ids have begun again at 0, another request may have the number.
  if (earlier === undefined || !earlier.message.payload.equals(message.payload)) {
    const kept = { message, answer: await answer(message), sent: 0 };
    undelivered.set(key, kept);
    return kept;
  }
  if (earlier.sent >= MOST_SENDINGS) {
    earlier.answer = refused(message, 'the connection to the switch was lost each time that it was sent');
  }
  return earlier;
}

/** A caller that has gone has no queue any more: its answer is dropped, as the protocol has it. */
async function deliver(target: string, kept: Kept, { answering, refused }: ServingOptions): Promise<void> {
  kept.sent += 1;
  const { status, body } = await answering.ask('POST', target, kept.answer);
  if (status === 200) return;
  // It may be too large. When the next one is refused as well, the reply queue is full: its owner does not read.
  kept.answer = refused(kept.message, refusalText(status, body));
  await answering.ask('POST', target, kept.answer);
}
