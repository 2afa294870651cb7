import { isUtf8 } from 'node:buffer';
import { WireFault } from './fault.ts';

/** What `scan` gives while the message has not ended. */
export const NOT_YET = -1;

export interface MessagePackLimits {
  readonly maxRequestBytes: number;
  readonly maxDepth: number;
  /** Binary data has a place in the messages. */
  readonly binary?: boolean;
  /** What the limits come from, for the texts; the settings `sockets.<name>` where it is not said. */
  readonly names?: { readonly bytes: string; readonly depth: string };
}

const SETTINGS = { bytes: 'sockets.maxRequestBytes', depth: 'sockets.maxDepth' };

/**
 * Finds where a MessagePack message ends, and refuses what has no place in a `Value` before a decoder sees it:
 * extensions, binary data unless that is asked for, the unused byte 0xc1, names of members that are no text. Counts and lengths are checked
 * against the limits before anything is made of them. Each byte is looked at once: an item that is not whole yet
 * is begun again, from its few bytes of header.
 *
 * What the first byte of an item says, in the specification's order of formats:
 *
 *     00–7f integer    80–8f map      90–9f array    a0–bf text     e0–ff integer
 *     c0 nil           c2 c3 boolean  c4–c6 binary   c7–c9 d4–d8 extension
 *     ca cb float      cc–cf d0–d3 integer           d9–db text     dc dd array     de df map
 */
export class MessagePackScanner {
  /** Name–value pairs in all maps of the message. */
  members = 0;
  /** The message holds an integer in a format of 64 bits. */
  wide = false;
  /** After `NOT_YET`: the place behind the last whole item, where the next scan goes on. */
  scanned = 0;
  readonly #limits: MessagePackLimits;
  readonly #formats: Formats;
  /** For each container that is open: the items still to come, and whether it is a map. */
  readonly #left: number[] = [];
  readonly #maps: boolean[] = [];
  #depth = 0;

  constructor(limits: MessagePackLimits) {
    this.#limits = limits;
    this.#formats = limits.binary === true ? FORMATS_WITH_BINARY : FORMATS;
  }

  /** Forgets the message, for the next one. */
  reset(): void {
    this.members = 0;
    this.wide = false;
    this.#depth = 0;
  }

  /** Goes on at `from`. Gives the place behind the message, or `NOT_YET`. `start` is where the message began. */
  scan(buffer: Buffer, start: number, from: number, to: number): number | WireFault {
    const maxEnd = start + this.#limits.maxRequestBytes;
    let at = from;
    while (at < to) {
      const item = readHeader(buffer, at, to, this.#formats);
      if (typeof item === 'string') return new WireFault('malformed', item);
      if (item === undefined) break;
      if (this.#depth === 0 && item.kind !== 'array') {
        return new WireFault('malformed', 'a message is no array');
      }
      const bodyEnd = item.bodyStart + item.bytes;
      // Each item that is still to come takes a byte at least.
      if (bodyEnd + item.items > maxEnd) return this.#tooLarge();
      if (bodyEnd > to) break;
      this.wide ||= buffer[at] === UINT64 || buffer[at] === INT64;
      const fault = this.#account(buffer, item);
      if (fault !== undefined) return fault;
      at = bodyEnd;
      if (this.#depth === 0) return at;
    }
    this.scanned = at;
    return NOT_YET;
  }

  /** Notes a whole item: one less to come in its container, and a container of its own if it is one. */
  #account(buffer: Buffer, item: Item): WireFault | undefined {
    const top = this.#depth - 1;
    const left = this.#left[top] ?? 0;
    const isName = this.#maps[top] === true && left % 2 === 0;
    if (item.kind === 'text') {
      const wrong = refusedText(buffer, item, isName);
      if (wrong !== undefined) return new WireFault('malformed', wrong);
    } else if (isName) {
      return new WireFault('malformed', 'the name of a member is no text');
    }
    if (top >= 0) this.#left[top] = left - 1;
    if (item.kind === 'array' || item.kind === 'map') {
      const fault = this.#open(item.kind, item.items);
      if (fault !== undefined) return fault;
    }
    while (this.#depth > 0 && this.#left[this.#depth - 1] === 0) this.#depth -= 1;
    return undefined;
  }

  #open(kind: 'array' | 'map', items: number): WireFault | undefined {
    const { maxDepth, names = SETTINGS } = this.#limits;
    if (this.#depth === maxDepth) {
      return new WireFault('limit', `nested deeper than ${names.depth} (${maxDepth})`);
    }
    this.#left[this.#depth] = items;
    this.#maps[this.#depth] = kind === 'map';
    this.#depth += 1;
    if (kind === 'map') this.members += items / 2;
    return undefined;
  }

  #tooLarge(): WireFault {
    const { maxRequestBytes, names = SETTINGS } = this.#limits;
    return new WireFault('limit', `a message of more than ${names.bytes} (${maxRequestBytes}) bytes`);
  }
}

/** Texts are UTF-8; the name of a member is not one that objects treat in a way of their own. */
function refusedText(buffer: Buffer, { bodyStart, bytes }: Item, isName: boolean): string | undefined {
  const end = bodyStart + bytes;
  let high = 0;
  for (let at = bodyStart; at < end; at += 1) high |= buffer[at] ?? 0;
  if (high > 0x7f && !isUtf8(buffer.subarray(bodyStart, end))) return 'a text is no UTF-8';
  if (isName && bytes === PROTO.length && buffer.toString('latin1', bodyStart, end) === PROTO) {
    return `the name ${PROTO} is refused`;
  }
  return undefined;
}

const PROTO = '__proto__';
const UINT64 = 0xcf;
const INT64 = 0xd3;

/** One item: what it is, how many bytes stand behind its header, how many items are inside it. */
interface Item {
  readonly kind: 'array' | 'map' | 'text' | 'binary' | 'scalar';
  readonly bodyStart: number;
  readonly bytes: number;
  readonly items: number;
}

/** `undefined`: the header is not whole yet. A text: the item is refused. */
function readHeader(buffer: Buffer, at: number, to: number, formats: Formats): Item | string | undefined {
  const first = buffer[at] ?? 0;
  if (first <= 0x7f || first >= 0xe0) return scalar(at + 1, 0);
  if (first <= 0x8f) return container('map', at + 1, 2 * (first & 0x0f));
  if (first <= 0x9f) return container('array', at + 1, first & 0x0f);
  if (first <= 0xbf) return text(at + 1, first & 0x1f);

  const format = formats[first - 0xc0];
  if (format === undefined)
    return `a message holds ${REFUSED[first] ?? 'an extension'}, which has no place in a call`;
  const [kind, size] = format;
  if (kind === 'scalar') return scalar(at + 1, size);
  if (at + 1 + size > to) return undefined;
  const count = buffer.readUIntBE(at + 1, size);
  const bodyStart = at + 1 + size;
  if (kind === 'text') return text(bodyStart, count);
  if (kind === 'binary') return { kind, bodyStart, bytes: count, items: 0 };
  return container(kind, bodyStart, kind === 'map' ? 2 * count : count);
}

const scalar = (bodyStart: number, bytes: number): Item => ({ kind: 'scalar', bodyStart, bytes, items: 0 });
const text = (bodyStart: number, bytes: number): Item => ({ kind: 'text', bodyStart, bytes, items: 0 });
const container = (kind: 'array' | 'map', bodyStart: number, items: number): Item => ({
  kind,
  bodyStart,
  bytes: 0,
  items,
});

type Format = readonly [kind: Item['kind'], size: number];
type Formats = readonly (Format | undefined)[];
const FLAG: Format = ['scalar', 0];
const bytesOf = (size: number): Format => ['scalar', size];

/** The formats from 0xc0 on: for scalars the size of the value, else the size of the count. Missing: refused. */
const FORMATS: Formats = [
  FLAG, // c0 nil
  undefined, // c1 never used
  FLAG, // c2 false
  FLAG, // c3 true
  undefined, // c4 bin 8
  undefined, // c5 bin 16
  undefined, // c6 bin 32
  undefined, // c7 ext 8
  undefined, // c8 ext 16
  undefined, // c9 ext 32
  bytesOf(4), // ca float 32
  bytesOf(8), // cb float 64
  bytesOf(1), // cc uint 8
  bytesOf(2), // cd uint 16
  bytesOf(4), // ce uint 32
  bytesOf(8), // cf uint 64
  bytesOf(1), // d0 int 8
  bytesOf(2), // d1 int 16
  bytesOf(4), // d2 int 32
  bytesOf(8), // d3 int 64
  undefined, // d4 fixext 1
  undefined, // d5 fixext 2
  undefined, // d6 fixext 4
  undefined, // d7 fixext 8
  undefined, // d8 fixext 16
  ['text', 1], // d9 str 8
  ['text', 2], // da str 16
  ['text', 4], // db str 32
  ['array', 2], // dc array 16
  ['array', 4], // dd array 32
  ['map', 2], // de map 16
  ['map', 4], // df map 32
];

const BIN8 = 0xc4;
const FORMATS_WITH_BINARY: Formats = FORMATS.with(BIN8 - 0xc0, ['binary', 1])
  .with(BIN8 + 1 - 0xc0, ['binary', 2])
  .with(BIN8 + 2 - 0xc0, ['binary', 4]);

const REFUSED: Readonly<Record<number, string>> = {
  193: 'the byte 0xc1',
  196: 'binary data',
  197: 'binary data',
  198: 'binary data',
};
