import type { HeldMessage } from './held.ts';
import type { MessageId, Operation } from './protocol.ts';
import { Queue } from './queue.ts';
import { readRequests } from './request-records.ts';
import { Unfetched } from './unfetched.ts';

/** What a queue costs beside its messages, and a message beside its payload, in bytes: roughly, as in a snapshot. */
const OVERHEAD_BYTES = 64;

/** A snapshot takes so many messages of a queue at a time. */
const BLOCK = 256;

/**
 * All that the switch holds: the queues with their messages. Only `apply` changes it, whether a change happens now or is
 * read from the journal. What was decided and is not kept yet is reserved, so that the next decision knows of it.
 */
export class Queues {
  readonly #queues = new Map<string, Queue>();
  /** The transient queues of each session. */
  readonly #owned = new Map<string, Set<string>>();
  readonly #unfetched = new Unfetched(({ queue, id }) => this.#queues.get(queue)?.get(id));
  /** Queues whose removal is decided. */
  readonly #doomed = new Set<string>();
  /** Queues whose creation is decided. */
  #expected = 0;
  #nextId: number;
  #heldBytes = 0;

  /** `firstId` is what ids count from in the first queue. */
  constructor(firstId: number) {
    this.#nextId = firstId;
  }

  /** The queue, unless there is none, or is about to be none. */
  find(name: string): Queue | undefined {
    return this.#doomed.size > 0 && this.#doomed.has(name) ? undefined : this.#queues.get(name);
  }

  get size(): number {
    return this.#queues.size + this.#expected;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  all(): IterableIterator<Queue> {
    return this.#queues.values();
  }

  owners(): IterableIterator<string> {
    return this.#owned.keys();
  }

  ownedBy(token: string): readonly string[] {
    return [...(this.#owned.get(token) ?? [])];
  }

  /** The requests that nobody has fetched and whose replies are to come to this queue. */
  awaiting(replyTo: string): readonly HeldMessage[] {
    return this.#unfetched.withReplyTo(replyTo);
  }

  /** A message was given to somebody who may be working on it. */
  fetched(message: HeldMessage): void {
    this.#unfetched.remove(message, 'fetched');
  }

  /** Whether the end of a message is decided already. */
  isEnding({ queue, id }: MessageId): boolean {
    return this.find(queue)?.isEnding(id) ?? true;
  }

  /** What ids count from in a queue that is created now. */
  get newQueueId(): number {
    return this.#nextId;
  }

  /** Takes account of what is decided and not yet kept. */
  reserve(operations: readonly Operation[]): void {
    for (const operation of operations) {
      if (operation.type === 'message-sent') {
        const { id, payload } = operation.message;
        const queue = this.find(id.queue);
        // One that is yet to be created gives no id again that is given to this message.
        if (queue === undefined) this.#countNewFrom(id.id + 1);
        else queue.reserve(id.id, payload.length);
      } else if (operation.type === 'message-acked') {
        this.#queues.get(operation.id.queue)?.reserveEnd(operation.id.id);
      } else if (operation.type === 'queue-removed') {
        this.#countNewFrom(this.#queues.get(operation.queue)?.nextId ?? 0);
        this.#doomed.add(operation.queue);
      } else if (operation.type === 'queue-created') this.#expected += 1;
      else if (operation.type === 'queue-listened') this.#listened(operation.queue);
    }
  }

  /** The operations are kept, or will not be. */
  release(operations: readonly Operation[]): void {
    for (const operation of operations) {
      if (operation.type === 'message-sent') {
        const { id, payload } = operation.message;
        this.#queues.get(id.queue)?.release(id.id, payload.length);
      } else if (operation.type === 'message-acked') {
        this.#queues.get(operation.id.queue)?.releaseEnd(operation.id.id);
      } else if (operation.type === 'queue-removed') this.#doomed.delete(operation.queue);
      else if (operation.type === 'queue-created') this.#expected -= 1;
    }
  }

  /** The owners of queues that are to be there when these operations are kept, or could not be. */
  ownersOfLeft(operations: readonly Operation[], areKept: boolean): string[] {
    return operations.flatMap((operation) => {
      if (operation.type === 'queue-created') return areKept ? (operation.owner ?? []) : [];
      return operation.type === 'queue-removed' && !areKept ? (this.find(operation.queue)?.owner ?? []) : [];
    });
  }

  apply(operation: Operation): void {
    switch (operation.type) {
      case 'queue-created':
        this.#add(operation.queue, operation.owner);
        break;
      case 'queue-listened':
        this.#listened(operation.queue);
        break;
      case 'queue-removed':
        this.#remove(operation.queue);
        break;
      case 'message-sent': {
        const { message } = operation;
        const queue = this.#queues.get(message.id.queue);
        if (queue === undefined) break;
        queue.add(message);
        this.#heldBytes += OVERHEAD_BYTES + message.payload.length;
        this.#unfetched.add(message.id.queue, message.id.id, message.kind);
        break;
      }
      case 'message-acked':
        this.#ack(operation.id);
        break;
      case 'ids-given':
        this.countFrom(operation.next);
        break;
    }
  }

  /** Applies a record of requests to one queue; false: it is another one. */
  applyRequests(body: Buffer): boolean {
    const read = readRequests(body);
    if (read === undefined) return false;
    const queue = this.#queues.get(read.queue);
    if (queue === undefined) return true;
    queue.addAll(body, read.requests);
    for (const { id, kind, length } of read.requests) {
      this.#heldBytes += OVERHEAD_BYTES + length;
      this.#unfetched.add(queue.name, id, kind);
    }
    return true;
  }

  /** Every id from now on is this one or higher, in every queue. */
  countFrom(id: number): void {
    this.#countNewFrom(id);
    for (const queue of this.#queues.values()) queue.countFrom(id);
  }

  /** Whatever comes to these queues from now on, or to one that is created, is above all that came to them. */
  align(queues: readonly Queue[]): void {
    for (const { nextId } of queues) this.#countNewFrom(nextId);
    for (const queue of queues) queue.countFrom(this.#nextId);
  }

  #countNewFrom(id: number): void {
    this.#nextId = Math.max(this.#nextId, id);
  }

  /** The lowest id that is above every one that was given. */
  get unusedId(): number {
    let highest = this.#nextId;
    for (const { nextId } of this.#queues.values()) highest = Math.max(highest, nextId);
    return highest;
  }

  /**
   * All that is held now, as operations that make it anew. They may be taken while changes go on: messages that are
   * acked before they are taken are left out, and so are those that come after this call.
   */
  snapshot(): Iterable<Operation> {
    const queues = [...this.#queues.values()].map((queue) => ({ queue, end: queue.nextId }));
    return this.#operationsOf(queues, this.unusedId);
  }

  *#operationsOf(
    queues: readonly { readonly queue: Queue; readonly end: number }[],
    next: number,
  ): Generator<Operation> {
    for (const { queue, end } of queues) {
      // Removed meanwhile, or another one of the same name: later operations have that.
      if (this.#queues.get(queue.name) !== queue) continue;
      yield { type: 'queue-created', queue: queue.name, owner: queue.owner };
      if (queue.listened) yield { type: 'queue-listened', queue: queue.name };
      let block = queue.block(Number.NEGATIVE_INFINITY, BLOCK);
      while (block.length > 0) {
        for (const message of block) if (message.number < end) yield { type: 'message-sent', message };
        const last = block.at(-1)?.number ?? end;
        block = last + 1 < end ? queue.block(last, BLOCK) : [];
      }
    }
    yield { type: 'ids-given', next };
  }

  #listened(name: string): void {
    const queue = this.#queues.get(name);
    if (queue !== undefined) queue.listened = true;
  }

  #add(name: string, owner: string | undefined): void {
    // Two clients may have asked for it in the same moment.
    if (this.#queues.has(name)) return;
    this.#queues.set(name, new Queue(name, owner, this.#nextId));
    this.#heldBytes += OVERHEAD_BYTES;
    if (owner === undefined) return;
    const owned = this.#owned.get(owner) ?? new Set();
    this.#owned.set(owner, owned.add(name));
  }

  #remove(name: string): void {
    const queue = this.#queues.get(name);
    if (queue === undefined) return;
    for (const message of queue.messages()) this.#unfetched.remove(message, 'gone');
    this.#queues.delete(name);
    this.#heldBytes -= OVERHEAD_BYTES * (1 + queue.size) + queue.bytes;
    // A cursor of the queue that was must not hide messages of one that gets its name.
    this.#countNewFrom(queue.nextId);
    const { owner } = queue;
    if (owner === undefined) return;
    const owned = this.#owned.get(owner);
    owned?.delete(name);
    if (owned?.size === 0) this.#owned.delete(owner);
  }

  #ack({ queue: name, id }: MessageId): void {
    const message = this.#queues.get(name)?.ack(id);
    if (message === undefined) return;
    this.#heldBytes -= OVERHEAD_BYTES + message.length;
    this.#unfetched.remove(message, 'gone');
  }
}
