import { crc32 } from 'node:zlib';
import { Packr } from 'msgpackr/pack';
import { Unpackr } from 'msgpackr/unpack';
import type { Message, Operation } from '../protocol.ts';

/**
 * A record of the journal: the operations of one commit, so that they are kept together or not at all.
 *
 *     4 bytes   length of the body, little endian
 *     4 bytes   CRC-32 of the body, little endian
 *     body      MessagePack: an array of operations, each an array that begins with its kind
 */
export const RECORD_HEADER_BYTES = 8;

/** A length beyond this is damage, whatever the checksum of so much would be. */
export const MAX_RECORD_BYTES = 512 * 1024 * 1024;

/** The numbers of the kinds are part of the format: they never get another meaning. */
const QUEUE_CREATED = 1;
const QUEUE_REMOVED = 2;
const REQUEST_SENT = 3;
const RESPONSE_SENT = 4;
const MESSAGE_ACKED = 5;
const IDS_GIVEN = 6;

const packr = new Packr({ useRecords: false });
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true });

/** A record's header and body, to be written one after the other. */
export function encodeRecord(operations: readonly Operation[]): [header: Buffer, body: Buffer] {
  return frame(packr.pack(operations.map(pack)));
}

/** Puts the header before a body. */
export function frame(body: Buffer): [header: Buffer, body: Buffer] {
  const header = Buffer.allocUnsafe(RECORD_HEADER_BYTES);
  header.writeUInt32LE(body.length, 0);
  header.writeUInt32LE(crc32(body), 4);
  return [header, body];
}

function pack(operation: Operation): unknown[] {
  switch (operation.type) {
    case 'queue-created':
      return [QUEUE_CREATED, operation.queue, operation.owner ?? null];
    case 'queue-removed':
      return [QUEUE_REMOVED, operation.queue];
    case 'message-sent': {
      const { id, kind, origin, time, payload } = operation.message;
      return kind.type === 'request'
        ? [REQUEST_SENT, id.queue, id.id, origin, time, payload, kind.replyTo]
        : [RESPONSE_SENT, id.queue, id.id, origin, time, payload, kind.to.queue, kind.to.id];
    }
    case 'message-acked':
      return [MESSAGE_ACKED, operation.id.queue, operation.id.id];
    case 'ids-given':
      return [IDS_GIVEN, operation.next];
  }
}

/** The operations of a body whose checksum is right. Throws a `TypeError` for what no version of this format writes. */
export function decodeRecord(body: Buffer): Operation[] {
  const value: unknown = unpackr.unpack(body);
  if (!Array.isArray(value)) throw new TypeError('a record that is no array');
  return value.map(unpack);
}

function unpack(value: unknown): Operation {
  const fields = new Fields(value);
  const kind = fields.integer();
  switch (kind) {
    case QUEUE_CREATED:
      return { type: 'queue-created', queue: fields.text(), owner: fields.optionalText() };
    case QUEUE_REMOVED:
      return { type: 'queue-removed', queue: fields.text() };
    case REQUEST_SENT:
      return {
        type: 'message-sent',
        message: { ...sent(fields), kind: { type: 'request', replyTo: fields.text() } },
      };
    case RESPONSE_SENT: {
      const message = sent(fields);
      const to = { queue: fields.text(), id: fields.integer() };
      return { type: 'message-sent', message: { ...message, kind: { type: 'response', to } } };
    }
    case MESSAGE_ACKED:
      return { type: 'message-acked', id: { queue: fields.text(), id: fields.integer() } };
    case IDS_GIVEN:
      return { type: 'ids-given', next: fields.integer() };
    default:
      throw new TypeError(`an operation of the unknown kind ${kind}`);
  }
}

const sent = (fields: Fields): Omit<Message, 'kind'> => ({
  id: { queue: fields.text(), id: fields.integer() },
  origin: fields.text(),
  time: fields.number(),
  payload: fields.bytes(),
});

/** The fields of an operation, read one after the other, each of the type that is asked for. */
class Fields {
  readonly #values: readonly unknown[];
  #at = 0;

  constructor(value: unknown) {
    if (!Array.isArray(value)) throw new TypeError('an operation that is no array');
    this.#values = value;
  }

  text(): string {
    const value = this.#next();
    if (typeof value === 'string') return value;
    throw new TypeError(`field ${this.#at}: expected a text`);
  }

  optionalText(): string | undefined {
    const value = this.#next();
    if (value === null) return undefined;
    if (typeof value === 'string') return value;
    throw new TypeError(`field ${this.#at}: expected a text or nothing`);
  }

  number(): number {
    const value = this.#next();
    if (typeof value === 'number') return value;
    throw new TypeError(`field ${this.#at}: expected a number`);
  }

  integer(): number {
    const value = this.number();
    if (Number.isSafeInteger(value)) return value;
    throw new TypeError(`field ${this.#at}: expected an integer`);
  }

  /** A copy: the bytes that were unpacked are a view of much more. */
  bytes(): Buffer {
    const value = this.#next();
    if (value instanceof Uint8Array) return Buffer.from(value);
    throw new TypeError(`field ${this.#at}: expected bytes`);
  }

  #next(): unknown {
    const value = this.#values[this.#at];
    this.#at += 1;
    return value;
  }
}
