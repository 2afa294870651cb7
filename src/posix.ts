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
const SO_PEERGROUPS = 59;
/** `struct ucred`: unix(7): pid, uid and gid, 32 bits each. */
const UCRED_BYTES = 12;
/** `gid_t` */
const GID_BYTES = 4;
/** There is room for so many groups at first; the kernel tells when there are more. */
const USUAL_GROUPS = 32;
const { ERANGE } = osConstants.errno;

/** Who is at the other end of a Unix socket, as it was when the connection was made; `undefined`: it is closed already. */
export function peerIdentity(
  socket: Socket,
): { pid: number; uid: number; gid: number; groups: number[] } | undefined {
  // Node keeps the descriptor in a field that its types don't know.
  const handle: unknown = Reflect.get(socket, '_handle');
  const fd = typeof handle === 'object' && handle !== null && 'fd' in handle ? handle.fd : undefined;
  if (typeof fd !== 'number' || fd < 0) return undefined;
  const ucred = Buffer.alloc(UCRED_BYTES);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ucred, [UCRED_BYTES]) !== 0) return undefined;
  return {
    pid: ucred.readInt32LE(0),
    uid: ucred.readUInt32LE(4),
    gid: ucred.readUInt32LE(8),
    groups: peerGroups(fd, USUAL_GROUPS),
  };
}

/** The supplementary groups of the peer: none where the kernel does not tell them. */
function peerGroups(fd: number, room: number): number[] {
  const gids = Buffer.alloc(room * GID_BYTES);
  const length = [gids.length];
  const failed = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, gids, length) !== 0;
  const [bytes = 0] = length;
  if (failed) {
    const isLarger = koffi.errno() === ERANGE && bytes > gids.length;
    return isLarger ? peerGroups(fd, bytes / GID_BYTES) : [];
  }
  return Array.from({ length: bytes / GID_BYTES }, (_, index) => gids.readUInt32LE(index * GID_BYTES));
}

/** How many files the process may have open: the soft limit, which Node raises to the hard one when it starts. */
export function openFileLimit(): number {
  const soft = /^Max open files\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
  return soft === undefined || soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft);
}

/** (gid_t) -1 and (uid_t) -1 are nobody's: they say "leave it as it is" to chown(2). */
const NO_ID = 0xffff_ffff;

/** The number of a group, given by name or number: group(5). `undefined`: there is no such group. */
export const groupId = (group: string): number | undefined => idOf('/etc/group', group);

/** The number of a user, given by name or number: passwd(5). `undefined`: there is no such user. */
export const userId = (user: string): number | undefined => idOf('/etc/passwd', user);

/** Both files have lines that begin with `name:password:number:`. */
function idOf(file: string, who: string): number | undefined {
  if (/^[0-9]{1,10}$/.test(who)) return Number(who) < NO_ID ? Number(who) : undefined;
  const entries = readFileSync(file, 'utf8').split('\n');
  const [, , id = ''] = entries.map((entry) => entry.split(':')).find(([name]) => name === who) ?? [];
  return /^[0-9]{1,10}$/.test(id) ? Number(id) : undefined;
}

const pipe2 = libc.func('int pipe2(_Out_ int *ends, int flags)');

/** pipe2(2): a child gets only the ends that it is given by name. */
const O_CLOEXEC = 0o2000000;

/**
 * A pipe: what is written into one end is read from the other. Node gives children sockets instead, and a shell that
 * opens /dev/stderr can't open a socket. Who asks for it closes both ends. Throws when the process has too many files.
 */
export function openPipe(): { readonly readEnd: number; readonly writeEnd: number } {
  const ends = [0, 0];
  if (pipe2(ends, O_CLOEXEC) !== 0) throw new Error(`pipe2 failed: ${getSystemErrorMessage(-koffi.errno())}`);
  const [readEnd = -1, writeEnd = -1] = ends;
  return { readEnd, writeEnd };
}
