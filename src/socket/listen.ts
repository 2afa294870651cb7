import { chmodSync, chownSync, lstatSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { setImmediate as nextRound } from 'node:timers/promises';
import ipc from 'node-ipc';
import type { Conversation, Peer, PeerIdentity } from '../wire/conversation.ts';
import { Connection, type ConnectionCounters, type ConnectionLimits, newCounters } from './connection.ts';

/** How many connections all sockets together hold now, and may hold. */
export interface ConnectionBudget {
  open: number;
  readonly max: number;
}

/** A socket that listens already: whoever has made it keeps it, with its path, its permissions and its owner. */
export interface InheritedSocket {
  readonly name: string;
  readonly path: string;
  /** Gives a descriptor of it, to be closed. */
  open(): number;
}

export interface SocketOptions {
  readonly path: string;
  /** Served instead of a new socket at the path. */
  readonly inherited?: InheritedSocket | undefined;
  /** Permission bits of the socket file. */
  readonly mode: number;
  /** The group that the socket file gets, or none. */
  readonly gid: number | undefined;
  readonly limits: ConnectionLimits;
  readonly budget: ConnectionBudget;
  /** What a connection above the budget is told before it is closed. */
  readonly refusal: string;
  /** Starts the conversation of a new connection. */
  readonly start: (peer: Peer) => Conversation;
  /** Told of each connection that was refused. */
  readonly refused: () => void;
  /** Keeps the peer from sending any more; false when that can't be. Absent: what was not read yet is thrown away. */
  readonly endReading?: ((socket: Socket) => boolean) | undefined;
  /** Asks who is at the other end. Absent: nobody wants to know. */
  readonly identify?: ((socket: Socket) => PeerIdentity | undefined) | undefined;
}

/** A socket that listens. */
export interface ListeningSocket {
  readonly path: string;
  readonly counters: ConnectionCounters;
  /**
   * Takes no new connections, and removes the file unless the socket was inherited. Settles when those are taken that had
   * been made before.
   */
  stopListening(): Promise<void>;
  /** Answers what each connection has sent until now, and closes it then. */
  finish(): void;
  /** Settles when it no longer listens and every connection has closed. */
  readonly drained: Promise<void>;
  /** Closes what is still open. */
  destroy(): void;
}

/** `sun_path` has 108 bytes with the closing NUL: unix(7). */
const MAX_PATH_BYTES = 107;

/** A socket can't be had at this path. The message is a line for the operator. */
export class SocketError extends Error {}

/**
 * Listens on a Unix socket. A socket file that nobody answers on any more is taken over; one that a live process
 * answers on is left alone, and the promise rejects with a `SocketError`.
 */
export async function listenOn(options: SocketOptions): Promise<ListeningSocket> {
  const { path, mode, gid, inherited } = options;
  if (inherited !== undefined) return listenOnInherited(inherited, options);
  const bytes = Buffer.byteLength(path);
  if (bytes > MAX_PATH_BYTES) {
    throw new SocketError(
      `the path of a Unix socket has at most ${MAX_PATH_BYTES} bytes, this one ${bytes}: ${path} (sockets.directory)`,
    );
  }
  await removeStale(path);
  const listening = new Listening(options);
  const server = await serve(path, mode, (socket) => listening.accept(socket));
  listening.server = server;
  chmodSync(path, mode);
  if (gid !== undefined) giveTo(path, gid);
  return listening;
}

function giveTo(path: string, gid: number): void {
  try {
    chownSync(path, process.getuid?.() ?? -1, gid);
  } catch (error) {
    if (error instanceof Error) error.message += ' (sockets.group)';
    throw error;
  }
}

async function listenOnInherited(
  { path, open }: InheritedSocket,
  options: SocketOptions,
): Promise<Listening> {
  const listening = new Listening({ ...options, path });
  const server = createServer((socket) => listening.accept(socket));
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen({ fd: open() }, resolve);
  await promise;
  listening.server = server;
  return listening;
}

class Listening implements ListeningSocket {
  readonly path: string;
  readonly counters = newCounters();
  readonly drained: Promise<void>;
  server: Server | undefined;
  readonly #options: SocketOptions;
  readonly #connections = new Set<Connection>();
  #isClosed = false;
  #setDrained: () => void = () => {};

  constructor(options: SocketOptions) {
    this.path = options.path;
    this.#options = options;
    this.drained = new Promise((resolve) => {
      this.#setDrained = resolve;
    });
  }

  accept(socket: Socket): void {
    const { budget, refusal, refused, start, limits, identify } = this.#options;
    if (budget.open >= budget.max) {
      this.counters.refused += 1;
      socket.on('error', () => socket.destroy());
      socket.end(refusal, () => socket.destroy());
      refused();
      return;
    }
    budget.open += 1;
    this.counters.open += 1;
    this.counters.accepted += 1;
    const gone = (connection: Connection) => {
      budget.open -= 1;
      this.counters.open -= 1;
      this.#connections.delete(connection);
      this.#settle();
    };
    this.#connections.add(new Connection(socket, start, limits, this.counters, gone, identify?.(socket)));
  }

  async stopListening(): Promise<void> {
    const { server } = this;
    if (server === undefined) return;
    this.server = undefined;
    // What waits at an inherited socket is there for the next process. Here the kernel would reset it.
    if (this.#options.inherited === undefined) {
      rmSync(this.path, { force: true });
      await this.#takeAll();
    }
    server.close();
    this.#isClosed = true;
    this.#settle();
  }

  /** Nobody can come any more. Who waits is taken one in each round of the event loop, the first of which is no whole one. */
  async #takeAll(): Promise<void> {
    let taken: number | undefined;
    await nextRound();
    while (taken !== this.#taken) {
      taken = this.#taken;
      await nextRound();
    }
  }

  get #taken(): number {
    return this.counters.accepted + this.counters.refused;
  }

  finish(): void {
    for (const connection of this.#connections) connection.finishAll(this.#options.endReading);
  }

  destroy(): void {
    for (const connection of this.#connections) connection.destroy();
  }

  #settle(): void {
    if (this.#isClosed && this.#connections.size === 0) this.#setDrained();
  }
}

/** Binds through node-ipc, in raw mode: it hands over each connection's plain socket, and looks at no byte itself. */
function serve(path: string, mode: number, accept: (socket: Socket) => void): Promise<Server> {
  const { promise, resolve, reject } = Promise.withResolvers<Server>();
  // One instance a socket, as each holds one server.
  const instance = new ipc.IPC();
  Object.assign(instance.config, {
    rawBuffer: true,
    silent: true,
    // The limit is counted over all sockets and refused with a text; the server's own would close without a word.
    maxConnections: Number.POSITIVE_INFINITY,
    // What stands at the path was looked at already, and permissions are set here.
    unlink: false,
    secureSocketRoot: false,
  });
  instance.serve(path, () => {
    resolve(instance.server.server);
  });
  instance.server.on('error', reject);
  instance.server.on('connect', (socket: Socket) => {
    // node-ipc would publish each chunk to subscribers of its own, of which there are none: it costs time and is taken
    // off. Not by `removeAllListeners`, after which Node finds the socket's other listeners in a slower way.
    for (const listener of socket.listeners('data')) socket.off('data', listener as () => void);
    accept(socket);
  });
  // The file's mode comes from the umask: set for the moment of the bind, so that it is never wider than asked.
  const umask = process.umask(0o777 & ~mode);
  try {
    instance.server.start();
  } finally {
    process.umask(umask);
  }
  return promise;
}

async function removeStale(path: string): Promise<void> {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isSocket()) throw new SocketError(`${path} is in the way: it is no socket`);
  if (await answers(path)) throw new SocketError(`${path} is in use by another process`);
  rmSync(path, { force: true });
}

function answers(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const probe = createConnection(path);
  probe.once('connect', () => {
    probe.destroy();
    resolve(true);
  });
  // Nobody listens, or the file has gone meanwhile. Anything else comes from a live process: its backlog is full (EAGAIN), it
  // is of another kind (EPROTOTYPE), or is not for us (EACCES).
  const isLeft = (code: string | undefined): boolean => code === 'ECONNREFUSED' || code === 'ENOENT';
  probe.once('error', (error: NodeJS.ErrnoException) => resolve(!isLeft(error.code)));
  return promise;
}
