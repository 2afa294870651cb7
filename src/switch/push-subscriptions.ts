import type { Message, MessageId } from './protocol.ts';
import type { Subscribe } from './push-codec.ts';

/** What subscriptions need of a switch, and of a connection. */
export interface SubscriptionsOptions {
  /** Calls back when a message comes to the queue, until the function that is given is called. */
  readonly listen: (queue: string, wake: () => void) => () => void;
  /** What waits in a queue above the cursor, oldest first, at most so many. */
  readonly take: (queue: string, from: number, limit: number) => readonly Message[];
  readonly deliver: (subscription: number, message: Message) => void;
  /** The connection takes no more at present. */
  readonly full: () => boolean;
  /** `switch.maxCredit` */
  readonly maxCredit: number;
  /** `switch.maxTransferQueues`: all subscriptions of the connection together. */
  readonly maxQueues: number;
}

/** Between so many messages it is looked whether the connection is full. */
const TAKEN_AT_ONCE = 100;

interface Subscription {
  readonly number: number;
  credit: number;
  unacked: number;
  readonly queues: readonly SubscribedQueue[];
  /** Those that may have messages, each in its turn. */
  readonly ready: SubscribedQueue[];
}

interface SubscribedQueue {
  readonly name: string;
  /** The last id that was delivered. */
  cursor: number;
  readonly unacked: Set<number>;
  ready: boolean;
  stop: () => void;
}

/**
 * The subscriptions of one connection: delivers what waits, never more than a subscription's credit without acks, and
 * nothing while the connection is full. One that is idle, or has no credit, costs nothing.
 */
export class Subscriptions {
  readonly #options: SubscriptionsOptions;
  readonly #subscriptions = new Map<number, Subscription>();
  readonly #byQueue = new Map<
    string,
    { readonly subscription: Subscription; readonly queue: SubscribedQueue }
  >();
  /** Those that have credit, and may have messages. */
  readonly #due = new Set<Subscription>();
  #scheduled = false;

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
  }

  /** Gives the reason when it can't be. */
  add({ subscription: number, queues: names, credit, from }: Subscribe): string | undefined {
    const refusal = this.#refusal(number, names, credit);
    if (refusal !== undefined) return refusal;
    const queues = names.map((name): SubscribedQueue => {
      return { name, cursor: from, unacked: new Set(), ready: false, stop: () => {} };
    });
    const subscription: Subscription = { number, credit, unacked: 0, queues, ready: [] };
    this.#subscriptions.set(number, subscription);
    for (const queue of queues) {
      this.#byQueue.set(queue.name, { subscription, queue });
      queue.stop = this.#options.listen(queue.name, () => this.#wake(subscription, queue));
      this.#wake(subscription, queue);
    }
    return undefined;
  }

  #refusal(number: number, names: readonly string[], credit: number): string | undefined {
    const { maxCredit, maxQueues } = this.#options;
    if (this.#subscriptions.has(number)) return `subscription: ${number} is there already`;
    if (names.length === 0) return 'queues: expected one at least';
    if (new Set(names).size < names.length) return 'queues: a queue is there twice';
    const taken = names.find((name) => this.#byQueue.has(name));
    if (taken !== undefined) return `queues: this connection is subscribed to ${taken} already`;
    const queues = this.#byQueue.size + names.length;
    if (queues > maxQueues) return `${queues} queues are over switch.maxTransferQueues (${maxQueues})`;
    return credit > maxCredit ? overCredit(credit, maxCredit) : undefined;
  }

  /** Gives the reason when it can't be. What was delivered may still be acked. */
  remove(number: number): string | undefined {
    const subscription = this.#subscriptions.get(number);
    if (subscription === undefined) return unknown(number);
    this.#subscriptions.delete(number);
    this.#due.delete(subscription);
    for (const { name, stop } of subscription.queues) {
      this.#byQueue.delete(name);
      stop();
    }
    return undefined;
  }

  /** Allows so many more unacked messages. Gives the reason when that can't be. */
  addCredit(number: number, more: number): string | undefined {
    const subscription = this.#subscriptions.get(number);
    if (subscription === undefined) return unknown(number);
    const { maxCredit } = this.#options;
    const credit = subscription.credit + more;
    if (credit > maxCredit) return overCredit(credit, maxCredit);
    subscription.credit = credit;
    this.#schedule(subscription);
    return undefined;
  }

  /** A message is acked: if it was delivered here, there is room for another. */
  acked({ queue: name, id }: MessageId): void {
    const subscribed = this.#byQueue.get(name);
    if (subscribed === undefined || !subscribed.queue.unacked.delete(id)) return;
    subscribed.subscription.unacked -= 1;
    this.#schedule(subscribed.subscription);
  }

  /** Goes on if it stopped because the connection was full. */
  resume(): void {
    if (this.#due.size > 0 && !this.#scheduled) this.#scheduleTurn();
  }

  end(): void {
    for (const number of this.#subscriptions.keys()) this.remove(number);
  }

  #wake(subscription: Subscription, queue: SubscribedQueue): void {
    if (queue.ready) return;
    queue.ready = true;
    subscription.ready.push(queue);
    this.#schedule(subscription);
  }

  #schedule(subscription: Subscription): void {
    if (subscription.ready.length === 0 || subscription.unacked >= subscription.credit) return;
    this.#due.add(subscription);
    if (!this.#scheduled && !this.#options.full()) this.#scheduleTurn();
  }

  /** What comes in one turn is delivered together. */
  #scheduleTurn(): void {
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      for (const subscription of this.#due) {
        if (!this.#deliver(subscription)) return;
        this.#due.delete(subscription);
      }
    });
  }

  /** False: the connection is full. */
  #deliver(subscription: Subscription): boolean {
    const { take, deliver, full } = this.#options;
    const { ready } = subscription;
    for (;;) {
      const free = subscription.credit - subscription.unacked;
      if (free <= 0) return true;
      if (full()) return false;
      const queue = ready.shift();
      if (queue === undefined) return true;
      const messages = take(queue.name, queue.cursor, Math.min(free, TAKEN_AT_ONCE));
      queue.ready = messages.length > 0;
      if (queue.ready) ready.push(queue);
      subscription.unacked += messages.length;
      for (const message of messages) {
        const { id } = message.id;
        queue.cursor = id;
        queue.unacked.add(id);
        deliver(subscription.number, message);
      }
    }
  }
}

const unknown = (number: number): string => `subscription: there is no ${number} on this connection`;

const overCredit = (credit: number, maxCredit: number): string =>
  `a credit of ${credit} is over switch.maxCredit (${maxCredit})`;
