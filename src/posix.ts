import { closeSync, constants, ftruncateSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { constants as osConstants } from 'node:os';
import { getSystemErrorMessage } from 'node:util';
import koffi from 'koffi';

/** What Node has no call for, through koffi, and what /proc and /etc tell. */

const libc = koffi.load('libc.so.6');
const flock = libc.func('int flock(int fd, int operation)');

/** flock(2). */
const LOCK_EX = 2;
const LOCK_NB = 4;
/** Its errno when another has the lock: errno(3). */
const { EWOULDBLOCK } = osConstants.errno;

export type LockOutcome =
  | { readonly type: 'locked'; release(): void }
  /** Another process has it; `note` is the pid that it wrote into the file, or `unknown`. */
  | { readonly type: 'held'; readonly note: string };

/**
 * Takes an exclusive lock on a file, which is created if need be, and writes a pid into it for people. The lock is
 * the kernel's: it goes with the process, however that ends; the pid is only information. Whoever is given the lock
 * releases it once; the file stays, because a lock on a removed file would keep nobody out.
 */
export function lockFile(path: string, pid: string): LockOutcome {
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  if (flock(fd, LOCK_EX | LOCK_NB) !== 0) {
    const errno = koffi.errno();
    const note = readPid(fd);
    closeSync(fd);
    if (errno !== EWOULDBLOCK) throw new Error(`${path}: flock failed: ${getSystemErrorMessage(-errno)}`);
    return { type: 'held', note };
  }
  ftruncateSync(fd);
  writeSync(fd, `${pid}\n`, 0);
  let held = true;
  return {
    type: 'locked',
    release: () => {
      // The number of a closed descriptor may be another file's by now.
      if (held) closeSync(fd);
      held = false;
    },
  };
}

/** The pid that stands in the file. The holder may be about to write it, and anyone may have written anything. */
function readPid(fd: number): string {
  const bytes = Buffer.alloc(32);
  const text = bytes.toString('latin1', 0, readSync(fd, bytes, 0, bytes.length, 0)).trim();
  return /^[0-9]{1,10}$/.test(text) ? text : 'unknown';
}

const getsockopt = libc.func(
  'int getsockopt(int fd, int level, int name, void *value, _Inout_ uint32_t *length)',
);

/** socket(7). */
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
/** `struct ucred`: unix(7): pid, uid and gid, 32 bits each. */
const UCRED_BYTES = 12;

/** Who is at the other end of a Unix socket, as it was when the connection was made; `undefined`: it is closed already. */
export function peerIdentity(socket: Socket): { pid: number; uid: number; gid: number } | undefined {
  // Node keeps the descriptor in a field that its types don't know.
  const handle: unknown = Reflect.get(socket, '_handle');
  const fd = typeof handle === 'object' && handle !== null && 'fd' in handle ? handle.fd : undefined;
  if (typeof fd !== 'number' || fd < 0) return undefined;
  const ucred = Buffer.alloc(UCRED_BYTES);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ucred, [UCRED_BYTES]) !== 0) return undefined;
  return { pid: ucred.readInt32LE(0), uid: ucred.readUInt32LE(4), gid: ucred.readUInt32LE(8) };
}

/** How many files the process may have open: the soft limit, which Node raises to the hard one when it starts. */
export function openFileLimit(): number {
  const soft = /^Max open files\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
  return soft === undefined || soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft);
}

/** (gid_t) -1 is no group: it says "leave it as it is" to chown(2). */
const NO_GID = 0xffff_ffff;

/** The number of a group, given by name or number: group(5). `undefined`: there is no such group. */
export function groupId(group: string): number | undefined {
  if (/^[0-9]{1,10}$/.test(group)) return Number(group) < NO_GID ? Number(group) : undefined;
  const entries = readFileSync('/etc/group', 'utf8').split('\n');
  const [, , gid = ''] = entries.map((entry) => entry.split(':')).find(([name]) => name === group) ?? [];
  return /^[0-9]{1,10}$/.test(gid) ? Number(gid) : undefined;
}
