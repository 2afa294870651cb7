import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { JournalError } from './replay.ts';
import { journalFiles } from './segment.ts';

export interface Copied {
  readonly files: number;
  readonly bytes: number;
}

/** What an examination of the copy gave. */
interface Examined<Result> {
  readonly examined: Result;
}

/** How often a copy is begun anew because the journal was compacted meanwhile. */
const ATTEMPTS = 10;

/**
 * Copies the journal in a folder into a new one, also while a daemon writes it: what was committed before is in the copy.
 * `examine` gets the folder of the copy, and reads it as a start would. Throws a `JournalError` with a line for the
 * operator.
 */
export function backUp<Result>(
  source: string,
  destination: string,
  examine: (directory: string) => Result,
): Copied & Examined<Result> {
  if (journalNames(source).length === 0) throw new JournalError(`${source}: there is no journal`);
  if (existsSync(destination)) throw new JournalError(`${destination}: is there already`);
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    mkdirSync(destination, { recursive: true, mode: 0o700 });
    if (copyAll(source, destination)) return { examined: examine(destination), ...sizeOf(destination) };
    rmSync(destination, { recursive: true });
  }
  throw new JournalError(`${source}: the journal was compacted each of ${ATTEMPTS} times that it was copied`);
}

/**
 * Puts a copy in the place of the journal in a folder, which is set aside, when `examine` has read it. Nobody may write
 * either. Gives what was restored, and where the journal is that was there.
 */
export function restore<Result>(
  place: string,
  copy: string,
  examine: (directory: string) => Result,
): Copied & Examined<Result> & { readonly aside: string | undefined } {
  if (journalNames(copy).length === 0) throw new JournalError(`${copy}: there is no journal`);
  const incoming = `${place}.new`;
  rmSync(incoming, { recursive: true, force: true });
  mkdirSync(incoming, { recursive: true, mode: 0o700 });
  copyAll(copy, incoming);
  const restored = { examined: examine(incoming), ...sizeOf(incoming) };
  const aside = existsSync(place) ? asideName(place) : undefined;
  if (aside !== undefined) renameSync(place, aside);
  renameSync(incoming, place);
  return { ...restored, aside };
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

function sizeOf(directory: string): Copied {
  const names = journalNames(directory);
  const bytes = names.reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
  return { files: names.length, bytes };
}
