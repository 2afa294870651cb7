/** A connection as the broker knows it. Only `Sessions` changes it. */
export interface BrokerConnection {
  /** It is the daemon's own, whose queues are served however many sessions others have. */
  readonly isOwn: boolean;
  /** The session that it acts for: the one of its last login. */
  token: string | undefined;
  /** All sessions that it has logged in to. It keeps each of them there until it closes. */
  readonly held: Set<string>;
}

/**
 * Which connections share which session. A session is there as long as a connection holds it, and for a while longer where
 * its owner may come back.
 */
export class Sessions {
  readonly #connections = new Map<string, number>();
  /** Sessions without a connection, and until when they are waited for, in ms since the epoch. */
  readonly #absent = new Map<string, number>();

  get size(): number {
    return this.#connections.size + this.#absent.size;
  }

  has(token: string): boolean {
    return this.#connections.has(token) || this.#absent.has(token);
  }

  /** Waits for an owner, unless it is here, or is waited for already. */
  waitFor(token: string, until: number): void {
    if (!this.has(token)) this.#absent.set(token, until);
  }

  /** When the next of those who are waited for has to be here; infinite: there is none. */
  get nextEnd(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const until of this.#absent.values()) next = Math.min(next, until);
    return next;
  }

  /** Ends the sessions whose owners did not come back in time, and gives them. */
  end(now: number): string[] {
    const ended = [...this.#absent].filter(([, until]) => until <= now).map(([token]) => token);
    for (const token of ended) this.#absent.delete(token);
    return ended;
  }

  /** Binds a connection to a session. Sessions that it was bound to before stay: what they own may still be used. */
  bind(connection: BrokerConnection, token: string): void {
    this.#absent.delete(token);
    connection.token = token;
    if (connection.held.has(token)) return;
    connection.held.add(token);
    this.#connections.set(token, (this.#connections.get(token) ?? 0) + 1);
  }

  /** The connection has closed. Gives the sessions that have none any more. */
  release(connection: BrokerConnection): string[] {
    const ended = [...connection.held].filter((token) => this.#leave(token));
    connection.token = undefined;
    connection.held.clear();
    return ended;
  }

  /** True when it was the last connection. */
  #leave(token: string): boolean {
    const left = (this.#connections.get(token) ?? 0) - 1;
    if (left > 0) this.#connections.set(token, left);
    else this.#connections.delete(token);
    return left <= 0;
  }
}
