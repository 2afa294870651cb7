import { accessSync, closeSync, constants, openSync, readSync, statSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';

/** What a file is executed by. */

const FIRST_BYTES = 256;
const ELF = '\x7fELF';

/** Why a file can't be executed, or what is odd about it; nothing: it can. */
export type ProgramFault = { readonly level: 'error' | 'warning'; readonly text: string } | undefined;

/** Looks at the beginning of an executable file, and whether its interpreter is there. `path`: where env looks. */
export function programFault(file: string, path: string): ProgramFault {
  const beginning = firstBytes(file);
  if (beginning.startsWith(ELF)) return undefined;
  if (!beginning.startsWith('#!')) {
    return { level: 'warning', text: 'it has no #! line: it is run by /bin/sh' };
  }
  const [line = ''] = beginning.slice(2).split('\n');
  if (line.endsWith('\r')) {
    return {
      level: 'error',
      text: 'its #! line ends with a carriage return, which becomes a part of the name: write lines as Unix does',
    };
  }
  const [interpreter = '', ...words] = line.trim().split(/\s+/);
  if (!isAbsolute(interpreter)) {
    return { level: 'error', text: `its interpreter ${interpreter || '(none)'} is no absolute path` };
  }
  if (!isExecutable(interpreter)) {
    return { level: 'error', text: `its interpreter ${interpreter} is not there, or not executable` };
  }
  if (!interpreter.endsWith('/env')) return undefined;
  const program = words.find((word) => !word.startsWith('-') && !word.includes('='));
  if (program === undefined) return { level: 'error', text: 'its #! line names no program behind env' };
  const places = isAbsolute(program)
    ? [program]
    : path.split(delimiter).map((folder) => join(folder, program));
  if (places.some(isExecutable)) return undefined;
  return { level: 'error', text: `its interpreter ${program} is not in PATH (${path})` };
}

function firstBytes(file: string): string {
  const bytes = Buffer.alloc(FIRST_BYTES);
  const fd = openSync(file, 'r');
  try {
    return bytes.toString('latin1', 0, readSync(fd, bytes));
  } finally {
    closeSync(fd);
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
