import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** Folders in which somebody still wrote when their test ended. */
const left = new Set<string>();
process.once('exit', () => {
  for (const path of left) rmSync(path, { recursive: true, force: true, maxRetries: 10 });
});

/** A folder that is there until the test ends. Its path is short, as a Unix socket's has to be. */
export function tempDirectory(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'dp-'));
  t.after(() => remove(path));
  return path;
}

/**
 * Removes a folder of a test that has ended. Its processes are ended behind this, as they were started later: one may
 * write there just now, and what it has made meanwhile goes when all of them are gone.
 */
export function remove(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOTEMPTY')) throw error;
    left.add(path);
  }
}
