import { crc32 } from 'node:zlib';
import { Packr } from 'msgpackr/pack';
import { Unpackr } from 'msgpackr/unpack';
import type { Kind, Operation } from '../protocol.ts';

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
const QUEUE_LISTENED = 7;

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
    case 'queue-listened':
      return [QUEUE_LISTENED, operation.queue];
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

function unpack(fields: unknown): Operation {
  if (!Array.isArray(fields)) throw new TypeError('an operation that is no array');
  const kind = integer(fields, 0);
  switch (kind) {
    case QUEUE_CREATED:
      return { type: 'queue-created', queue: text(fields, 1), owner: optionalText(fields, 2) };
    case QUEUE_REMOVED:
      return { type: 'queue-removed', queue: text(fields, 1) };
    case QUEUE_LISTENED:
      return { type: 'queue-listened', queue: text(fields, 1) };
    case REQUEST_SENT:
      return sent(fields, { type: 'request', replyTo: text(fields, 6) });
    case RESPONSE_SENT:
      return sent(fields, { type: 'response', to: { queue: text(fields, 6), id: integer(fields, 7) } });
    case MESSAGE_ACKED:
      return { type: 'message-acked', id: { queue: text(fields, 1), id: integer(fields, 2) } };
    case IDS_GIVEN:
      return { type: 'ids-given', next: integer(fields, 1) };
    default:
      throw new TypeError(`an operation of the unknown kind ${kind}`);
  }
}

const sent = (fields: Fields, kind: Kind): Operation => ({
  type: 'message-sent',
  message: {
    id: { queue: text(fields, 1), id: integer(fields, 2) },
    payload: bytes(fields, 5),
    kind,
    origin: text(fields, 3),
    time: number(fields, 4),
  },
});

/** The fields of an operation. Each is read by its place, as the type that it has to be. */
type Fields = readonly unknown[];

function text(fields: Fields, place: number): string {
  const value = fields[place];
  return typeof value === 'string' ? value : wrong(place, 'a text');
}

function optionalText(fields: Fields, place: number): string | undefined {
  const value = fields[place];
  if (value === null) return undefined;
  return typeof value === 'string' ? value : wrong(place, 'a text or nothing');
}

function number(fields: Fields, place: number): number {
  const value = fields[place];
  return typeof value === 'number' ? value : wrong(place, 'a number');
}

function integer(fields: Fields, place: number): number {
  const value = fields[place];
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : wrong(place, 'an integer');
}

/** A view of what was unpacked, unless it is most of that: who keeps it would keep the view. */
function bytes(fields: Fields, place: number): Buffer {
  const value = fields[place];
  if (!Buffer.isBuffer(value)) return wrong(place, 'bytes');
  return value.length * 2 < value.buffer.byteLength ? value : Buffer.from(value);
}

function wrong(place: number, expected: string): never {
  throw new TypeError(`field ${place + 1}: expected ${expected}`);
}
