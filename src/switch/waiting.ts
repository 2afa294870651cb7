/** A transfer that waits for a message. */
export interface WaitingTransfer {
  /** The queues it asks for, which need not exist. */
  readonly queues: readonly string[];
  /** When it ends: ms since the epoch. */
  readonly until: number;
  readonly wake: () => void;
}

/** The transfers that wait, indexed by queue: a message wakes only those that ask for its queue. */
export class WaitingTransfers {
  readonly #byQueue = new Map<string, Set<WaitingTransfer>>();

  /** Calls back when a message comes to one of its queues; gives what takes that back. */
  subscribe(transfer: WaitingTransfer): () => void {
    for (const name of transfer.queues) {
      const waiting = this.#byQueue.get(name) ?? new Set();
      this.#byQueue.set(name, waiting.add(transfer));
    }
    return () => {
      for (const name of transfer.queues) {
        const waiting = this.#byQueue.get(name);
        waiting?.delete(transfer);
        if (waiting?.size === 0) this.#byQueue.delete(name);
      }
    };
  }

  wake(queue: string): void {
    for (const { wake } of this.#byQueue.get(queue) ?? []) wake();
  }

  /** When the transfer that asked for the queue last ends; `undefined`: none waits for it. */
  expected(queue: string): number | undefined {
    return [...(this.#byQueue.get(queue) ?? [])].at(-1)?.until;
  }
}
