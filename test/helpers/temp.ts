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
  t.after(() => {
    try {
      rmSync(path, { recursive: true, force: true });
    } catch {
      // What the test started is ended after this. A file that it made meanwhile goes when all of it has ended.
      left.add(path);
    }
  });
  return path;
}
