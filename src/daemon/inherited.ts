import { duplicate, listeningPath } from '../posix.ts';
import { type InheritedSocket, SocketError } from '../socket/listen.ts';

export interface InheritedOptions {
  /** LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES of it. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly pid: number;
}

/** sd_listen_fds(3): after standard input, output and error. */
const FIRST_DESCRIPTOR = 3;

/**
 * The sockets that the service manager has opened for this process, by the protocol of sd_listen_fds(3). Throws a
 * `SocketError` when one is no Unix socket that listens.
 */
export function inheritedSockets({ environment, pid }: InheritedOptions): InheritedSocket[] {
  const { LISTEN_PID: whose, LISTEN_FDS: count, LISTEN_FDNAMES: given = '' } = environment;
  if (count === undefined || whose !== `${pid}`) return [];
  if (!/^[0-9]{1,4}$/.test(count)) {
    throw new SocketError(`LISTEN_FDS: expected a number of sockets, got ${JSON.stringify(count)}`);
  }
  const names = given.split(':');
  return Array.from({ length: Number(count) }, (_, index) => {
    const fd = FIRST_DESCRIPTOR + index;
    const name = names[index] ?? '';
    const path = listeningPath(fd);
    if (path === undefined) {
      throw new SocketError(
        `LISTEN_FDS: expected a Unix stream socket that listens as descriptor ${fd} (${JSON.stringify(name)})`,
      );
    }
    return { name, path, open: () => duplicate(fd) };
  });
}
