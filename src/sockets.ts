import { type Config, ConfigError } from './config.ts';
import { groupId, openFileLimit, peerIdentity } from './posix.ts';
import type { Reporter } from './reporter.ts';
import { type ListeningSocket, listenOn, type SocketOptions } from './socket/listen.ts';

/** Descriptors that are no connections: sockets that listen, the locks, the journal, the log, xenstore, and Node's own. */
const RESERVED_FILES = 64;

/** All sockets of the daemon, and the connections that they may have together. */
export class Sockets {
  readonly #config: Config['sockets'];
  readonly #report: Reporter;
  readonly #listening: ListeningSocket[] = [];
  readonly #budget: { open: number; readonly max: number };

  constructor(config: Config['sockets'], report: Reporter) {
    this.#config = config;
    this.#report = report;
    this.#budget = { open: 0, max: this.#connectionsAllowed() };
  }

  get all(): readonly ListeningSocket[] {
    return this.#listening;
  }

  /** Opens a socket. `refusal` is how its protocol says the reason that it is given. */
  async listen(
    path: string,
    start: SocketOptions['start'],
    refusal: (reason: string) => string,
  ): Promise<ListeningSocket> {
    const { mode, group, requestTimeout, maxUnsentBytes } = this.#config;
    const gid = group === '' ? undefined : groupId(group);
    if (group !== '' && gid === undefined) throw new ConfigError(`sockets.group: there is no group ${group}`);
    const reason = `there are as many connections as sockets.maxConnections (${this.#budget.max}) allows`;
    const socket = await listenOn({
      path,
      mode,
      gid,
      limits: { requestTimeout, maxUnsentBytes },
      budget: this.#budget,
      refusal: refusal(reason),
      refused: () =>
        this.#report('warn', `${path} full`, { socket: path }, `a connection was refused: ${reason}`),
      start,
      identify: peerIdentity,
    });
    this.#listening.push(socket);
    return socket;
  }

  /** A socket that is no more listened on, and has no connection left. */
  forget(socket: ListeningSocket): void {
    const index = this.#listening.indexOf(socket);
    if (index >= 0) this.#listening.splice(index, 1);
  }

  /** Fewer than asked for when the process may not have as many files open, and that is said. */
  #connectionsAllowed(): number {
    const { maxConnections } = this.#config;
    const possible = openFileLimit() - RESERVED_FILES;
    if (possible >= maxConnections) return maxConnections;
    const text = `LimitNOFILE allows ${possible} connections, fewer than sockets.maxConnections (${maxConnections})`;
    this.#report('warn', 'LimitNOFILE', { maxConnections, possible }, text);
    return Math.max(1, possible);
  }
}
