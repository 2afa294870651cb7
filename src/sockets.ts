import { statSync } from 'node:fs';
import { basename } from 'node:path';
import { type Config, ConfigError } from './config.ts';
import type { Logger } from './log.ts';
import { endReading, groupId, openFileLimit, peerIdentity } from './posix.ts';
import type { Reporter } from './reporter.ts';
import { type InheritedSocket, type ListeningSocket, listenOn, type SocketOptions } from './socket/listen.ts';
import type { Peer } from './wire/conversation.ts';

/** Descriptors that are no connections: sockets that listen, the locks, the journal, the log, xenstore, and Node's own. */
const RESERVED_FILES = 64;

/** All sockets of the daemon, and the connections that they may have together. */
export class Sockets {
  readonly #config: Config['sockets'];
  readonly #report: Reporter;
  readonly #logger: Logger;
  readonly #listening: ListeningSocket[] = [];
  readonly #inherited: readonly InheritedSocket[];
  readonly #unused: Set<InheritedSocket>;
  readonly #budget: { open: number; readonly max: number };

  constructor(
    config: Config['sockets'],
    report: Reporter,
    logger: Logger,
    inherited: readonly InheritedSocket[] = [],
  ) {
    this.#config = config;
    this.#report = report;
    this.#logger = logger;
    this.#inherited = inherited;
    this.#unused = new Set(inherited);
    this.#budget = { open: 0, max: this.#connectionsAllowed() };
  }

  get all(): readonly ListeningSocket[] {
    return this.#listening;
  }

  /** Says which sockets were inherited and are asked for by nobody yet: their clients would wait. */
  warnOfUnused(): void {
    for (const { name, path } of this.#unused) {
      const text = `nothing serves the socket ${path} (${name}) that the service manager has opened`;
      this.#report('warn', `${path} unused`, { socket: path }, text);
    }
  }

  /**
   * Opens a socket, or serves one that was inherited, because it is at the path or by its name, which all sockets of a unit
   * have together. `refusal` is how its protocol says the reason that it is given.
   */
  async listen(
    path: string,
    start: SocketOptions['start'],
    refusal: (reason: string) => string,
    name = basename(path),
  ): Promise<ListeningSocket> {
    const free = this.#inherited.filter((each) => this.#listening.every((other) => other.path !== each.path));
    const inherited =
      free.find((each) => isSameFile(each.path, path)) ?? free.find((each) => each.name === name);
    if (inherited !== undefined) this.#unused.delete(inherited);
    const { mode, group, requestTimeout, maxUnsentBytes, slowReaderTimeout } = this.#config;
    const gid = group === '' ? undefined : groupId(group);
    if (group !== '' && gid === undefined) throw new ConfigError(`sockets.group: there is no group ${group}`);
    const reason = `there are as many connections as sockets.maxConnections (${this.#budget.max}) allows`;
    const socket = await listenOn({
      path,
      inherited,
      mode,
      gid,
      limits: { requestTimeout, maxUnsentBytes, slowReaderTimeout },
      budget: this.#budget,
      refusal: refusal(reason),
      refused: () =>
        this.#report('warn', `${path} full`, { socket: path }, `a connection was refused: ${reason}`),
      start: (peer) => {
        this.#noteConnected(path, peer);
        return start(peer);
      },
      identify: peerIdentity,
      endReading,
    });
    this.#listening.push(socket);
    return socket;
  }

  #noteConnected(path: string, { identity }: Peer): void {
    if (!this.#logger.isLevelEnabled('debug')) return;
    this.#logger.debug({ socket: path, pid: identity?.pid, uid: identity?.uid }, 'a client has connected');
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

function isSameFile(one: string, other: string): boolean {
  const [first, second] = [one, other].map((path) => statSync(path, { throwIfNoEntry: false }));
  return first !== undefined && first.ino === second?.ino && first.dev === second.dev;
}
