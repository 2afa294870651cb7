import type { Arrival } from './held.ts';
import type { Kind } from './protocol.ts';
import { REQUEST_SENT } from './record.ts';

export interface RecordedRequests {
  readonly queue: string;
  /** Their payloads lie in the body. */
  readonly requests: readonly Arrival[];
}

/** MessagePack's forms of what stands there. */
const FIX_ARRAY = 0x90;
const ARRAY_16 = 0xdc;
const FIX_STR = 0xa0;
const STR_8 = 0xd9;
const STR_16 = 0xda;
const BIN_8 = 0xc4;
const BIN_16 = 0xc5;
const BIN_32 = 0xc6;
const NIL = 0xc0;
const DOUBLE = 0xcb;
const UINT_8 = 0xcc;
const UINT_16 = 0xcd;
const UINT_32 = 0xce;
/** Lower bytes are integers by themselves. */
const FIRST_NO_INTEGER = 0x80;

const REQUEST_FIELDS = 7;

/**
 * Reads the body of a record that holds nothing but requests to one queue, as most records of a snapshot do where much waits:
 * in half the time that it takes to unpack all and check each field, as there may be millions at a start. Gives
 * nothing when there is anything else in it.
 */
export function readRequests(body: Buffer): RecordedRequests | undefined {
  const reader = new RequestReader(body);
  const requests: Arrival[] = [];
  let queue: string | undefined;
  for (let left = reader.count(); left > 0; left -= 1) {
    const request = reader.request();
    queue ??= reader.queue;
    if (request === undefined || reader.queue !== queue) return undefined;
    requests.push(request);
  }
  return queue !== undefined && reader.isAtEnd ? { queue, requests } : undefined;
}

/** A text, and where it was read. */
interface ReadText {
  text: string;
  start: number;
  length: number;
}

class RequestReader {
  readonly #body: Buffer;
  #at = 0;
  /** The texts of the request before: most are the same again. */
  readonly #queue: ReadText = { text: '', start: 0, length: 0 };
  readonly #origin: ReadText = { text: '', start: 0, length: 0 };
  readonly #replyTo: ReadText = { text: '', start: 0, length: 0 };
  #kind: Kind = { type: 'request', replyTo: '' };

  constructor(body: Buffer) {
    this.#body = body;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#body.length;
  }

  /** That of the request that was read last. */
  get queue(): string {
    return this.#queue.text;
  }

  count(): number {
    const first = this.#byte();
    if (first === ARRAY_16) return this.#integer(2);
    return first >= FIX_ARRAY && first < FIX_STR ? first - FIX_ARRAY : 0;
  }

  request(): Arrival | undefined {
    if (this.#byte() !== FIX_ARRAY + REQUEST_FIELDS || this.#byte() !== REQUEST_SENT) return undefined;
    this.#text(this.#queue);
    const id = this.#number();
    const origin = this.#text(this.#origin);
    const time = this.#number();
    const length = this.#bytesLength();
    const start = this.#at;
    this.#at += length;
    const replyTo = this.#text(this.#replyTo);
    // Wrong forms are read as NaN, and what is cut short ends behind the end.
    if (!Number.isSafeInteger(id) || Number.isNaN(time) || !(this.#at <= this.#body.length)) return undefined;
    if (this.#kind.type !== 'request' || this.#kind.replyTo !== replyTo)
      this.#kind = { type: 'request', replyTo };
    return { id, kind: this.#kind, origin, time, bytes: this.#body, start, length };
  }

  #text(last: ReadText): string {
    const length = this.#textLength();
    const start = this.#at;
    this.#at += length;
    if (length !== last.length || !this.#isSame(last.start, start, length)) {
      last.text = this.#body.toString('utf8', start, this.#at);
      last.length = length;
    }
    last.start = start;
    return last.text;
  }

  #isSame(one: number, other: number, length: number): boolean {
    const body = this.#body;
    for (let at = 0; at < length; at += 1) if (body[one + at] !== body[other + at]) return false;
    return true;
  }

  #textLength(): number {
    const first = this.#byte();
    if (first >= FIX_STR && first < NIL) return first - FIX_STR;
    if (first === STR_8) return this.#integer(1);
    return first === STR_16 ? this.#integer(2) : this.#wrong();
  }

  #bytesLength(): number {
    const first = this.#byte();
    if (first === BIN_8) return this.#integer(1);
    if (first === BIN_16) return this.#integer(2);
    return first === BIN_32 ? this.#integer(4) : this.#wrong();
  }

  #number(): number {
    const first = this.#byte();
    if (first < FIRST_NO_INTEGER) return first;
    switch (first) {
      case DOUBLE:
        this.#at += 8;
        return this.#at <= this.#body.length ? this.#body.readDoubleBE(this.#at - 8) : this.#wrong();
      case UINT_8:
        return this.#integer(1);
      case UINT_16:
        return this.#integer(2);
      case UINT_32:
        return this.#integer(4);
      default:
        return this.#wrong();
    }
  }

  /** So many bytes, the highest first. */
  #integer(bytes: number): number {
    let value = 0;
    for (let left = bytes; left > 0; left -= 1) value = value * 256 + this.#byte();
    return value;
  }

  #byte(): number {
    const byte = this.#body[this.#at] ?? 0;
    this.#at += 1;
    return byte;
  }

  /** Nothing that is read from now on is right. */
  #wrong(): number {
    this.#at = Number.NaN;
    return 0;
  }
}
