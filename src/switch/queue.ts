import { Block, Blocks } from './blocks.ts';
import { type Arrival, type HeldMessage, holdAlone } from './held.ts';
import type { Message } from './protocol.ts';

/** The places of acked messages are closed up when there are this many of them, and more than of those that wait. */
const COMPACT_FROM = 64;

/** One queue: its messages that wait to be acked, in the order of their ids. */
export class Queue {
  readonly name: string;
  /** The session that it goes with; none for a persistent queue. */
  readonly owner: string | undefined;
  #nextId: number;
  /** When the transfer that asked for it last ends, ms since the epoch. */
  nextTransfer: number | undefined;
  /** Somebody has listened on it, now or before a restart. */
  listened = false;
  bytes = 0;
  /** The ids of messages that are accepted and not kept yet, ascending, and the bytes of these. */
  readonly #reserved = new Set<number>();
  #reservedBytes = 0;
  /** The ids of messages whose ends are decided and not kept yet. */
  readonly #ending = new Set<number>();
  /** Ascending; the place of a message that was acked is empty until there are many. */
  readonly #ids: number[] = [];
  /** A message that is held alone, or the block that it lies in. */
  readonly #messages: (HeldMessage | Block | undefined)[] = [];
  /** Where it lies in its block. */
  readonly #places: number[] = [];
  #size = 0;
  /** All places before this one are empty. */
  #first = 0;
  readonly #blocks: Blocks;

  constructor(name: string, owner: string | undefined, firstId: number) {
    this.name = name;
    this.owner = owner;
    this.#nextId = firstId;
    this.#blocks = new Blocks(name);
  }

  get size(): number {
    return this.#size;
  }

  /** The id that the next message gets. */
  get nextId(): number {
    return this.#nextId;
  }

  /** Messages and bytes with what is reserved for those to come. */
  get expectedSize(): number {
    return this.#size + this.#reserved.size;
  }

  get expectedBytes(): number {
    return this.bytes + this.#reservedBytes;
  }

  /** The lowest id of a message that may still come; infinite: all that come are above those that are here. */
  get firstReserved(): number {
    const [first = Number.POSITIVE_INFINITY] = this.#reserved;
    return first;
  }

  reserve(id: number, bytes: number): void {
    this.countFrom(id + 1);
    this.#reserved.add(id);
    this.#reservedBytes += bytes;
  }

  release(id: number, bytes: number): void {
    // It may have been reserved in a queue of this name that is no more.
    if (this.#reserved.delete(id)) this.#reservedBytes -= bytes;
  }

  /** How many of the messages that are here, or are to come, stay. */
  get remaining(): number {
    return this.expectedSize - this.#ending.size;
  }

  isEnding(id: number): boolean {
    return this.#ending.size > 0 && this.#ending.has(id);
  }

  reserveEnd(id: number): void {
    this.#ending.add(id);
  }

  releaseEnd(id: number): void {
    this.#ending.delete(id);
  }

  countFrom(id: number): void {
    this.#nextId = Math.max(this.#nextId, id);
  }

  /** Takes a message in, whose id is above all that are here. */
  add({ id, payload, kind, origin, time }: Message): void {
    this.#add({ id: id.id, kind, origin, time, bytes: payload, start: 0, length: payload.length });
  }

  /** Takes in messages whose payloads lie in the same bytes. */
  addAll(bytes: Buffer, arrivals: readonly Arrival[]): void {
    const kept = this.#blocks.keepAll(bytes, arrivals, this.bytes);
    for (const arrival of arrivals) {
      if (kept === undefined) this.#add(arrival);
      else this.#append(arrival, kept.block, kept.at + arrival.start);
    }
  }

  #add(arrival: Arrival): void {
    const kept = this.#blocks.keep(arrival, this.bytes);
    if (kept === undefined) this.#append(arrival, holdAlone(this.name, arrival), 0);
    else this.#append(arrival, kept.block, kept.at);
  }

  #append({ id, length }: Arrival, held: HeldMessage | Block, place: number): void {
    this.#ids.push(id);
    this.#messages.push(held);
    this.#places.push(place);
    this.#size += 1;
    this.bytes += length;
    this.countFrom(id + 1);
  }

  /** Takes a message out; gives it, unless it is not here. */
  ack(id: number): HeldMessage | undefined {
    const place = this.#placeFrom(id);
    const message = this.#ids[place] === id ? this.#messageAt(place) : undefined;
    if (message === undefined) return undefined;
    const held = this.#messages[place];
    this.#messages[place] = undefined;
    this.#size -= 1;
    this.bytes -= message.length;
    const sparse = this.#blocks.release(held instanceof Block ? held : undefined, message.length, this.bytes);
    if (sparse !== undefined) this.#moveOutOf(sparse);
    if (place === this.#first) this.#skipEmpty();
    const acked = this.#ids.length - this.#size;
    if (acked >= COMPACT_FROM && acked > this.#size) this.#compact();
    return message;
  }

  get(id: number): HeldMessage | undefined {
    const place = this.#placeFrom(id);
    return this.#ids[place] === id ? this.#messageAt(place) : undefined;
  }

  /** The messages whose id is above the cursor, oldest first. */
  *after(cursor: number): Generator<HeldMessage> {
    for (let at = Math.max(this.#first, this.#placeFrom(cursor + 1)); at < this.#messages.length; at += 1) {
      const message = this.#messageAt(at);
      if (message !== undefined) yield message;
    }
  }

  /** At most so many messages above the cursor, oldest first. */
  block(cursor: number, size: number): HeldMessage[] {
    const messages: HeldMessage[] = [];
    if (size <= 0) return messages;
    for (const message of this.after(cursor)) {
      messages.push(message);
      if (messages.length >= size) break;
    }
    return messages;
  }

  messages(): Generator<HeldMessage> {
    return this.after(Number.NEGATIVE_INFINITY);
  }

  /** All messages, newest first. */
  newestFirst(): Message[] {
    return Array.from(this.messages(), (message) => message.toMessage()).reverse();
  }

  #messageAt(place: number): HeldMessage | undefined {
    const held = this.#messages[place];
    return held instanceof Block ? held.message(this.#ids[place] ?? 0, this.#places[place] ?? 0) : held;
  }

  /** The place of the first id that is not below this one. */
  #placeFrom(id: number): number {
    let low = this.#first;
    let high = this.#ids.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ids[middle] ?? 0) < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #skipEmpty(): void {
    while (this.#first < this.#messages.length && this.#messages[this.#first] === undefined) this.#first += 1;
  }

  #compact(): void {
    let to = 0;
    for (let at = this.#first; at < this.#ids.length; at += 1) {
      const held = this.#messages[at];
      if (held === undefined) continue;
      this.#ids[to] = this.#ids[at] ?? 0;
      this.#messages[to] = held;
      this.#places[to] = this.#places[at] ?? 0;
      to += 1;
    }
    this.#ids.length = to;
    this.#messages.length = to;
    this.#places.length = to;
    this.#first = 0;
  }

  /** What is left in a block gets memory of its own. */
  #moveOutOf(block: Block): void {
    for (let place = this.#placeFrom(block.firstId); place < this.#ids.length; place += 1) {
      if ((this.#ids[place] ?? 0) > block.lastId) break;
      if (this.#messages[place] === block) this.#messages[place] = this.#messageAt(place)?.alone();
    }
  }
}
