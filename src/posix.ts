import { closeSync, constants, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import koffi from 'koffi';

/** What Node has no call for, through koffi, and what /proc and /etc tell. */

const libc = koffi.load('libc.so.6');
const flock = libc.func('int flock(int fd, int operation)');

/** flock(2). */
const LOCK_EX = 2;
const LOCK_NB = 4;

export type LockOutcome =
  | { readonly type: 'locked'; release(): void }
  /** Another process has it; `note` is what it wrote into the file. */
  | { readonly type: 'held'; readonly note: string };

/**
 * Takes an exclusive lock on a file, which is created if need be, and writes a note into it for people. The lock is
 * the kernel's: it goes with the process, however that ends; the note is only information.
 */
export function lockFile(path: string, note: string): LockOutcome {
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  if (flock(fd, LOCK_EX | LOCK_NB) !== 0) {
    const held = readFileSync(fd, 'utf8').trim();
    closeSync(fd);
    return { type: 'held', note: held };
  }
  ftruncateSync(fd);
  writeSync(fd, `${note}\n`, 0);
  return { type: 'locked', release: () => closeSync(fd) };
}

/** How many files the process may have open: the soft limit, which Node raises to the hard one when it starts. */
export function openFileLimit(): number {
  const soft = /^Max open files\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
  return soft === undefined || soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft);
}

/** The number of a group, given by name or number: group(5). `undefined`: there is no such group. */
export function groupId(group: string): number | undefined {
  if (/^[0-9]{1,10}$/.test(group)) return Number(group);
  const line = readFileSync('/etc/group', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${group}:`));
  return line === undefined ? undefined : Number(line.split(':')[2]);
}
