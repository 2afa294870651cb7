import { createConnection, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { joinStrings, type OperationName, splitStrings } from '../wire/xenstore.ts';
import { listParts } from './directory.ts';
import { isStoreError, XenstoreError } from './errors.ts';
import { type EventListener, Requests } from './requests.ts';

/** A transaction under way; `NO_TRANSACTION` for none. */
export type TransactionId = number & { readonly [transaction]: true };
declare const transaction: unique symbol;

const asTransaction = (id: number) => id as TransactionId;
export const NO_TRANSACTION = asTransaction(0);

export interface ConnectOptions {
  /** xenstored's socket. */
  readonly path: string;
  /** ms without any answer after which the store is taken for dead. */
  readonly requestTimeout: number;
  readonly maxPayloadBytes: number;
  readonly maxInFlight?: number;
  readonly onEvent: EventListener;
}

/** As many requests as it takes to keep the store busy; more would only wait in its socket. */
const MAX_IN_FLIGHT = 128;

/** How often a transaction is tried that others get in the way of. */
const TRANSACTION_ATTEMPTS = 100;
const LONGEST_PAUSE_MS = 50;

/** The longest path that any daemon takes: XENSTORE_ABS_PATH_MAX and the name of a special watch are below it. */
const LONGEST_PATH = 3072;

/**
 * Connects to a store. A listening backlog of one makes connecting fail with EAGAIN while another client is being
 * accepted: it is tried again, for as long as a request may take.
 */
export async function connect(options: ConnectOptions): Promise<Connection> {
  const deadline = performance.now() + options.requestTimeout;
  for (let wait = 1; ; wait = Math.min(2 * wait, LONGEST_PAUSE_MS)) {
    try {
      const socket = await open(options.path);
      return new Connection(new Requests(socket, { maxInFlight: MAX_IN_FLIGHT, ...options }));
    } catch (error) {
      const again = error instanceof Error && 'code' in error && error.code === 'EAGAIN';
      if (!again || performance.now() > deadline) throw error;
      await pause(wait);
    }
  }
}

function open(path: string): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = createConnection(path);
  socket.once('error', reject);
  socket.once('connect', () => {
    socket.off('error', reject);
    resolve(socket);
  });
  return promise;
}

/**
 * One life of a connection to a store: it does not connect again, as the watches and transactions of the old life are
 * gone, and whoever had them must begin anew. Every request resolves, or rejects with a `XenstoreError`. Values are
 * bytes; paths and names are texts.
 */
export class Connection {
  readonly #requests: Requests;

  constructor(requests: Requests) {
    this.#requests = requests;
  }

  /** Settles when the connection has ended, with the reason unless it was closed from here. */
  get closed(): Promise<Error | undefined> {
    return this.#requests.closed;
  }

  close(): void {
    this.#requests.close();
  }

  read(path: string, tx = NO_TRANSACTION): Promise<Buffer> {
    return this.#ask('READ', path, joinStrings(path), tx);
  }

  /** A value as text, or nothing when there is no such node. */
  async readText(path: string, tx = NO_TRANSACTION): Promise<string | undefined> {
    try {
      return (await this.read(path, tx)).toString();
    } catch (error) {
      if (isStoreError(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  /** The names of a node's children, without the special `@…` that oxenstored lists at the root. */
  async directory(path: string, tx = NO_TRANSACTION): Promise<string[]> {
    const names = await this.#list(path, tx);
    return names.filter((name) => !name.startsWith('@'));
  }

  /** Creates the node, and its parents, if need be. */
  async write(path: string, value: Buffer | string, tx = NO_TRANSACTION): Promise<void> {
    const payload = Buffer.concat([Buffer.from(joinStrings(path)), Buffer.from(value)]);
    await this.#ask('WRITE', path, payload, tx);
  }

  async mkdir(path: string, tx = NO_TRANSACTION): Promise<void> {
    await this.#ask('MKDIR', path, joinStrings(path), tx);
  }

  /** Removes the node with all below it. Never the root: oxenstored would take that at its word. */
  async remove(path: string, tx = NO_TRANSACTION): Promise<void> {
    if (/^\/*$/.test(path)) throw new XenstoreError('EINVAL', 'RM of the root is refused');
    await this.#ask('RM', path, joinStrings(path), tx);
  }

  /** Permissions as the store writes them: `n0`, `r5`, … */
  async getPermissions(path: string, tx = NO_TRANSACTION): Promise<string[]> {
    return splitStrings(await this.#ask('GET_PERMS', path, joinStrings(path), tx));
  }

  async setPermissions(path: string, permissions: readonly string[], tx = NO_TRANSACTION): Promise<void> {
    await this.#ask('SET_PERMS', path, joinStrings(path, ...permissions), tx);
  }

  /** From now on, changes at and below the path come as events with this token; one comes at once. */
  async watch(path: string, token: string): Promise<void> {
    await this.#ask('WATCH', path, joinStrings(path, token), NO_TRANSACTION);
  }

  async unwatch(path: string, token: string): Promise<void> {
    await this.#ask('UNWATCH', path, joinStrings(path, token), NO_TRANSACTION);
  }

  /** The home of a domain, whether it exists or not: `/local/domain/N`. */
  async domainPath(domid: number): Promise<string> {
    return firstOf(await this.#ask('GET_DOMAIN_PATH', `${domid}`, joinStrings(`${domid}`), NO_TRANSACTION));
  }

  async isDomainIntroduced(domid: number): Promise<boolean> {
    const answer = await this.#ask(
      'IS_DOMAIN_INTRODUCED',
      `${domid}`,
      joinStrings(`${domid}`),
      NO_TRANSACTION,
    );
    return firstOf(answer) === 'T';
  }

  async introduceDomain(domid: number, gfn: number, eventChannel: number): Promise<void> {
    const payload = joinStrings(`${domid}`, `${gfn}`, `${eventChannel}`);
    await this.#ask('INTRODUCE', `${domid}`, payload, NO_TRANSACTION);
  }

  async releaseDomain(domid: number): Promise<void> {
    await this.#ask('RELEASE', `${domid}`, joinStrings(`${domid}`), NO_TRANSACTION);
  }

  /**
   * Runs in a transaction: all of what `run` does with the id it is given happens, or nothing. When others got in the
   * way it runs again, so it must do nothing else. What it throws ends the transaction and is thrown on.
   */
  async transaction<Result>(run: (tx: TransactionId) => Promise<Result>): Promise<Result> {
    for (let attempt = 1; ; attempt += 1) {
      const started = await this.#ask('TRANSACTION_START', '', '\0', NO_TRANSACTION);
      const tx = asTransaction(Number(firstOf(started)));
      try {
        const result = await run(tx);
        await this.#ask('TRANSACTION_END', '', joinStrings('T'), tx);
        return result;
      } catch (error) {
        // An EAGAIN from the end means that the store has ended the transaction; any other error leaves it open.
        if (!isStoreError(error, 'EAGAIN')) {
          await this.#abandon(tx);
          throw error;
        }
        if (attempt === TRANSACTION_ATTEMPTS) throw error;
      }
      await pause(Math.random() * Math.min(attempt, LONGEST_PAUSE_MS));
    }
  }

  async #abandon(tx: TransactionId): Promise<void> {
    // The connection may be gone, or the store may have ended the transaction: either way there is none any more.
    await this.#ask('TRANSACTION_END', '', joinStrings('F'), tx).catch(() => {});
  }

  async #list(path: string, tx: TransactionId): Promise<string[]> {
    try {
      return splitStrings(await this.#ask('DIRECTORY', path, joinStrings(path), tx));
    } catch (error) {
      // The C daemon's answer to a folder too large for a packet; oxenstored sends it in one piece.
      if (!isStoreError(error, 'E2BIG')) throw error;
      return listParts((offset) => this.#ask('DIRECTORY_PART', path, joinStrings(path, `${offset}`), tx));
    }
  }

  async #ask(
    operation: OperationName,
    subject: string,
    payload: Buffer | string,
    tx: TransactionId,
  ): Promise<Buffer> {
    if (subject.includes('\0')) throw new XenstoreError('EINVAL', `${operation}: a path with a NUL`);
    if (Buffer.byteLength(subject) > LONGEST_PATH) {
      throw new XenstoreError('ENAMETOOLONG', `${operation} of a path over ${LONGEST_PATH} bytes`);
    }
    return this.#requests.ask(operation, subject, payload, tx);
  }
}

const firstOf = (payload: Buffer): string => splitStrings(payload)[0] ?? '';
