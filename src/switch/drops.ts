import { type BrokerLimits, type LimitReached, noRoom } from './limits.ts';
import type { Listeners } from './listeners.ts';
import type { Kind, Message, MessageId, Operation } from './protocol.ts';
import type { Queue } from './queue.ts';
import type { Queues } from './queues.ts';
import { timeByQueue } from './rules.ts';

/** How often it is looked for messages whose time is over, in ms. */
export const LOOK_INTERVAL_MS = 1000;

/** Makes the payload that tells a caller that its request fails, of the request's payload and the reason. */
export type FailureAnswer = (request: Buffer, reason: string) => Buffer;

/** Messages that end without having been fetched: nobody listens, their time is over, or nobody waits for the reply. */
export class Drops {
  readonly #limits: BrokerLimits;
  readonly #queues: Queues;
  readonly #listeners: Listeners;
  readonly #failureAnswer: FailureAnswer;
  readonly #waitFor: (queue: string) => number;
  readonly #keepFor: (queue: string) => number;

  constructor(limits: BrokerLimits, queues: Queues, listeners: Listeners, failureAnswer: FailureAnswer) {
    this.#limits = limits;
    this.#queues = queues;
    this.#listeners = listeners;
    this.#failureAnswer = failureAnswer;
    this.#waitFor = timeByQueue(limits.noListener);
    this.#keepFor = timeByQueue(limits.messageTtl);
  }

  /** Whether time alone can end a message. */
  get dependOnTime(): boolean {
    return this.#limits.noListener.length > 0 || this.#limits.messageTtl.length > 0;
  }

  /** The end of a queue, and of the requests that nobody has fetched and whose replies would have come to it. */
  removal(name: string, now: number): Operation[] {
    if (this.#queues.find(name) === undefined) return [];
    return [{ type: 'queue-removed', queue: name }, ...this.#drop(this.#queues.awaiting(name), now)];
  }

  /** Whether a request to this queue fails at once. */
  failsAtOnce(queue: string): boolean {
    return this.#waitFor(queue) === 0 && !this.#listeners.has(queue);
  }

  /**
   * What tells the caller of a request that it fails: nothing when its reply queue is not there; or why there is no room for
   * it.
   */
  failure(id: MessageId, kind: Kind, payload: Buffer, now: number): Operation[] | LimitReached {
    const replies = kind.type === 'request' ? this.#queues.find(kind.replyTo) : undefined;
    if (replies === undefined) return [];
    // Looked at first without the text, which takes its time where many wait for room.
    const full = noRoom(replies, 0, this.#limits);
    if (full !== undefined) return full;
    const text = this.#failureAnswer(payload, `nobody listens on the queue ${id.queue}`);
    const tooFull = noRoom(replies, text.length, this.#limits);
    if (tooFull !== undefined) return tooFull;
    const message: Message = {
      id: { queue: replies.name, id: replies.nextId },
      payload: text,
      kind: { type: 'response', to: id },
      origin: SWITCH,
      time: now,
    };
    return [{ type: 'message-sent', message }];
  }

  /** The ends of all messages whose time is over: a commit for each that fails, and one for all that are dropped. */
  *overdue(now: number): Generator<Operation[]> {
    const expired: Message[] = [];
    for (const queue of this.#queues.all()) {
      const fails = this.#failsBefore(queue, now);
      const expires = now - this.#keepFor(queue.name);
      if (fails === Number.NEGATIVE_INFINITY && expires === Number.NEGATIVE_INFINITY) continue;
      for (const message of this.#unfetchedUntil(queue, Math.max(fails, expires))) {
        const { id, kind, payload, time } = message;
        if (time <= fails && kind.type === 'request') {
          const failure = this.failure(id, kind, payload, now);
          // Where there is no room, it waits for some.
          if (!('limit' in failure)) yield [{ type: 'message-acked', id }, ...failure];
        } else if (time <= expires) expired.push(message);
      }
    }
    if (expired.length > 0) yield this.#drop(expired, now);
  }

  /** Requests from before this time fail, for want of a listener. */
  #failsBefore({ name }: Queue, now: number): number {
    const wait = this.#waitFor(name);
    if (wait === Number.POSITIVE_INFINITY || this.#listeners.has(name)) return Number.NEGATIVE_INFINITY;
    const left = this.#listeners.leftAt(name) ?? Number.NEGATIVE_INFINITY;
    return left + wait > now ? Number.NEGATIVE_INFINITY : now - wait;
  }

  #unfetchedUntil(queue: Queue, time: number): Message[] {
    const messages: Message[] = [];
    for (const message of queue.messages()) {
      // Oldest first: what follows has more time left.
      if (message.time > time) break;
      if (message.state === 'waiting' && !this.#queues.isEnding(message.id)) messages.push(message);
    }
    return messages;
  }

  /** Ends messages, and keeps them where dropped ones are kept. */
  #drop(dropped: readonly Message[], now: number): Operation[] {
    const messages = dropped.filter(({ id }) => !this.#queues.isEnding(id));
    const ends = messages.map(({ id }): Operation => ({ type: 'message-acked', id }));
    const { deadLetter, maxDeadLetters } = this.#limits;
    const kept = messages.filter(({ id }) => id.queue !== deadLetter);
    if (deadLetter === '' || kept.length === 0) return ends;
    const queue = this.#queues.find(deadLetter);
    const first = queue?.nextId ?? this.#queues.newQueueId;
    const letters = kept.slice(-maxDeadLetters).map(
      ({ id, payload, origin }, at): Operation => ({
        type: 'message-sent',
        message: {
          id: { queue: deadLetter, id: first + at },
          payload,
          kind: { type: 'response', to: id },
          origin,
          time: now,
        },
      }),
    );
    const surplus = Math.max(0, (queue?.remaining ?? 0) + letters.length - maxDeadLetters);
    const oldest = queue === undefined || surplus === 0 ? [] : this.#oldest(queue, surplus);
    return [
      ...ends,
      ...(queue === undefined
        ? [{ type: 'queue-created', queue: deadLetter, owner: undefined } as const]
        : oldest.map(({ id }): Operation => ({ type: 'message-acked', id }))),
      ...letters,
    ];
  }

  /** At most so many of those that stay. */
  #oldest(queue: Queue, count: number): Message[] {
    const messages: Message[] = [];
    for (const message of queue.messages()) {
      if (!this.#queues.isEnding(message.id)) messages.push(message);
      if (messages.length === count) break;
    }
    return messages;
  }
}

/** The sender of what the switch itself says. */
const SWITCH = 'datapathd';
