import type { Kind, Message, MessageId } from './protocol.ts';

/** Memory with the payload of a message, or those of several that follow each other in a queue. */
export interface Block {
  readonly bytes: Buffer;
  /** Bytes of payloads that are still held. */
  live: number;
  /** The ids of the messages whose payloads it was given lie between these. */
  readonly firstId: number;
  lastId: number;
}

/**
 * A message as it is held, in little memory: there may be millions. What would be an object of its own, its id and
 * its payload, is made when it is asked for.
 */
export class HeldMessage implements Message {
  readonly number: number;
  /** The same object for all that have the same reply queue. */
  kind: Kind;
  readonly origin: string;
  readonly time: number;
  readonly length: number;
  /** `fetched`: given to somebody who may be working on it. */
  state: 'waiting' | 'fetched' | 'gone' = 'waiting';
  readonly #queue: string;
  #block: Block;
  #at: number;

  constructor(queue: string, { id, kind, time, payload }: Message, origin: string, block: Block, at: number) {
    this.#queue = queue;
    this.number = id.id;
    this.kind = kind;
    this.origin = origin;
    this.time = time;
    this.length = payload.length;
    this.#block = block;
    this.#at = at;
  }

  get id(): MessageId {
    return { queue: this.#queue, id: this.number };
  }

  get payload(): Buffer {
    const { bytes } = this.#block;
    return bytes.length === this.length ? bytes : bytes.subarray(this.#at, this.#at + this.length);
  }

  toMessage(): Message {
    const { id, payload, kind, origin, time } = this;
    return { id, payload, kind, origin, time };
  }

  get block(): Block {
    return this.#block;
  }

  /** Its payload has been copied there. */
  moveTo(block: Block, at: number): void {
    this.#block = block;
    this.#at = at;
  }
}
