import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Queues } from '../queues.ts';
import { JournalError, replay } from './replay.ts';
import { journalFiles } from './segment.ts';

/** The folder of the journal in a state directory, and the file whose lock the daemon holds. */
export const JOURNAL_FOLDER = 'switch';
export const STATE_LOCK_FILE = 'state.lock';

export interface Copied {
  readonly files: number;
  readonly bytes: number;
  /** Messages that wait in it. */
  readonly messages: number;
}

/** How often a copy is begun anew because the journal was compacted meanwhile. */
const ATTEMPTS = 10;

/**
 * Copies the journal of a state directory into a new folder, also while the daemon writes it: what was accepted before is
 * in the copy. Throws a `JournalError` with a line for the operator.
 */
export function backUp(stateDirectory: string, destination: string): Copied {
  const source = join(stateDirectory, JOURNAL_FOLDER);
  if (journalNames(source).length === 0) throw new JournalError(`${source}: there is no journal`);
  if (existsSync(destination)) throw new JournalError(`${destination}: is there already`);
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    mkdirSync(destination, { recursive: true, mode: 0o700 });
    if (copyAll(source, destination)) return examine(destination);
    rmSync(destination, { recursive: true });
  }
  throw new JournalError(`${source}: the journal was compacted each of ${ATTEMPTS} times that it was copied`);
}

/**
 * Puts a copy in the place of a state directory's journal, which is set aside. The daemon must not run. Gives what was
 * restored, and where the journal is that was there.
 */
export function restore(
  stateDirectory: string,
  copy: string,
): Copied & { readonly aside: string | undefined } {
  if (journalNames(copy).length === 0) throw new JournalError(`${copy}: there is no journal`);
  const place = join(stateDirectory, JOURNAL_FOLDER);
  const incoming = `${place}.new`;
  rmSync(incoming, { recursive: true, force: true });
  mkdirSync(incoming, { recursive: true, mode: 0o700 });
  copyAll(copy, incoming);
  const copied = examine(incoming);
  const aside = existsSync(place) ? asideName(place) : undefined;
  if (aside !== undefined) renameSync(place, aside);
  renameSync(incoming, place);
  return { ...copied, aside };
}

function asideName(place: string): string {
  for (let number = 1; ; number += 1) {
    const name = `${place}.before-restore-${number}`;
    if (!existsSync(name)) return name;
  }
}

const journalNames = (directory: string): string[] =>
  existsSync(directory) ? journalFiles(readdirSync(directory)).map(({ name }) => name) : [];

/** False: a file went away meanwhile, and with it the order of the others. */
function copyAll(source: string, destination: string): boolean {
  const names = journalNames(source);
  try {
    for (const name of names) copyFileSync(join(source, name), join(destination, name));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw error;
  }
  const after = new Set(journalNames(source));
  return names.every((name) => after.has(name));
}

/** Reads a copy as a start would: it throws when that would. A record that was being written is cut off. */
function examine(directory: string): Copied {
  const queues = new Queues(0);
  replay({ directory, repair: false, warn: () => {}, apply: (operation) => queues.apply(operation) });
  const messages = [...queues.all()].reduce((sum, { size }) => sum + size, 0);
  const names = journalNames(directory);
  const bytes = names.reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
  return { files: names.length, bytes, messages };
}
