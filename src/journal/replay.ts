import { readdirSync, renameSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import type { Codec } from './codec.ts';
import { decodeRecord } from './record.ts';
import {
  decodeHead,
  FORMAT,
  fileName,
  type JournalFile,
  journalFiles,
  readRecords,
  type SegmentHead,
} from './segment.ts';

/** The journal can't be read, or not be trusted. The message says what, where, and how to go on. */
export class JournalError extends Error {}

export interface ReplayOptions<Operation> {
  readonly directory: string;
  readonly codec: Codec<Operation>;
  /** Damage is set aside and said, and the rest is kept, instead of ending the start. */
  readonly repair: boolean;
  readonly apply: (operation: Operation) => void;
  /** Applies a body as it is, where that can be done faster; false, and nothing is applied: its operations are. */
  readonly applyRecord?: (body: Buffer) => boolean;
  readonly warn: (text: string) => void;
}

export interface Replayed {
  /** The highest number of a file: segments that are written from now on come after it. */
  readonly number: number;
  /** Good bytes of the segment with that number; 0 when there is none. */
  readonly bytes: number;
  /** Bytes of all files that were read. */
  readonly totalBytes: number;
  /** Something was set aside: what is in memory is to be written anew, as the files alone no longer give it. */
  readonly repaired: boolean;
}

/** Applies all that the journal in a folder holds, in order, and leaves only the files that count. */
export function replay<Operation>(options: ReplayOptions<Operation>): Replayed {
  const { directory } = options;
  const names = readdirSync(directory);
  for (const name of names.filter((each) => each.endsWith('.tmp'))) rmSync(join(directory, name));
  const files = journalFiles(names);
  const snapshot = files.findLast(({ kind }) => kind === 'snapshot');
  const counted = files.filter(
    (file) => file === snapshot || (file.kind === 'segment' && file.number > (snapshot?.number ?? -1)),
  );
  const heads = counted.map((file) => readHead(directory, file));
  checkOrder(options, counted);

  let repaired = false;
  let bytes = 0;
  let totalBytes = 0;
  for (const [index, file] of counted.entries()) {
    const limit = heads[index + 1]?.previousBytes ?? Number.POSITIVE_INFINITY;
    const isLast = index === counted.length - 1 && file.kind === 'segment';
    const read = readFile(options, file, file.kind === 'snapshot' ? Number.POSITIVE_INFINITY : limit, isLast);
    repaired ||= read.repaired;
    bytes = file.kind === 'segment' ? read.bytes : 0;
    totalBytes += read.bytes;
  }
  for (const file of files.filter((each) => !counted.includes(each))) rmSync(join(directory, file.name));
  return { number: counted.at(-1)?.number ?? 0, bytes, totalBytes, repaired };
}

function readHead(directory: string, { name }: JournalFile): SegmentHead | undefined {
  const path = join(directory, name);
  let head: SegmentHead | undefined;
  const stop = new Error('the head is read');
  try {
    readRecords(path, 0, Number.POSITIVE_INFINITY, (body) => {
      head = decodeHead(body);
      throw stop;
    });
  } catch (error) {
    if (error !== stop) throw error;
  }
  if (head !== undefined && head.format !== FORMAT) {
    throw new JournalError(
      `${path} is of format ${head.format}, and this version of datapathd reads format ${FORMAT}: run the version that wrote it`,
    );
  }
  return head;
}

function checkOrder<Operation>(
  { directory, repair, warn }: ReplayOptions<Operation>,
  files: readonly JournalFile[],
): void {
  for (const [index, { kind, number }] of files.entries()) {
    // The first segment of all has the number 1; a snapshot stands for all up to its own.
    const expected = (files[index - 1]?.number ?? (kind === 'snapshot' ? number - 1 : 0)) + 1;
    if (number === expected) continue;
    const text = `${join(directory, fileName('segment', expected))} is missing`;
    if (!repair) throw new JournalError(`${text}: ${HOW_TO_GO_ON}`);
    warn(`${text}: what was in it is lost`);
  }
}

const HOW_TO_GO_ON =
  'restore the folder from a backup, or start once with --journal.repair=true, which sets damage aside, keeps the rest and says what was lost';

interface ReadFile {
  readonly bytes: number;
  readonly repaired: boolean;
}

function readFile<Operation>(
  options: ReplayOptions<Operation>,
  file: JournalFile,
  limit: number,
  isLast: boolean,
): ReadFile {
  const { directory, codec, repair, apply, applyRecord, warn } = options;
  const path = join(directory, file.name);
  let headRead = false;
  const take = (body: Buffer): void => {
    if (headRead) {
      if (applyRecord?.(body) === true) return;
      for (const operation of decodeRecord(codec, body)) apply(operation);
      return;
    }
    if (decodeHead(body) === undefined) throw new TypeError('the first record is no head of a journal file');
    headRead = true;
  };
  let start = 0;
  let lost = 0;
  for (;;) {
    const end = readRecords(path, start, limit, take);
    if (end.type === 'whole' && lost === 0) return { bytes: end.bytes, repaired: false };
    if (end.type === 'torn' && isLast && lost === 0) {
      warn(`${path}: the last ${end.of - end.bytes} bytes are a write that was cut short, and are cut off`);
      truncateSync(path, end.bytes);
      return { bytes: end.bytes, repaired: false };
    }
    if (end.type !== 'whole') {
      const offset = end.type === 'torn' ? end.bytes : end.offset;
      const reason = end.type === 'torn' ? 'the rest of the file is no record' : end.reason;
      if (!repair) throw new JournalError(`${path}: byte ${offset}: ${reason}: ${HOW_TO_GO_ON}`);
      const resume = end.type === 'torn' ? end.of : end.resume;
      warn(`${path}: bytes ${offset} to ${resume} are lost: ${reason}`);
      lost += resume - offset;
      // The head may be what was lost.
      headRead = true;
      start = resume;
      continue;
    }
    const aside = join(directory, `damaged-${file.name}`);
    warn(`${path}: set aside as ${aside}, with ${lost} bytes of damage; all other records of it were kept`);
    renameSync(path, aside);
    return { bytes: 0, repaired: true };
  }
}
