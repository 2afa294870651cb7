import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type LockOutcome, lockFile } from '../posix.ts';

/** The start can't go on. The message is one line for the operator. */
export class StartError extends Error {}

/**
 * Makes a folder private, unless it is there already, and takes it: it belongs to one daemon at a time. Gives what lets go
 * of it; throws a `StartError` that names the setting.
 */
export function takeDirectory(directory: string, lockName: string, setting: string): () => void {
  const lock = lockIn(directory, lockName, setting);
  if (lock.type === 'held') {
    throw new StartError(
      `a datapathd with the pid ${lock.note} already runs in ${resolve(directory)} (${setting})`,
    );
  }
  return lock.release;
}

function lockIn(directory: string, lockName: string, setting: string): LockOutcome {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    return lockFile(join(directory, lockName), `${process.pid}`);
  } catch (error) {
    throw new StartError(`${error instanceof Error ? error.message : error} (${setting})`);
  }
}
