import { readdirSync, rmSync } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Codec } from './codec.ts';
import { syncDirectory, writeWhole } from './disk.ts';
import { encodeRecord } from './record.ts';
import { encodeHead, FORMAT, fileName, journalFiles } from './segment.ts';

/**
 * Gathering takes this long at a stretch, in ms, and rests as long: a call has many turns of the event loop, and may
 * meet a stretch in each.
 */
const SLICE_MS = 1;
/** A record of about so many bytes: packing it is a stretch of its own. */
const RECORD_BYTES = 64 * 1024;
/** The disk is asked to keep up after so much: one large fdatasync at the end would hold up those of the senders. */
const SYNC_BYTES = 1024 * 1024;

/** Writes the operations as the snapshot of all segments up to a number; gives its bytes when it is on disk. */
export async function writeSnapshot<Operation>(
  directory: string,
  codec: Codec<Operation>,
  upTo: number,
  operations: Iterable<Operation>,
): Promise<number> {
  const path = join(directory, fileName('snapshot', upTo));
  const temporary = `${path}.tmp`;
  const file = await open(temporary, 'w', 0o600);
  let bytes: number;
  try {
    bytes = await writeRecords(file, codec, upTo, operations);
    await file.datasync();
  } catch (error) {
    await file.close();
    await rm(temporary, { force: true });
    throw error;
  }
  await file.close();
  await rename(temporary, path);
  await syncDirectory(directory);
  return bytes;
}

async function writeRecords<Operation>(
  file: FileHandle,
  codec: Codec<Operation>,
  upTo: number,
  operations: Iterable<Operation>,
): Promise<number> {
  let bytes = 0;
  let unsynced = 0;
  const write = async (parts: Buffer[]): Promise<void> => {
    const written = await writeWhole(file, parts);
    bytes += written;
    unsynced += written;
    if (unsynced < SYNC_BYTES) return;
    unsynced = 0;
    await file.datasync();
  };

  await write(encodeHead({ format: FORMAT, number: upTo, previousBytes: 0 }));
  let record: Operation[] = [];
  let recordBytes = 0;
  let sliceEnd = performance.now() + SLICE_MS;
  for (const operation of operations) {
    record.push(operation);
    recordBytes += codec.roughBytes(operation);
    if (recordBytes >= RECORD_BYTES) {
      await write(encodeRecord(codec, record));
      record = [];
      recordBytes = 0;
    }
    if (performance.now() < sliceEnd) continue;
    await pause(SLICE_MS);
    sliceEnd = performance.now() + SLICE_MS;
  }
  await write(encodeRecord(codec, record));
  return bytes;
}

/** Removes the files whose place the snapshot of that number takes. */
export function removeFilesUpTo(directory: string, number: number): void {
  for (const file of journalFiles(readdirSync(directory))) {
    const isSnapshotItself = file.kind === 'snapshot' && file.number === number;
    if (file.number <= number && !isSnapshotItself) rmSync(join(directory, file.name));
  }
}
