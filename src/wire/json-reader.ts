import { ByteQueue } from './byte-queue.ts';
import { type Reader, WireFault } from './fault.ts';
import { type JsonFailure, parseScanned } from './json.ts';
import { isWhiteSpace, JsonScanner, NOT_YET } from './json-scanner.ts';
import type { Value } from './value.ts';

export interface JsonTextLimits {
  readonly maxRequestBytes: number;
  readonly maxDepth: number;
}

/**
 * Reads a stream of JSON texts, pretty-printed or not, with anything or nothing of white space between them. A text
 * whose brackets match but which can't be read is a failure, and reading goes on behind it; where brackets don't
 * match there is no telling where the next text begins, and that is a fault.
 */
export class JsonTextReader implements Reader<Value | JsonFailure> {
  readonly #maxBytes: number;
  readonly #scanner: JsonScanner;
  readonly #bytes = new ByteQueue();
  /** How many of the queue's bytes the scanner has seen. */
  #scanned = 0;
  #ended = false;

  constructor({ maxRequestBytes, maxDepth }: JsonTextLimits) {
    this.#maxBytes = maxRequestBytes;
    this.#scanner = new JsonScanner({ maxDepth });
  }

  get begun(): boolean {
    return this.#scanner.begun;
  }

  push(chunk: Buffer): void {
    this.#bytes.push(chunk);
  }

  end(): void {
    this.#ended = true;
  }

  read(): Value | JsonFailure | WireFault | undefined {
    const scanner = this.#scanner;
    if (!scanner.begun) this.#skipWhiteSpace();
    const { buffer, start, end } = this.#bytes;
    if (start === end) return undefined;
    // No further than the limit: a text that is too long is refused at the same byte wherever the packets end.
    const to = Math.min(end, start + this.#maxBytes + 1);
    const found = scanner.scan(buffer, start + this.#scanned, to);
    if (found instanceof WireFault) return this.#fault(found);
    const textEnd = found === NOT_YET ? to : found;
    if (textEnd - start > this.#maxBytes) {
      const reason = `a text of more than sockets.maxRequestBytes (${this.#maxBytes}) bytes`;
      return this.#fault(new WireFault('limit', reason));
    }
    if (found === NOT_YET && !(this.#ended && scanner.endsWithStream)) {
      this.#scanned = end - start;
      return this.#ended ? this.#fault(new WireFault('incomplete', 'the text ended too early')) : undefined;
    }
    const value = parseScanned(buffer, start, textEnd, scanner);
    this.#bytes.consume(textEnd - start);
    this.#scanned = 0;
    scanner.reset();
    return value;
  }

  /** White space between texts belongs to none: it is neither kept nor counted against the limit. */
  #skipWhiteSpace(): void {
    const { buffer, start, end } = this.#bytes;
    let at = start;
    while (at < end && isWhiteSpace(buffer[at] ?? 0)) at += 1;
    this.#bytes.consume(at - start);
  }

  #fault(fault: WireFault): WireFault {
    this.#bytes.clear();
    this.#scanned = 0;
    this.#scanner.reset();
    return fault;
  }
}
