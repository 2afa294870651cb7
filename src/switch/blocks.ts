import { type Arrival, HeldMessage, type MessageState, type Shared } from './held.ts';
import type { Kind } from './protocol.ts';

const BLOCK_BYTES = 256 * 1024;
const LARGEST_SHARED_BYTES = 16 * 1024;
/** A block is given up when less than this part of it is still held. */
const SPARSE = 1 / 4;

/** What stands before each payload: when it came, its length, its kind and origin by their places in lists, its state. */
const HEADER_BYTES = 17;
const LENGTH_AT = 8;
const KIND_AT = 12;
const ORIGIN_AT = 14;
const STATE_AT = 16;

const STATES: readonly MessageState[] = ['waiting', 'fetched', 'gone'];

/** Memory of some messages that follow each other in a queue. */
export class Block implements Shared {
  readonly firstId: number;
  lastId: number;
  /** Bytes of messages that are still held. */
  live = 0;
  readonly #queue: string;
  readonly #bytes = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  readonly #view = new DataView(this.#bytes.buffer);
  #used = 0;
  /** Most messages of a queue come from the same few sessions and are answered to the same few queues. */
  readonly #kinds: Kind[] = [];
  readonly #origins: string[] = [];

  constructor(queue: string, firstId: number) {
    this.#queue = queue;
    this.firstId = firstId;
    this.lastId = firstId;
  }

  /** Takes a message in and gives its place; nothing when there is no room for it. */
  add(arrival: Arrival): number | undefined {
    const { bytes, start, length } = arrival;
    const at = this.#used + HEADER_BYTES;
    if (at + length > BLOCK_BYTES) return undefined;
    bytes.copy(this.#bytes, at, start, start + length);
    this.#used = at + length;
    this.#describe(arrival, at);
    return at;
  }

  /**
   * Takes in messages whose payloads lie in the same bytes, one behind the other with room for what stands before them.
   * Gives where the bytes are now; nothing when there is no room for them.
   */
  addAll(bytes: Buffer, arrivals: readonly Arrival[]): number | undefined {
    const base = this.#used;
    if (base + bytes.length > BLOCK_BYTES) return undefined;
    bytes.copy(this.#bytes, base);
    this.#used = base + bytes.length;
    for (const arrival of arrivals) this.#describe(arrival, base + arrival.start);
    return base;
  }

  /** Notes before its payload what there is to be known of a message. */
  #describe({ id, length, kind, origin, time }: Arrival, at: number): void {
    const start = at - HEADER_BYTES;
    const view = this.#view;
    view.setFloat64(start, time);
    view.setUint32(start + LENGTH_AT, length);
    view.setUint16(start + KIND_AT, placeOf(this.#kinds, kind, isSameKind));
    view.setUint16(start + ORIGIN_AT, placeOf(this.#origins, origin, Object.is));
    view.setUint8(start + STATE_AT, 0);
    this.live += HEADER_BYTES + length;
    this.lastId = id;
  }

  /** The message with this id, at the place that `add` gave. */
  message(id: number, at: number): HeldMessage | undefined {
    const view = this.#view;
    const start = at - HEADER_BYTES;
    const kind = this.#kinds[view.getUint16(start + KIND_AT)];
    const origin = this.#origins[view.getUint16(start + ORIGIN_AT)];
    if (kind === undefined || origin === undefined) return undefined;
    const length = view.getUint32(start + LENGTH_AT);
    const time = view.getFloat64(start);
    return new HeldMessage(this.#queue, id, { kind, origin, time }, this.#bytes, at, length, this);
  }

  stateAt(at: number): MessageState {
    return STATES[this.#view.getUint8(at - HEADER_BYTES + STATE_AT)] ?? 'gone';
  }

  setState(at: number, state: MessageState): void {
    this.#view.setUint8(at - HEADER_BYTES + STATE_AT, STATES.indexOf(state));
  }
}

/** So many of a list are looked through for an equal one. */
const LOOKED_AT = 8;

/** The place in the list of one that is the same, which is added if need be. */
function placeOf<Value>(list: Value[], value: Value, isSame: (a: Value, b: Value) => boolean): number {
  const last = list.length - 1;
  for (let place = last; place >= 0 && place > last - LOOKED_AT; place -= 1) {
    const each = list[place];
    if (each !== undefined && isSame(each, value)) return place;
  }
  return list.push(value) - 1;
}

const isSameKind = (a: Kind, b: Kind): boolean =>
  a.type === 'request' && b.type === 'request' && a.replyTo === b.replyTo;

/** A block, and the place in it where something is held. */
interface Kept {
  readonly block: Block;
  readonly at: number;
}

/**
 * The blocks of one queue. A message of its own takes some 400 bytes beside its payload: where much waits, they share
 * blocks.
 */
export class Blocks {
  readonly #queue: string;
  #current: Block | undefined;

  constructor(queue: string) {
    this.#queue = queue;
  }

  /** Where the message is held; nothing: it is to be held alone. `heldBytes` wait in the queue. */
  keep(arrival: Arrival, heldBytes: number): Kept | undefined {
    if (heldBytes < BLOCK_BYTES || arrival.length > LARGEST_SHARED_BYTES) return undefined;
    return this.#put(arrival.id, (block) => block.add(arrival));
  }

  /** The same for all messages whose payloads lie in the same bytes. Gives where these are. */
  keepAll(bytes: Buffer, arrivals: readonly Arrival[], heldBytes: number): Kept | undefined {
    const [first] = arrivals;
    if (heldBytes < BLOCK_BYTES || bytes.length > BLOCK_BYTES || first === undefined) return undefined;
    let end = 0;
    let payloads = 0;
    for (const { start, length } of arrivals) {
      if (length > LARGEST_SHARED_BYTES || start - end < HEADER_BYTES) return undefined;
      end = start + length;
      payloads += length;
    }
    // What is between them is kept with them.
    if (2 * payloads < bytes.length) return undefined;
    return this.#put(first.id, (block) => block.addAll(bytes, arrivals));
  }

  /** Puts something into the block at hand, or into a new one where there is no room for it. */
  #put(firstId: number, put: (block: Block) => number | undefined): Kept | undefined {
    let block = this.#current ?? new Block(this.#queue, firstId);
    let at = put(block);
    if (at === undefined) {
      block = new Block(this.#queue, firstId);
      at = put(block);
    }
    this.#current = block;
    return at === undefined ? undefined : { block, at };
  }

  /** A message is held no longer. Gives a block from which all that is left is to be moved, so that it can be freed. */
  release(block: Block | undefined, length: number, heldBytes: number): Block | undefined {
    if (block !== undefined) block.live -= HEADER_BYTES + length;
    const current = this.#current;
    if (current !== undefined && heldBytes < BLOCK_BYTES * SPARSE) {
      this.#current = undefined;
      return current;
    }
    if (block === undefined || block === current || block.live === 0) return undefined;
    return block.live < BLOCK_BYTES * SPARSE ? block : undefined;
  }
}
