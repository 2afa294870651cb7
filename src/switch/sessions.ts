/** A connection as the broker knows it: which session it is bound to. Only `Sessions` changes it. */
export interface BrokerConnection {
  token: string | undefined;
}

/** Which connections share which session. A session is there as long as a connection is bound to it. */
export class Sessions {
  readonly #connections = new Map<string, number>();

  get size(): number {
    return this.#connections.size;
  }

  has(token: string): boolean {
    return this.#connections.has(token);
  }

  /** Binds a connection to a session, and takes it from the one before. Gives the session that ended by that. */
  bind(connection: BrokerConnection, token: string): string | undefined {
    this.#connections.set(token, (this.#connections.get(token) ?? 0) + 1);
    const ended = this.release(connection);
    connection.token = token;
    return ended;
  }

  /** The connection is bound to none any more. Gives the session that ended by that. */
  release(connection: BrokerConnection): string | undefined {
    const { token } = connection;
    connection.token = undefined;
    if (token === undefined) return undefined;
    const left = (this.#connections.get(token) ?? 0) - 1;
    if (left > 0) {
      this.#connections.set(token, left);
      return undefined;
    }
    this.#connections.delete(token);
    return token;
  }
}
