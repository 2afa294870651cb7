import type { HeldMessage } from './held.ts';
import type { Kind } from './protocol.ts';

/** Messages that are over are taken out of a list when there are this many of them, and more than of the others. */
const COMPACT_FROM = 64;

interface Waiting {
  readonly kind: Kind;
  messages: HeldMessage[];
  /** How many of them are fetched or gone. */
  over: number;
}

/** The requests that nobody has fetched yet, by the queue that their replies should go to. */
export class Unfetched {
  readonly #byReplyTo = new Map<string, Waiting>();

  add(message: HeldMessage): void {
    const { kind } = message;
    if (kind.type !== 'request') return;
    const waiting = this.#byReplyTo.get(kind.replyTo);
    if (waiting === undefined) {
      this.#byReplyTo.set(kind.replyTo, { kind, messages: [message], over: 0 });
      return;
    }
    message.kind = waiting.kind;
    waiting.messages.push(message);
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
    const left = waiting.messages.length - waiting.over;
    if (left === 0) this.#byReplyTo.delete(kind.replyTo);
    else if (waiting.over >= COMPACT_FROM && waiting.over > left) {
      waiting.messages = waiting.messages.filter(isWaiting);
      waiting.over = 0;
    }
  }

  withReplyTo(queue: string): readonly HeldMessage[] {
    return this.#byReplyTo.get(queue)?.messages.filter(isWaiting) ?? [];
  }
}

const isWaiting = ({ state }: HeldMessage): boolean => state === 'waiting';
