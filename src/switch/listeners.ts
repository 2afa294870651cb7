/**
 * Who listens on which queue: a session that has asked for a queue in a transfer does, for as long as it has a connection,
 * because between two transfers it works on what it got; and so does a subscription, for as long as it lasts.
 */
export class Listeners {
  readonly #byQueue = new Map<string, Set<string>>();
  readonly #byToken = new Map<string, Set<string>>();
  /** How many subscriptions to a queue there are. */
  readonly #subscriptions = new Map<string, number>();
  /** When the last listener of a queue left, in ms since the epoch. */
  readonly #left = new Map<string, number>();

  listen(token: string, queues: readonly string[]): void {
    const own = this.#byToken.get(token);
    for (const queue of queues) {
      if (own?.has(queue) === true) continue;
      addTo(this.#byQueue, queue, token);
      addTo(this.#byToken, token, queue);
      this.#left.delete(queue);
    }
  }

  /** The session has no connection any more. */
  leave(token: string, now: number): void {
    for (const queue of this.#byToken.get(token) ?? []) {
      const tokens = this.#byQueue.get(queue);
      tokens?.delete(token);
      if (tokens?.size !== 0) continue;
      this.#byQueue.delete(queue);
      this.#noteLeft(queue, now);
    }
    this.#byToken.delete(token);
  }

  /** A subscription to the queue, which need not be there, begins. */
  subscribe(queue: string): void {
    this.#subscriptions.set(queue, (this.#subscriptions.get(queue) ?? 0) + 1);
    this.#left.delete(queue);
  }

  /** A subscription to the queue ends; `now` is `undefined` when the queue is gone. */
  unsubscribe(queue: string, now: number | undefined): void {
    const others = (this.#subscriptions.get(queue) ?? 0) - 1;
    if (others > 0) this.#subscriptions.set(queue, others);
    else this.#subscriptions.delete(queue);
    if (now !== undefined) this.#noteLeft(queue, now);
  }

  #noteLeft(queue: string, now: number): void {
    if (!this.has(queue)) this.#left.set(queue, now);
  }

  /** The queue is gone: who still asks for it is noted again when it does. */
  forget(queue: string): void {
    for (const token of this.#byQueue.get(queue) ?? []) this.#byToken.get(token)?.delete(queue);
    this.#byQueue.delete(queue);
    this.#left.delete(queue);
  }

  has(queue: string): boolean {
    return this.#byQueue.has(queue) || this.#subscriptions.has(queue);
  }

  /** The sessions that do by asking for it. */
  sessions(queue: string): readonly string[] {
    return [...(this.#byQueue.get(queue) ?? [])];
  }

  /** Since when nobody listens; `undefined`: somebody does, or nobody ever did. */
  leftAt(queue: string): number | undefined {
    return this.#left.get(queue);
  }
}

function addTo(map: Map<string, Set<string>>, key: string, value: string): void {
  const set = map.get(key);
  if (set === undefined) map.set(key, new Set([value]));
  else set.add(value);
}
