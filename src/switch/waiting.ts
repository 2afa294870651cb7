import type { Operation } from './protocol.ts';

/** The end of a transfer that never ends by itself: a subscription. */
export const LISTENING = Number.POSITIVE_INFINITY;

/** A transfer that waits for a message. */
export interface WaitingTransfer {
  /** The queues it asks for, which need not exist. */
  readonly queues: readonly string[];
  /** When it ends: ms since the epoch. */
  readonly until: number;
  /** The session that waits. */
  readonly token: string;
  readonly wake: () => void;
}

/** The transfers that wait, indexed by queue: a message wakes only those that ask for its queue. */
export class WaitingTransfers {
  readonly #byQueue = new Map<string, Set<WaitingTransfer>>();

  /** How many transfers of a session wait. */
  readonly #bySession = new Map<string, number>();

  /** Calls back when a message comes to one of its queues; gives what takes that back. */
  subscribe(transfer: WaitingTransfer): () => void {
    for (const name of transfer.queues) {
      const waiting = this.#byQueue.get(name) ?? new Set();
      this.#byQueue.set(name, waiting.add(transfer));
    }
    this.#count(transfer.token, 1);
    return () => {
      for (const name of transfer.queues) {
        const waiting = this.#byQueue.get(name);
        waiting?.delete(transfer);
        if (waiting?.size === 0) this.#byQueue.delete(name);
      }
      this.#count(transfer.token, -1);
    };
  }

  ofSession(token: string): number {
    return this.#bySession.get(token) ?? 0;
  }

  #count(token: string, change: 1 | -1): void {
    const count = this.ofSession(token) + change;
    if (count > 0) this.#bySession.set(token, count);
    else this.#bySession.delete(token);
  }

  wake(queue: string): void {
    for (const { wake } of this.#byQueue.get(queue) ?? []) wake();
  }

  /** Wakes those who were not given what is above these messages, which don't come, or those that don't end. */
  wakeWithout(operations: readonly Operation[]): void {
    for (const operation of operations) {
      if (operation.type === 'message-sent') this.wake(operation.message.id.queue);
      else if (operation.type === 'message-acked') this.wake(operation.id.queue);
    }
  }

  /** The sessions that wait for a queue in a transfer that ends. */
  sessions(queue: string): readonly string[] {
    const waiting = [...(this.#byQueue.get(queue) ?? [])];
    return waiting.filter(({ until }) => until !== LISTENING).map(({ token }) => token);
  }

  /** The sessions that have subscribed to a queue. */
  subscribers(queue: string): readonly string[] {
    const waiting = [...(this.#byQueue.get(queue) ?? [])];
    return waiting.filter(({ until }) => until === LISTENING).map(({ token }) => token);
  }

  /** When the last of the transfers that wait for the queue ends; `undefined`: none waits for it. */
  expected(queue: string): number | undefined {
    let last: number | undefined;
    for (const { until } of this.#byQueue.get(queue) ?? []) last = Math.max(last ?? until, until);
    return last;
  }
}
