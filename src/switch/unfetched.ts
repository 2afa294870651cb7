import type { Message } from './protocol.ts';

/** The requests that nobody has fetched yet, by the queue that their replies should go to. */
export class Unfetched {
  readonly #byReplyTo = new Map<string, Set<Message>>();

  add(message: Message): void {
    if (message.kind.type !== 'request') return;
    const { replyTo } = message.kind;
    const waiting = this.#byReplyTo.get(replyTo);
    if (waiting === undefined) this.#byReplyTo.set(replyTo, new Set([message]));
    else waiting.add(message);
  }

  remove(message: Message): void {
    if (message.kind.type !== 'request') return;
    const { replyTo } = message.kind;
    const waiting = this.#byReplyTo.get(replyTo);
    if (waiting?.delete(message) === true && waiting.size === 0) this.#byReplyTo.delete(replyTo);
  }

  withReplyTo(queue: string): readonly Message[] {
    return [...(this.#byReplyTo.get(queue) ?? [])];
  }
}
