import { WireFault } from './fault.ts';

/** What `scan` gives while the text has not ended. */
export const NOT_YET = -1;

export interface JsonLimits {
  readonly maxDepth: number;
}

/**
 * Finds where a JSON text ends, byte by byte, without reading what it says: brackets outside of strings are matched,
 * and a text that is no array or object ends at white space or a bracket. It also notes what is cheaper to see here
 * than later: how many members all objects have, whether all bytes are ASCII, and whether a number may be too long for
 * a double.
 */
export class JsonScanner {
  /** Name–value pairs in all objects of the text: a reader that finds fewer has lost a name that came twice. */
  members = 0;
  ascii = true;
  /** Digits in a row, outside of strings, that may be an integer beyond 2^53 − 1. */
  longNumber = false;
  #digits = 0;
  readonly #open: Uint8Array;
  readonly #maxDepth: number;
  #depth = 0;
  #state: State = BEFORE;

  constructor({ maxDepth }: JsonLimits) {
    this.#maxDepth = maxDepth;
    this.#open = new Uint8Array(maxDepth);
  }

  /** The text has begun. */
  get begun(): boolean {
    return this.#state !== BEFORE;
  }

  /** A text without brackets or quotes ends where the stream does. */
  get endsWithStream(): boolean {
    return this.#state === WORD;
  }

  /** Forgets the text, for the next one. */
  reset(): void {
    this.members = 0;
    this.ascii = true;
    this.longNumber = false;
    this.#digits = 0;
    this.#depth = 0;
    this.#state = BEFORE;
  }

  /** Goes on with the bytes `from` … `to`. Gives the place just behind the text, or `NOT_YET`. */
  scan(buffer: Buffer, from: number, to: number): number | WireFault {
    // The state is kept in a local: these loops see every byte that comes in.
    let state = this.#state;
    let high = 0;
    let at = from;
    while (at < to) {
      let byte = buffer[at] ?? 0;
      at += 1;
      high |= byte;
      if (state === STRING) {
        while (STANDS_FOR_ITSELF[byte] === 1 && at < to) {
          byte = buffer[at] ?? 0;
          at += 1;
          high |= byte;
        }
        if (byte === QUOTE) {
          state = INSIDE;
          if (this.#depth === 0) return this.#ended(state, high, at);
        } else if (byte === BACKSLASH) {
          state = ESCAPE;
        } else if (byte < SPACE) {
          return new WireFault('malformed', `a string holds the control character ${hex(byte)}`);
        }
      } else if (state === INSIDE) {
        if (byte === QUOTE) {
          state = STRING;
        } else if (byte === COLON) {
          this.members += 1;
        } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
          const fault = this.#opened(byte);
          if (fault !== undefined) return fault;
        } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
          const fault = this.#closed(byte);
          if (fault !== undefined) return fault;
          if (this.#depth === 0) return this.#ended(state, high, at);
        } else {
          this.#count(byte);
        }
      } else if (state === ESCAPE) {
        state = STRING;
      } else if (state === WORD) {
        if (isDelimiter(byte)) return this.#ended(state, high, at - 1);
        this.#count(byte);
      } else if (!isWhiteSpace(byte)) {
        if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
          return new WireFault('malformed', `${character(byte)} closes what was not opened`);
        }
        state = stateAfterFirst(byte);
        if (state === WORD) {
          this.#count(byte);
        } else if (state === INSIDE) {
          const fault = this.#opened(byte);
          if (fault !== undefined) return fault;
        }
      }
    }
    return this.#ended(state, high, NOT_YET);
  }

  #ended(state: State, high: number, at: number): number {
    this.#state = state;
    if (high > 0x7f) this.ascii = false;
    return at;
  }

  /** Between two numbers there is always a byte that is counted here and is no digit. */
  #count(byte: number): void {
    this.#digits = byte >= ZERO && byte <= NINE ? this.#digits + 1 : 0;
    if (this.#digits === LONG_DIGITS) this.longNumber = true;
  }

  #opened(byte: number): WireFault | undefined {
    if (this.#depth === this.#maxDepth) {
      return new WireFault('limit', `nested deeper than sockets.maxDepth (${this.#maxDepth})`);
    }
    this.#open[this.#depth] = byte;
    this.#depth += 1;
    return undefined;
  }

  #closed(byte: number): WireFault | undefined {
    this.#depth -= 1;
    const opened = this.#open[this.#depth] ?? 0;
    // In ASCII each closing bracket stands two behind its opening one.
    if (byte === opened + 2) return undefined;
    return new WireFault('malformed', `${character(opened)} is closed by ${character(byte)}`);
  }
}

const BEFORE = 0;
const INSIDE = 1;
const STRING = 2;
const ESCAPE = 3;
const WORD = 4;
type State = typeof BEFORE | typeof INSIDE | typeof STRING | typeof ESCAPE | typeof WORD;

/** An integer beyond 2^53 − 1 has at least as many digits. */
const LONG_DIGITS = 16;

const SPACE = 0x20;
const QUOTE = 0x22;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** The bytes of a string that say no more than themselves. */
const STANDS_FOR_ITSELF = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= SPACE && byte !== QUOTE && byte !== BACKSLASH ? 1 : 0,
);

/** JSON's white space: RFC 8259, section 2. */
export const isWhiteSpace = (byte: number): boolean =>
  byte === SPACE || byte === 0x0a || byte === 0x0d || byte === 0x09;

const isDelimiter = (byte: number): boolean =>
  isWhiteSpace(byte) ||
  byte === QUOTE ||
  byte === OPEN_BRACE ||
  byte === OPEN_BRACKET ||
  byte === CLOSE_BRACE ||
  byte === CLOSE_BRACKET;

function stateAfterFirst(byte: number): State {
  if (byte === QUOTE) return STRING;
  return byte === OPEN_BRACE || byte === OPEN_BRACKET ? INSIDE : WORD;
}

const character = (byte: number): string => String.fromCharCode(byte);
const hex = (byte: number): string => `0x${byte.toString(16).padStart(2, '0')}`;
