import type { Kind, Message, MessageId } from './protocol.ts';

/** A message that comes in: its payload are so many bytes from `start` on. */
export interface Arrival extends Pick<Message, 'kind' | 'origin' | 'time'> {
  readonly id: number;
  readonly bytes: Buffer;
  readonly start: number;
  readonly length: number;
}

/** `fetched`: given to somebody who may be working on it. */
export type MessageState = 'waiting' | 'fetched' | 'gone';

/** Memory that several messages lie in. */
export interface Shared {
  stateAt(at: number): MessageState;
  setState(at: number, state: MessageState): void;
}

/** A message as it is held: on its own, or as it is seen in memory that it shares with others of its queue. */
export class HeldMessage implements Message {
  readonly number: number;
  readonly kind: Kind;
  readonly origin: string;
  readonly time: number;
  readonly length: number;
  readonly #queue: string;
  /** The payload, or what it lies in from `#at` on. */
  readonly #bytes: Buffer;
  readonly #at: number;
  readonly #shared: Shared | undefined;
  #state: MessageState = 'waiting';

  constructor(
    queue: string,
    number: number,
    { kind, origin, time }: Pick<Message, 'kind' | 'origin' | 'time'>,
    bytes: Buffer,
    at = 0,
    length = bytes.length,
    shared?: Shared,
  ) {
    this.#queue = queue;
    this.number = number;
    this.kind = kind;
    this.origin = origin;
    this.time = time;
    this.length = length;
    this.#bytes = bytes;
    this.#at = at;
    this.#shared = shared;
  }

  get id(): MessageId {
    return { queue: this.#queue, id: this.number };
  }

  get payload(): Buffer {
    const { length } = this;
    return this.#bytes.length === length ? this.#bytes : this.#bytes.subarray(this.#at, this.#at + length);
  }

  get state(): MessageState {
    return this.#shared?.stateAt(this.#at) ?? this.#state;
  }

  set state(state: MessageState) {
    if (this.#shared === undefined) this.#state = state;
    else this.#shared.setState(this.#at, state);
  }

  toMessage(): Message {
    const { id, payload, kind, origin, time } = this;
    return { id, payload, kind, origin, time };
  }

  /** The same on its own, so that what it shares can be freed. */
  alone(): HeldMessage {
    const bytes = Buffer.allocUnsafeSlow(this.length);
    this.payload.copy(bytes);
    const message = new HeldMessage(this.#queue, this.number, this, bytes);
    message.state = this.state;
    return message;
  }
}

/**
 * Holds a message on its own. A payload that comes from a connection is often a view of a whole packet, many times as large,
 * which it would keep in memory: it is copied.
 */
export function holdAlone(queue: string, arrival: Arrival): HeldMessage {
  const { id, bytes, start, length } = arrival;
  return new HeldMessage(queue, id, arrival, ownBytes(bytes.subarray(start, start + length)));
}

function ownBytes(bytes: Buffer): Buffer {
  if (bytes.length * 2 >= bytes.buffer.byteLength) return bytes;
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}
