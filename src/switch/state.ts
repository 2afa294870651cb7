import { join } from 'node:path';
import { backUp, type Copied, restore } from '../journal/backup.ts';
import { replay } from '../journal/replay.ts';
import { Queues } from './queues.ts';
import { operationCodec } from './record.ts';

/** The switch's part of a state directory. */

/** The folder of the switch's journal in a state directory, and the file whose lock the daemon holds. */
export const JOURNAL_FOLDER = 'switch';
export const STATE_LOCK_FILE = 'state.lock';

export interface CopiedMessages extends Copied {
  /** Messages that wait in it. */
  readonly messages: number;
}

/**
 * Copies the journal of a state directory into a new folder, also while the daemon writes it: what was accepted before is
 * in the copy. Throws a `JournalError` with a line for the operator.
 */
export function backUpMessages(stateDirectory: string, destination: string): CopiedMessages {
  const { examined, ...copied } = backUp(join(stateDirectory, JOURNAL_FOLDER), destination, countMessages);
  return { ...copied, messages: examined };
}

/**
 * Puts a copy in the place of a state directory's journal, which is set aside. The daemon must not run. Gives what was
 * restored, and where the journal is that was there.
 */
export function restoreMessages(
  stateDirectory: string,
  copy: string,
): CopiedMessages & { readonly aside: string | undefined } {
  const { examined, ...copied } = restore(join(stateDirectory, JOURNAL_FOLDER), copy, countMessages);
  return { ...copied, messages: examined };
}

/** Reads a journal as a start would: it throws when that would. A record that was being written is cut off. */
function countMessages(directory: string): number {
  const queues = new Queues(0);
  replay({
    directory,
    codec: operationCodec,
    repair: false,
    warn: () => {},
    apply: (operation) => queues.apply(operation),
  });
  return [...queues.all()].reduce((sum, { size }) => sum + size, 0);
}
