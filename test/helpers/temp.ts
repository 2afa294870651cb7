import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** A folder that is there until the test ends. Its path is short, as a Unix socket's has to be. */
export function tempDirectory(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'dp-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}
