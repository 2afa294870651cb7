/** A connection as the broker knows it. Only `Sessions` changes it. */
export interface BrokerConnection {
  /** The session that it acts for: the one of its last login. */
  token: string | undefined;
  /** All sessions that it has logged in to. It keeps each of them there until it closes. */
  readonly held: Set<string>;
}

/** Which connections share which session. A session is there as long as a connection holds it. */
export class Sessions {
  readonly #connections = new Map<string, number>();

  get size(): number {
    return this.#connections.size;
  }

  has(token: string): boolean {
    return this.#connections.has(token);
  }

  /** Binds a connection to a session. Sessions that it was bound to before stay: what they own may still be used. */
  bind(connection: BrokerConnection, token: string): void {
    connection.token = token;
    if (connection.held.has(token)) return;
    connection.held.add(token);
    this.#connections.set(token, (this.#connections.get(token) ?? 0) + 1);
  }

  /** The connection has closed. Gives the sessions that ended by that. */
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
