import { writevSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

/** Writes all parts, or throws. Gives their bytes. */
export function writeWholeSync(fd: number, parts: readonly Buffer[]): number {
  return whole(parts, writevSync(fd, [...parts]));
}

/** The same without holding up others. */
export async function writeWhole(file: FileHandle, parts: readonly Buffer[]): Promise<number> {
  const { bytesWritten } = await file.writev([...parts]);
  return whole(parts, bytesWritten);
}

/** A disk that is full takes what there is room for, and says so by the count alone. */
function whole(parts: readonly Buffer[], written: number): number {
  const bytes = parts.reduce((sum, { length }) => sum + length, 0);
  if (written < bytes) throw new Error('there was room for a part only');
  return bytes;
}

/** Settles when the folder's entries are on the disk: new names, and names that are gone. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
