import { crc32 } from 'node:zlib';
import { Packr } from 'msgpackr/pack';
import { Unpackr } from 'msgpackr/unpack';
import type { Codec } from './codec.ts';

/**
 * A record of the journal: the operations of some commits, so that they are kept together or not at all.
 *
 *     4 bytes   length of the body, little endian
 *     4 bytes   CRC-32 of the body, little endian
 *     body      MessagePack: an array of operations, each an array as its codec has it
 */
export const RECORD_HEADER_BYTES = 8;

/** A length beyond this is damage, whatever the checksum of so much would be. */
export const MAX_RECORD_BYTES = 512 * 1024 * 1024;

/** What is more than this is divided into records by commits. */
export const LARGE_RECORD_BYTES = 64 * 1024 * 1024;

const packr = new Packr({ useRecords: false });
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true });

/** A record's header and body, to be written one after the other. */
export function encodeRecord<Operation>(
  codec: Codec<Operation>,
  operations: readonly Operation[],
): [header: Buffer, body: Buffer] {
  return frame(packr.pack(operations.map((operation) => codec.encode(operation))));
}

/** Puts the header before a body. Throws when that is too large to be read again: what is kept must not be lost at the next start. */
export function frame(body: Buffer): [header: Buffer, body: Buffer] {
  if (body.length > MAX_RECORD_BYTES)
    throw new RangeError(`a record of ${body.length} bytes is over ${MAX_RECORD_BYTES}`);
  const header = Buffer.allocUnsafe(RECORD_HEADER_BYTES);
  header.writeUInt32LE(body.length, 0);
  header.writeUInt32LE(crc32(body), 4);
  return [header, body];
}

/** The operations of a body whose checksum is right. Throws a `TypeError` for what no version of this format writes. */
export function decodeRecord<Operation>(codec: Codec<Operation>, body: Buffer): Operation[] {
  const value: unknown = unpackr.unpack(body);
  if (!Array.isArray(value)) throw new TypeError('a record that is no array');
  return value.map((fields: unknown) => {
    if (!Array.isArray(fields)) throw new TypeError('an operation that is no array');
    return codec.decode(fields);
  });
}
