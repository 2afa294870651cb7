import { ByteQueue } from './byte-queue.ts';
import { type Reader, WireFault } from './fault.ts';

/**
 * xenstore's packets, as a client and as a server see them. Source of the numbers and of the layout:
 * Xen's public header `io/xs_wire.h`.
 *
 *      0        4        8        12       16
 *     +--------+--------+--------+--------+---------------···
 *     | type   | req_id | tx_id  | len    | len bytes of payload
 *     +--------+--------+--------+--------+---------------···
 *      four unsigned integers of 32 bits, little-endian
 */
export interface Packet {
  /** What is asked or answered; a number not listed in `Operation` is let pass here. */
  readonly type: number;
  readonly requestId: number;
  readonly transactionId: number;
  readonly payload: Buffer;
}

/** The operations by name, and their numbers on the wire. */
export const Operation = {
  DIRECTORY: 1,
  READ: 2,
  GET_PERMS: 3,
  WATCH: 4,
  UNWATCH: 5,
  TRANSACTION_START: 6,
  TRANSACTION_END: 7,
  INTRODUCE: 8,
  RELEASE: 9,
  GET_DOMAIN_PATH: 10,
  WRITE: 11,
  MKDIR: 12,
  RM: 13,
  SET_PERMS: 14,
  WATCH_EVENT: 15,
  ERROR: 16,
  IS_DOMAIN_INTRODUCED: 17,
  RESUME: 18,
  SET_TARGET: 19,
  RESET_WATCHES: 21,
  DIRECTORY_PART: 22,
} as const;

export type OperationName = keyof typeof Operation;

/** The longest payload that the protocol allows; oxenstored sends longer ones for large directories. */
export const MAX_PAYLOAD = 4096;

const HEADER_BYTES = 16;

export interface PacketLimits {
  /** The longest payload that is read. */
  readonly maxPayloadBytes: number;
  /** The setting that bounds it, for the texts. */
  readonly setting: string;
}

/** Reads packets. A payload is not written to again. */
export class PacketReader implements Reader<Packet> {
  readonly #limits: PacketLimits;
  readonly #bytes = new ByteQueue();
  #ended = false;

  constructor(limits: PacketLimits) {
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

  read(): Packet | WireFault | undefined {
    const { buffer, start, length: available } = this.#bytes;
    if (available < HEADER_BYTES) return this.#notYet(HEADER_BYTES);
    const length = buffer.readUInt32LE(start + 12);
    const { maxPayloadBytes, setting } = this.#limits;
    if (length > maxPayloadBytes) {
      return new WireFault('limit', `a payload of ${length} bytes is over ${setting} (${maxPayloadBytes})`);
    }
    const bytes = HEADER_BYTES + length;
    if (available < bytes) return this.#notYet(bytes);
    this.#bytes.consume(bytes);
    return {
      type: buffer.readUInt32LE(start),
      requestId: buffer.readUInt32LE(start + 4),
      transactionId: buffer.readUInt32LE(start + 8),
      payload: buffer.subarray(start + HEADER_BYTES, start + bytes),
    };
  }

  #notYet(wanted: number): WireFault | undefined {
    const { length } = this.#bytes;
    if (!this.#ended || length === 0) return undefined;
    this.#bytes.clear();
    return new WireFault('incomplete', `a packet of ${wanted} bytes ended after ${length}`);
  }
}

/** Writes a packet. The payload's length is the caller's to check against `MAX_PAYLOAD`. */
export function writePacket(
  type: number,
  requestId: number,
  transactionId: number,
  payload: Buffer | string,
): Buffer {
  const length = typeof payload === 'string' ? Buffer.byteLength(payload) : payload.length;
  const packet = Buffer.allocUnsafe(HEADER_BYTES + length);
  packet.writeUInt32LE(type, 0);
  packet.writeUInt32LE(requestId, 4);
  packet.writeUInt32LE(transactionId, 8);
  packet.writeUInt32LE(length, 12);
  if (typeof payload === 'string') packet.write(payload, HEADER_BYTES);
  else payload.copy(packet, HEADER_BYTES);
  return packet;
}

/** A payload of strings that each end in NUL: `a\0b\0` → `['a', 'b']`. What follows the last NUL counts as one more. */
export function splitStrings(payload: Buffer): string[] {
  const strings = payload.toString().split('\0');
  if (strings.at(-1) === '') strings.pop();
  return strings;
}

/** Strings as a payload, each ended by NUL. */
export const joinStrings = (...strings: readonly string[]): string =>
  strings.map((text) => `${text}\0`).join('');
