import { setDeadline } from '../deadline.ts';
import { type Message, type MessageId, SwitchLost, type SwitchPushClient, SwitchRefused } from './client.ts';

/** Calls and services on a `SwitchPushClient` that is logged in. */

/** What a call came to. */
export type CallOutcome =
  | { readonly type: 'answered'; readonly answer: Buffer }
  | { readonly type: 'no-such-queue' }
  | { readonly type: 'timed-out' };

export interface PushCaller {
  /** Calls a queue, which is not created. `timeout` is in ms. Many calls may be under way. */
  call(queue: string, payload: Buffer, timeout: number): Promise<CallOutcome>;
  /** Removes the reply queue; calls that are under way time out. */
  leave(): Promise<void>;
}

/** Answers that may be unacked, as they are acked at once. */
const REPLY_CREDIT = 100;

interface Waiting {
  readonly resolve: (outcome: CallOutcome) => void;
  readonly reject: (error: SwitchLost) => void;
}

/** Makes a caller, whose answers come to a transient queue of that name. */
export async function openPushCaller(client: SwitchPushClient, replyQueue: string): Promise<PushCaller> {
  const waiting = new Map<string, Waiting>();
  /** Calls that don't know the id of their request yet, and answers that one of them may wait for. */
  let publishing = 0;
  const early = new Map<string, Buffer>();
  let lost: SwitchLost | undefined;
  client.lost.then((reason) => {
    lost = new SwitchLost(reason);
    for (const { reject } of waiting.values()) reject(lost);
  });
  await client.create(replyQueue, 'transient');
  await client.subscribe([replyQueue], { credit: REPLY_CREDIT }, ({ id, kind, payload }) => {
    // When the connection is lost, that is told to the calls.
    client.ack(id).catch(() => {});
    if (kind.type !== 'response') return;
    const asked = key(kind.to);
    if (waiting.has(asked)) waiting.get(asked)?.resolve({ type: 'answered', answer: payload });
    else if (publishing > 0) early.set(asked, payload);
  });

  const answerTo = (asked: string): Promise<CallOutcome> =>
    new Promise((resolve, reject) => {
      const answer = early.get(asked);
      if (answer !== undefined) resolve({ type: 'answered', answer });
      // The id may have come together with the end of the connection: then nobody is told any more.
      else if (lost !== undefined) reject(lost);
      else waiting.set(asked, { resolve, reject });
    });

  const ask = async (
    queue: string,
    payload: Buffer,
  ): Promise<{ readonly asked: string; readonly answered: Promise<CallOutcome> } | undefined> => {
    publishing += 1;
    try {
      const id = await client.publish(queue, { type: 'request', replyTo: replyQueue }, payload);
      if (id === undefined) return undefined;
      const asked = key({ queue, id });
      return { asked, answered: answerTo(asked) };
    } finally {
      publishing -= 1;
      if (publishing === 0) early.clear();
    }
  };

  const call = async (
    queue: string,
    payload: Buffer,
    tooLate: Promise<CallOutcome>,
  ): Promise<CallOutcome> => {
    const request = await ask(queue, payload);
    if (request === undefined) return { type: 'no-such-queue' };
    try {
      return await Promise.race([request.answered, tooLate]);
    } finally {
      waiting.delete(request.asked);
    }
  };

  return {
    call: async (queue, payload, timeout) => {
      const { promise: tooLate, resolve } = Promise.withResolvers<CallOutcome>();
      const deadline = setDeadline(() => resolve({ type: 'timed-out' }), timeout);
      try {
        return await Promise.race([call(queue, payload, tooLate), tooLate]);
      } finally {
        deadline.clear();
      }
    },
    leave: () => client.destroy(replyQueue),
  };
}

const key = ({ queue, id }: MessageId): string => `${id} ${queue}`;

export interface PushServiceOptions {
  readonly queue: string;
  /** Requests that are under way at the same time; further ones wait in the queue. */
  readonly concurrency: number;
  /** Gives the answer to a request. Never rejects. */
  readonly answer: (message: Message) => Buffer | Promise<Buffer>;
  /** Told of an answer that the switch does not take, and why: the request is done with all the same. */
  readonly refused: (message: Message, reason: string) => void;
}

/**
 * Serves a queue, which is created if it isn't there. A request is acked when its answer is with the switch: one that was
 * under way when the connection is lost is delivered again to whoever serves the queue next. Gives what ends it.
 */
export async function servePush(
  client: SwitchPushClient,
  { queue, concurrency, answer, refused }: PushServiceOptions,
): Promise<() => Promise<void>> {
  const underWay = new Set<Promise<void>>();
  const respond = async (message: Message): Promise<void> => {
    const { id, kind } = message;
    try {
      if (kind.type === 'request') {
        // A caller that has gone has no queue any more: its answer is dropped, as the protocol has it.
        await client.publish(kind.replyTo, { type: 'response', to: id }, await answer(message));
      }
    } catch (error) {
      if (!(error instanceof SwitchRefused)) throw error;
      refused(message, error.message);
    }
    await client.ack(id);
  };
  await client.create(queue, 'persistent');
  const subscription = await client.subscribe([queue], { credit: concurrency }, (message) => {
    // When the connection is lost before the ack, the request is delivered again.
    const answered: Promise<void> = respond(message)
      .catch(() => {})
      .finally(() => underWay.delete(answered));
    underWay.add(answered);
  });
  return async () => {
    await subscription.end();
    await Promise.all(underWay);
  };
}
