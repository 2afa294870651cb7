import { ByteQueue } from './byte-queue.ts';
import { type Reader, WireFault } from './fault.ts';
import type { Utf8Text } from './utf8-text.ts';

/** The framing of xapi's client library beside HTTP: 16 ASCII decimal digits of length, zero padded, then the body. */
const LENGTH_DIGITS = 16;

export interface Length16Limits {
  readonly maxRequestBytes: number;
}

/** Reads the bodies. */
export class Length16Reader implements Reader<Buffer> {
  readonly #limits: Length16Limits;
  readonly #bytes = new ByteQueue();
  #ended = false;

  constructor(limits: Length16Limits) {
    this.#limits = limits;
  }

  get begun(): boolean {
    return this.#bytes.length > 0;
  }

  push(chunk: Buffer): void {
    this.#bytes.push(chunk);
  }

  end(): void {
    this.#ended = true;
  }

  read(): Buffer | WireFault | undefined {
    const { buffer, start, length: available } = this.#bytes;
    const digits = Math.min(available, LENGTH_DIGITS);
    const wrong = firstNonDigit(buffer, start, start + digits);
    if (wrong !== undefined) {
      const byte = wrong.toString(16).padStart(2, '0');
      return this.#fault('malformed', `a length: expected 16 decimal digits, got the byte 0x${byte}`);
    }
    if (digits < LENGTH_DIGITS) return this.#notYet(`a length of 16 digits ended after ${digits}`);

    const length = Number(buffer.toString('latin1', start, start + LENGTH_DIGITS));
    const { maxRequestBytes } = this.#limits;
    if (length > maxRequestBytes) {
      const reason = `a message of ${length} bytes is over sockets.maxRequestBytes (${maxRequestBytes})`;
      return this.#fault('limit', reason);
    }
    const bytes = LENGTH_DIGITS + length;
    if (available < bytes) {
      return this.#notYet(`a message of ${length} bytes ended after ${available - LENGTH_DIGITS}`);
    }
    this.#bytes.consume(bytes);
    return buffer.subarray(start + LENGTH_DIGITS, start + bytes);
  }

  #notYet(reason: string): WireFault | undefined {
    return this.#ended && this.#bytes.length > 0 ? this.#fault('incomplete', reason) : undefined;
  }

  #fault(kind: WireFault['kind'], reason: string): WireFault {
    this.#bytes.clear();
    return new WireFault(kind, reason);
  }
}

function firstNonDigit(buffer: Buffer, from: number, to: number): number | undefined {
  for (let at = from; at < to; at += 1) {
    const byte = buffer[at];
    if (byte !== undefined && (byte < 0x30 || byte > 0x39)) return byte;
  }
  return undefined;
}

/** Frames a text. The length counts bytes of UTF-8. */
export const writeLength16 = ({ text, bytes }: Utf8Text): string =>
  bytes.toString().padStart(LENGTH_DIGITS, '0') + text;
