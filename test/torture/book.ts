/** A message as a client saw it. */
export interface Seen {
  readonly queue: string;
  readonly id: number;
  readonly payload: string;
}

const key = ({ queue, id }: { queue: string; id: number }): string => `${queue} ${id}`;

/** What the clients know for sure, and what they only tried: everything that a switch may be held to. */
export class Book {
  /** Sends that were answered with an id. */
  readonly #accepted = new Map<string, Seen>();
  /** Payloads of sends whose answer never came. */
  readonly #unknown = new Set<string>();
  /** Acks that were answered. */
  readonly #acked = new Set<string>();
  /** Acks that were tried, answered or not. */
  readonly #ackTried = new Set<string>();
  /** What stood under an id, whenever it was seen. */
  readonly #payloads = new Map<string, string>();
  #refused = 0;
  readonly #firstRefusal = Promise.withResolvers<void>();
  readonly #acksAreKept: boolean;
  readonly faults: string[] = [];

  accepted(seen: Seen): void {
    this.#accepted.set(key(seen), seen);
    this.#note(seen);
  }

  unknown(payload: string): void {
    this.#unknown.add(payload);
  }

  refused(payload: string): void {
    this.#unknown.delete(payload);
    this.#refused += 1;
    this.#firstRefusal.resolve();
  }

  ackTried(seen: Seen): void {
    this.#ackTried.add(key(seen));
  }

  acked(seen: Seen): void {
    this.#acked.add(key(seen));
  }

  /** What one transfer gave, in its order. */
  delivered(messages: readonly Seen[]): void {
    for (const [at, message] of messages.entries()) {
      this.#note(message);
      const before = messages[at - 1];
      if (before !== undefined && before.queue === message.queue && before.id >= message.id) {
        this.faults.push(`${key(message)} came after ${key(before)}`);
      }
    }
  }

  get counts(): string {
    return `${this.#accepted.size} accepted, ${this.#unknown.size} unknown, ${this.#acked.size} acked, ${this.#refused} refused`;
  }

  /** `acksAreKept`: an ack that was answered is on the disk. Where there is no room, it is owed, and lost by a kill. */
  constructor(acksAreKept: boolean) {
    this.#acksAreKept = acksAreKept;
  }

  get refusals(): number {
    return this.#refused;
  }

  /** Settles when a send was refused. */
  get firstRefusal(): Promise<void> {
    return this.#firstRefusal.promise;
  }

  /** Compares with all that the switch holds when nobody does anything. */
  compare(held: readonly Seen[]): void {
    const present = new Map(held.map((message) => [key(message), message]));
    if (present.size < held.length) this.faults.push('an id stands twice');
    for (const [name, { payload }] of this.#accepted) {
      if (!this.#ackTried.has(name) && present.get(name)?.payload !== payload) {
        this.faults.push(`lost: ${name} ${payload}`);
      }
    }
    for (const [name, { payload }] of present) {
      if (this.#acksAreKept && this.#acked.has(name)) this.faults.push(`acked and back: ${name}`);
      if (!this.#accepted.has(name) && !this.#unknown.has(payload)) this.faults.push(`never sent: ${name}`);
    }
    this.delivered(held);
    this.#compareOrder(held);
  }

  /** Each sender numbers its messages: they stand in that order. */
  #compareOrder(held: readonly Seen[]): void {
    const last = new Map<string, number>();
    for (const { queue, payload } of held) {
      const [sender = '', number = ''] = payload.split(':');
      const place = `${queue} ${sender}`;
      if (Number(number) <= (last.get(place) ?? -1)) this.faults.push(`out of order: ${queue} ${payload}`);
      last.set(place, Number(number));
    }
  }

  #note(seen: Seen): void {
    const name = key(seen);
    const known = this.#payloads.get(name);
    if (known !== undefined && known !== seen.payload) {
      this.faults.push(`${name} was ${known} and is ${seen.payload}`);
    }
    this.#payloads.set(name, seen.payload);
  }
}
