import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { Packr } from 'msgpackr/pack';
import { Unpackr } from 'msgpackr/unpack';
import { frame, MAX_RECORD_BYTES, RECORD_HEADER_BYTES } from './record.ts';

/**
 * The files of a journal, in one folder. `segment-<number>.journal` hold the records in the order in which they were
 * committed. `snapshot-<number>.journal` holds what all segments up to that number came to, and takes their place.
 * Each begins with a record of its own, the head, which tells the version of the format.
 */

/** Grows with every change that a reader of the version before would misunderstand. */
export const FORMAT = 1;

export interface SegmentHead {
  readonly format: number;
  readonly number: number;
  /** How many bytes of the segment before are good: behind them may be what a failed write left. */
  readonly previousBytes: number;
}

const NAME = /^(segment|snapshot)-([0-9]{10})\.journal$/;

export type FileKind = 'segment' | 'snapshot';

export const fileName = (kind: FileKind, number: number): string =>
  `${kind}-${number.toString().padStart(10, '0')}.journal`;

export interface JournalFile {
  readonly kind: FileKind;
  readonly number: number;
  readonly name: string;
}

/** The journal's files among those of a folder, by ascending number. */
export const journalFiles = (names: readonly string[]): JournalFile[] =>
  names
    .flatMap((name): JournalFile[] => {
      const [, kind, digits] = NAME.exec(name) ?? [];
      return kind === 'segment' || kind === 'snapshot' ? [{ kind, number: Number(digits), name }] : [];
    })
    .sort((a, b) => a.number - b.number);

const packr = new Packr({ useRecords: false });
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true });
const MAGIC = 'datapathd journal';

export const encodeHead = ({ format, number, previousBytes }: SegmentHead): [Buffer, Buffer] =>
  frame(packr.pack([MAGIC, format, number, previousBytes]));

/** A head, or nothing when the body is none. Of a newer format only the version can be told. */
export function decodeHead(body: Buffer): SegmentHead | undefined {
  const value: unknown = unpackr.unpack(body);
  if (!Array.isArray(value)) return undefined;
  const [magic, format, number, previousBytes] = value;
  if (magic !== MAGIC || typeof format !== 'number') return undefined;
  if (format !== FORMAT) return { format, number: 0, previousBytes: 0 };
  return typeof number === 'number' && typeof previousBytes === 'number'
    ? { format, number, previousBytes }
    : undefined;
}

/** How a file's bytes end. */
export type FileEnd =
  | { readonly type: 'whole'; readonly bytes: number }
  /** What follows the good bytes is no record, and no record follows it: a write that was cut short. */
  | { readonly type: 'torn'; readonly bytes: number; readonly of: number }
  /** What stands at the offset is no record, though one follows at `resume`, or its body is none that is written here. */
  | { readonly type: 'damaged'; readonly offset: number; readonly reason: string; readonly resume: number };

const CHUNK_BYTES = 4 * 1024 * 1024;

/**
 * Reads the bodies of a file's records from an offset on, as far as their checksums are right, and tells how it ends.
 * `limit` is how many bytes of the file count. `take` throws a `TypeError` for a body that it can't use.
 */
export function readRecords(
  path: string,
  start: number,
  limit: number,
  take: (body: Buffer) => void,
): FileEnd {
  const fd = openSync(path, 'r');
  try {
    const size = Math.min(fstatSync(fd).size, limit);
    const window = new Window(fd, size);
    let offset = start;
    while (offset < size) {
      const body = readBody(window, offset, size);
      if (body === undefined) return endAt(window, offset, size);
      try {
        take(body);
      } catch (error) {
        if (!(error instanceof TypeError)) throw error;
        const resume = offset + RECORD_HEADER_BYTES + body.length;
        return { type: 'damaged', offset, reason: error.message, resume };
      }
      offset += RECORD_HEADER_BYTES + body.length;
    }
    return { type: 'whole', bytes: size };
  } finally {
    closeSync(fd);
  }
}

/** The body of the record at the offset; nothing when there is no whole record with a right checksum. */
function readBody(window: Window, offset: number, size: number): Buffer | undefined {
  if (offset + RECORD_HEADER_BYTES > size) return undefined;
  const header = window.bytes(offset, RECORD_HEADER_BYTES);
  const length = header.readUInt32LE(0);
  const checksum = header.readUInt32LE(4);
  // A body is never empty: zeros, as a file system leaves them behind a crash, are no record.
  if (length === 0 || length > MAX_RECORD_BYTES || offset + RECORD_HEADER_BYTES + length > size)
    return undefined;
  const body = window.bytes(offset + RECORD_HEADER_BYTES, length);
  return crc32(body) === checksum ? body : undefined;
}

function endAt(window: Window, offset: number, size: number): FileEnd {
  for (let at = offset + 1; at + RECORD_HEADER_BYTES < size; at += 1) {
    if (readBody(window, at, size) !== undefined) {
      return { type: 'damaged', offset, reason: 'what stands there is no record', resume: at };
    }
  }
  return { type: 'torn', bytes: offset, of: size };
}

/** A file seen through a part of it that is in memory. */
class Window {
  readonly #fd: number;
  readonly #size: number;
  #buffer = Buffer.alloc(0);
  #start = 0;

  constructor(fd: number, size: number) {
    this.#fd = fd;
    this.#size = size;
  }

  /** A view that holds until the next call. */
  bytes(offset: number, length: number): Buffer {
    const end = offset + length;
    if (offset < this.#start || end > this.#start + this.#buffer.length) this.#fill(offset, length);
    return this.#buffer.subarray(offset - this.#start, end - this.#start);
  }

  #fill(offset: number, length: number): void {
    const wanted = Math.min(Math.max(length, CHUNK_BYTES), this.#size - offset);
    if (this.#buffer.length !== wanted) this.#buffer = Buffer.allocUnsafeSlow(wanted);
    this.#start = offset;
    let read = 0;
    while (read < wanted) {
      const got = readSync(this.#fd, this.#buffer, read, wanted - read, offset + read);
      if (got === 0) throw new Error('a file of the journal became shorter while it was read');
      read += got;
    }
  }
}
