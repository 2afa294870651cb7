import type { Message, MessageId } from './answers.ts';
import { idText } from './message-json.ts';

/** What serving a queue is, in whatever protocol. */
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
}

/** Answers that may not be with the switch, by their requests: those come again, and are not carried out twice. */
export type Undelivered = Map<string, Kept>;

interface Kept {
  readonly message: Message;
  answer: string | Buffer;
  /** How often it was sent. */
  sent: number;
}

/** Where answers go. Both reject when the connection is lost. */
export interface Answering {
  /** Sends the answer to a request. Gives the reason when the switch does not take it. */
  respond(replyTo: string, request: MessageId, answer: string | Buffer): Promise<string | undefined>;
  ack(request: MessageId): Promise<void>;
}

/** So often a queue is made that somebody may have destroyed. */
export const CREATED_EVERY_SECONDS = 10;

/** A switch may close the connection of whom it refuses, before that has sent all and can read why. */
const MOST_SENDINGS = 2;

/** The requests that are under way. */
export interface UnderWay {
  readonly size: number;
  /** Answers a request. */
  begin(message: Message): void;
  /** Settles when one is answered. */
  next(): Promise<void>;
  /** Never settles; rejects when an answer can't be sent, which ends the waiting for requests. */
  readonly failed: Promise<never>;
  fail(error: unknown): void;
  /** Settles when none is under way. */
  settled(): Promise<void>;
}

export function answerRequests(options: ServingOptions, answering: Answering): UnderWay {
  const underWay = new Set<Promise<void>>();
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {});
  return {
    get size() {
      return underWay.size;
    },
    begin: (message) => {
      const answered: Promise<void> = answerMessage(message, options, answering)
        .catch(failed.reject)
        .finally(() => underWay.delete(answered));
      underWay.add(answered);
    },
    next: () => Promise.race(underWay),
    failed: failed.promise,
    fail: failed.reject,
    settled: async () => {
      await Promise.all(underWay);
    },
  };
}

/** A request is acked when its answer is with the switch: else it comes again to whoever serves the queue next. */
async function answerMessage(message: Message, options: ServingOptions, answering: Answering): Promise<void> {
  const { id, kind } = message;
  const key = idText(id);
  if (kind.type === 'request') {
    await deliver(kind.replyTo, await keptAnswer(message, key, options), options, answering);
  }
  await answering.ack(id);
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
async function deliver(
  replyTo: string,
  kept: Kept,
  { refused }: ServingOptions,
  { respond }: Answering,
): Promise<void> {
  const { id } = kept.message;
  kept.sent += 1;
  const refusal = await respond(replyTo, id, kept.answer);
  if (refusal === undefined) return;
  // It may be too large. When the next one is refused as well, the reply queue is full: its owner does not read.
  kept.answer = refused(kept.message, refusal);
  await respond(replyTo, id, kept.answer);
}
