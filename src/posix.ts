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

/** The system's words for why the last call has failed. */
const lastError = (): string => getSystemErrorMessage(-koffi.errno());

/** Who is at the other end of a Unix socket, as it was when the connection was made; `undefined`: it is closed already. */
export function peerIdentity(
  socket: Socket,
): { pid: number; uid: number; gid: number; groups: number[] } | undefined {
  const fd = descriptorOf(socket);
  if (fd === undefined) return undefined;
  const ucred = Buffer.alloc(UCRED_BYTES);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ucred, [UCRED_BYTES]) !== 0) return undefined;
  return {
    pid: ucred.readInt32LE(0),
    uid: ucred.readUInt32LE(4),
    gid: ucred.readUInt32LE(8),
    groups: peerGroups(fd, USUAL_GROUPS),
  };
}

/** Node keeps the descriptor in a field that its types don't know. */
function descriptorOf(socket: Socket): number | undefined {
  const handle: unknown = Reflect.get(socket, '_handle');
  const fd = typeof handle === 'object' && handle !== null && 'fd' in handle ? handle.fd : undefined;
  return typeof fd === 'number' && fd >= 0 ? fd : undefined;
}

const shutdown = libc.func('int shutdown(int fd, int how)');

/** shutdown(2). */
const SHUT_RD = 0;

/**
 * From now on the peer of a Unix socket can send nothing: it gets EPIPE. What it has sent is still read, then the end. False:
 * the socket is closed.
 */
export function endReading(socket: Socket): boolean {
  const fd = descriptorOf(socket);
  return fd !== undefined && shutdown(fd, SHUT_RD) === 0;
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
  if (pipe2(ends, O_CLOEXEC) !== 0) throw new Error(`pipe2 failed: ${lastError()}`);
  const [readEnd = -1, writeEnd = -1] = ends;
  return { readEnd, writeEnd };
}

const newSocket = libc.func('int socket(int domain, int type, int protocol)');
const setsockopt = libc.func(
  'int setsockopt(int fd, int level, int name, const void *value, uint32_t length)',
);
const sendto = libc.func(
  'intptr_t sendto(int fd, const void *bytes, size_t length, int flags, const void *address, uint32_t addressLength)',
);

/** socket(2), socket(7), send(2). */
const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = O_CLOEXEC;
const SO_SNDTIMEO = 21;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
/** `sun_path` has 108 bytes with the closing NUL: unix(7). */
const MAX_ADDRESS_BYTES = 107;
/** `struct timeval` with the longest time that a patient send waits: seconds and microseconds, 64 bits each. */
const PATIENCE = Buffer.from(BigInt64Array.of(1n, 0n).buffer);

/** Sends datagrams to one address. */
export interface DatagramSender {
  /**
   * Sends one; gives the system's words when that fails. One who reads too slowly is waited for: `patient`, for a second at
   * most, in which the whole process stands still; `at-once`, not at all.
   */
  send(bytes: string | Buffer, manner: 'patient' | 'at-once'): string | undefined;
}

/**
 * A sender to a datagram socket of the file system, by an absolute path, or to an abstract one, by `@` and its name. It
 * has a descriptor for as long as the process lives. Throws when the address is neither, or too long.
 */
export function openDatagramSender(address: string): DatagramSender {
  const bytes = Buffer.from(address);
  if (!/^[/@]./.test(address) || bytes.length > MAX_ADDRESS_BYTES) {
    const expected = `an absolute path or @ and a name, of at most ${MAX_ADDRESS_BYTES} bytes`;
    throw new Error(`expected ${expected}, got ${JSON.stringify(address)}`);
  }
  const fd = newSocket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw new Error(`socket failed: ${lastError()}`);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, PATIENCE, PATIENCE.length);
  const isAbstract = address.startsWith('@');
  // `struct sockaddr_un`: the family, then the path with its NUL, or a NUL and the name without one.
  const name = isAbstract ? Buffer.concat([Buffer.of(0), bytes.subarray(1)]) : Buffer.from(`${address}\0`);
  const to = Buffer.concat([Buffer.from(Uint16Array.of(AF_UNIX).buffer), name]);
  return {
    send: (text, manner) => {
      const message = Buffer.from(text);
      const flags = MSG_NOSIGNAL | (manner === 'at-once' ? MSG_DONTWAIT : 0);
      const sent = sendto(fd, message, message.length, flags, to, to.length);
      return Number(sent) < 0 ? lastError() : undefined;
    },
  };
}

const getsockname = libc.func('int getsockname(int fd, void *address, _Inout_ uint32_t *length)');
const fcntl = libc.func('int fcntl(int fd, int command, ...)');

/** socket(7) and fcntl(2). */
const SO_TYPE = 3;
const SO_ACCEPTCONN = 30;
const SOCK_STREAM = 1;
const F_DUPFD_CLOEXEC = 1030;
/** `sizeof (struct sockaddr_un)`: a family of 16 bits, and a path. */
const ADDRESS_BYTES = 110;
const FAMILY_BYTES = 2;

/**
 * The path of a Unix stream socket that listens, which may be anybody's descriptor; that of an abstract one begins with
 * `@`. `undefined`: it is something else, or nothing.
 */
export function listeningPath(fd: number): string | undefined {
  if (socketOption(fd, SO_TYPE) !== SOCK_STREAM || socketOption(fd, SO_ACCEPTCONN) !== 1) return undefined;
  const address = Buffer.alloc(ADDRESS_BYTES);
  const length = [address.length];
  if (getsockname(fd, address, length) !== 0) return undefined;
  const [bytes = 0] = length;
  if (Buffer.from(Uint16Array.of(AF_UNIX).buffer).compare(address, 0, FAMILY_BYTES) !== 0) return undefined;
  const path = address.subarray(FAMILY_BYTES, bytes);
  if (path[0] === 0) return `@${path.toString('utf8', 1)}`;
  const end = path.indexOf(0);
  return path.toString('utf8', 0, end < 0 ? path.length : end);
}

function socketOption(fd: number, name: number): number | undefined {
  const value = new Int32Array(1);
  if (getsockopt(fd, SOL_SOCKET, name, value, [value.byteLength]) !== 0) return undefined;
  return value[0];
}

/** Another descriptor of the same file, that no child gets. Who asks for it closes it. */
export function duplicate(fd: number): number {
  const copy: number = fcntl(fd, F_DUPFD_CLOEXEC, 'int', 0);
  if (copy < 0) throw new Error(`fcntl failed: ${lastError()}`);
  return copy;
}
