import type { HeldMessage } from './held.ts';
import type { Kind, MessageId } from './protocol.ts';

/** Messages that are over are taken out of a list when there are this many of them, and more than of the others. */
const COMPACT_FROM = 64;

/** Requests of one queue, by their ids: there may be millions. */
interface Requests {
  readonly queue: string;
  readonly ids: number[];
}

/** Those whose replies should go to the same queue. */
interface Waiting {
  requests: Requests[];
  size: number;
  /** How many of them are fetched or gone. */
  over: number;
}

/** The requests that nobody has fetched yet, by the queue that their replies should go to. */
export class Unfetched {
  readonly #byReplyTo = new Map<string, Waiting>();
  readonly #find: (id: MessageId) => HeldMessage | undefined;

  /** `find` gives a message as long as it is held. */
  constructor(find: (id: MessageId) => HeldMessage | undefined) {
    this.#find = find;
  }

  add(queue: string, id: number, kind: Kind): void {
    if (kind.type !== 'request') return;
    const waiting = this.#byReplyTo.get(kind.replyTo);
    if (waiting === undefined) {
      const requests = [{ queue, ids: [id] }];
      this.#byReplyTo.set(kind.replyTo, { requests, size: 1, over: 0 });
      return;
    }
    waiting.size += 1;
    const same = waiting.requests.find((requests) => requests.queue === queue);
    if (same === undefined) waiting.requests.push({ queue, ids: [id] });
    else same.ids.push(id);
  }

  /** It was fetched, or is gone. */
  remove(message: HeldMessage, state: 'fetched' | 'gone'): void {
    const { kind } = message;
    const isNew = message.state === 'waiting';
    message.state = state;
    if (!isNew || kind.type !== 'request') return;
    const waiting = this.#byReplyTo.get(kind.replyTo);
    if (waiting === undefined) return;
    waiting.over += 1;
    const left = waiting.size - waiting.over;
    if (left === 0) this.#byReplyTo.delete(kind.replyTo);
    else if (waiting.over >= COMPACT_FROM && waiting.over > left) {
      waiting.requests = waiting.requests.flatMap((requests) => {
        const ids = this.#unfetched(requests).map(({ number }) => number);
        return ids.length === 0 ? [] : [{ queue: requests.queue, ids }];
      });
      waiting.size = left;
      waiting.over = 0;
    }
  }

  withReplyTo(queue: string): readonly HeldMessage[] {
    return this.#byReplyTo.get(queue)?.requests.flatMap((requests) => this.#unfetched(requests)) ?? [];
  }

  #unfetched({ queue, ids }: Requests): HeldMessage[] {
    return ids.flatMap((id) => {
      const message = this.#find({ queue, id });
      return message?.state === 'waiting' ? [message] : [];
    });
  }
}
