import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Stands in values for a new directory, which is removed in the end. */
export const SCRATCH = '{scratch}';

/** Runs work with a new directory, which is removed with all that is in it. */
export async function withScratch<Result>(work: (directory: string) => Promise<Result>): Promise<Result> {
  const directory = mkdtempSync(join(tmpdir(), 'datapathctl-'));
  try {
    return await work(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** A text of JSON with the directory's name in the place of what stands for it. */
export const withDirectory = (json: string, directory: string): string =>
  json.replaceAll(SCRATCH, inJson(directory));

/** The other way round. */
export const withoutDirectory = (json: string, directory: string): string =>
  json.replaceAll(inJson(directory), SCRATCH);

const inJson = (text: string): string => JSON.stringify(text).slice(1, -1);
