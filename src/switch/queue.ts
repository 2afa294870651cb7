import type { Message } from './protocol.ts';

/** Acked ids are taken out of the order when there are this many of them, and as many as of those that wait. */
const COMPACT_FROM = 64;

/** One queue: its messages that wait to be acked, in the order of their ids. */
export class Queue {
  readonly name: string;
  /** The session that it goes with; none for a persistent queue. */
  readonly owner: string | undefined;
  #nextId: number;
  /** When the transfer that asked for it last ends, ms since the epoch. */
  nextTransfer: number | undefined;
  bytes = 0;
  /** Messages that are accepted and not kept yet, and their bytes. */
  #reserved = 0;
  #reservedBytes = 0;
  readonly #messages = new Map<number, Message>();
  /** Ascending; ids that were acked stay until there are many. */
  #order: number[] = [];

  constructor(name: string, owner: string | undefined, firstId: number) {
    this.name = name;
    this.owner = owner;
    this.#nextId = firstId;
  }

  get size(): number {
    return this.#messages.size;
  }

  /** The id that the next message gets. */
  get nextId(): number {
    return this.#nextId;
  }

  /** Messages and bytes with what is reserved for those to come. */
  get expectedSize(): number {
    return this.#messages.size + this.#reserved;
  }

  get expectedBytes(): number {
    return this.bytes + this.#reservedBytes;
  }

  reserve(id: number, bytes: number): void {
    this.countFrom(id + 1);
    this.#reserved += 1;
    this.#reservedBytes += bytes;
  }

  release(bytes: number): void {
    // It may have been reserved in a queue of this name that is no more.
    this.#reserved = Math.max(0, this.#reserved - 1);
    this.#reservedBytes = Math.max(0, this.#reservedBytes - bytes);
  }

  countFrom(id: number): void {
    this.#nextId = Math.max(this.#nextId, id);
  }

  add(message: Message): void {
    const { id } = message.id;
    this.#messages.set(id, message);
    this.#order.push(id);
    this.bytes += message.payload.length;
    this.countFrom(id + 1);
  }

  /** Takes a message out; gives it, unless it is not here. */
  ack(id: number): Message | undefined {
    const message = this.#messages.get(id);
    if (message === undefined) return undefined;
    this.#messages.delete(id);
    this.bytes -= message.payload.length;
    const acked = this.#order.length - this.#messages.size;
    if (acked >= COMPACT_FROM && acked > this.#messages.size) this.#order = [...this.#messages.keys()];
    return message;
  }

  get(id: number): Message | undefined {
    return this.#messages.get(id);
  }

  /** The messages whose id is above the cursor, oldest first. */
  *after(cursor: number): Generator<Message> {
    for (let at = this.#placeAfter(cursor); at < this.#order.length; at += 1) {
      const message = this.#messages.get(this.#order[at] ?? cursor);
      if (message !== undefined) yield message;
    }
  }

  /** At most so many messages above the cursor, oldest first. */
  block(cursor: number, size: number): Message[] {
    const messages: Message[] = [];
    for (const message of this.after(cursor)) {
      if (messages.length >= size) break;
      messages.push(message);
    }
    return messages;
  }

  messages(): IterableIterator<Message> {
    return this.#messages.values();
  }

  /** All messages, newest first. */
  newestFirst(): Message[] {
    return [...this.#messages.values()].reverse();
  }

  #placeAfter(cursor: number): number {
    let low = 0;
    let high = this.#order.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#order[middle] ?? 0) <= cursor) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
