/** Who waits for a message, indexed by queue: a message wakes only those who wait for its queue. */
export class WaitingTransfers {
  readonly #byQueue = new Map<string, Set<() => void>>();

  /** Calls back when a message comes to one of the queues, which need not exist; gives what takes that back. */
  subscribe(queues: readonly string[], wake: () => void): () => void {
    for (const name of queues) {
      const waiting = this.#byQueue.get(name) ?? new Set();
      this.#byQueue.set(name, waiting.add(wake));
    }
    return () => {
      for (const name of queues) {
        const waiting = this.#byQueue.get(name);
        waiting?.delete(wake);
        if (waiting?.size === 0) this.#byQueue.delete(name);
      }
    };
  }

  wake(queue: string): void {
    for (const wake of this.#byQueue.get(queue) ?? []) wake();
  }
}
