import { fetchMessages } from './fetch.ts';
import {
  type Diagnostics,
  FROM_THE_START,
  type In,
  type Message,
  type MessageId,
  type Operation,
  type Out,
  type QueueReport,
} from './protocol.ts';
import type { Queue } from './queue.ts';
import { Queues } from './queues.ts';
import { type BrokerConnection, Sessions } from './sessions.ts';
import { Trace, type TraceLimits } from './trace.ts';
import { WaitingTransfers } from './waiting.ts';

/** Each is the setting `switch.<name>`. */
export interface BrokerLimits extends TraceLimits {
  readonly maxNameBytes: number;
  readonly maxMessageBytes: number;
  readonly maxQueues: number;
  readonly maxSessions: number;
  readonly maxQueueMessages: number;
  readonly maxQueueBytes: number;
  readonly maxTransferQueues: number;
  readonly maxTransferBytes: number;
  /** ms */
  readonly reconnectGrace: number;
  /** ms */
  readonly sessionGrace: number;
}

/** What is to be done about a request: an answer, with the operations to apply before it leaves; or waiting. */
export type Decision =
  | { readonly type: 'answer'; readonly out: Out; readonly operations: readonly Operation[] }
  /** Nothing is here yet: ask again when woken, and answer `empty` when the time is over. */
  | {
      readonly type: 'wait';
      readonly until: number;
      readonly empty: Out;
      subscribe(wake: () => void): () => void;
    };

const answer = (out: Out, operations: readonly Operation[] = []): Decision => ({
  type: 'answer',
  out,
  operations,
});
const refuse = (status: 400 | 404 | 413 | 503, reason: string): Decision =>
  answer({ type: 'refused', status, reason });

const DONE: Out = { type: 'done' };

/**
 * The switch as a state machine, without I/O, timers or a clock of its own. `decide` looks and gives an answer with
 * operations; only `apply` changes what the switch holds, now and whenever operations are applied again. Between the two
 * they are reserved, until they are kept. Which connection belongs to which session, who waits, and the trace are of
 * the moment: they change as they are decided.
 */
export class Broker {
  readonly #limits: BrokerLimits;
  readonly #started: number;
  readonly #queues: Queues;
  readonly #sessions = new Sessions();
  /** Sessions without a connection, whose queues are kept until the time given, in ms since the epoch. */
  readonly #absent = new Map<string, number>();
  readonly #waiting = new WaitingTransfers();
  readonly #trace: Trace;

  /** `now` is ms since the epoch; `firstId` is what ids count from. */
  constructor(limits: BrokerLimits, now: number, firstId = 0) {
    this.#limits = limits;
    this.#started = now;
    this.#queues = new Queues(firstId);
    this.#trace = new Trace(limits);
  }

  /**
   * What was held before is back, and clients may come. Ids go on above all that were given, by a number that grows with
   * time, so that no cursor of a client, from before the start either, hides a message.
   */
  open(now: number): void {
    this.#queues.countFrom(Math.max(this.#queues.unusedId, Math.floor(now * 1000)));
    for (const token of this.#queues.owners()) this.#absent.set(token, now + this.#limits.sessionGrace);
  }

  connect(): BrokerConnection {
    return { token: undefined, held: new Set() };
  }

  /** The connection is gone: gives the operations that follow from it. What sessions own stays for a while. */
  disconnect(connection: BrokerConnection, now: number): Operation[] {
    for (const token of this.#sessions.release(connection)) {
      if (this.#queues.ownedBy(token).length > 0) this.#absent.set(token, now + this.#limits.reconnectGrace);
    }
    return this.expire(now);
  }

  /** When `expire` is to be called next, in ms since the epoch. */
  get nextExpiry(): number | undefined {
    return this.#absent.size === 0 ? undefined : Math.min(...this.#absent.values());
  }

  /** Ends the sessions whose owners did not come back in time. */
  expire(now: number): Operation[] {
    const ended = [...this.#absent].filter(([, until]) => until <= now).map(([token]) => token);
    for (const token of ended) this.#absent.delete(token);
    return ended.flatMap((token) =>
      this.#queues.ownedBy(token).flatMap((name) => this.#queues.removal(name)),
    );
  }

  decide(connection: BrokerConnection, request: In, now: number): Decision {
    // What may be asked without a session comes first; everything else needs one.
    switch (request.type) {
      case 'login':
        return this.#login(connection, request.token);
      case 'diagnostics':
        return answer({ type: 'diagnostics', report: this.#diagnostics(now) });
      case 'trace':
        return this.#traceFrom(request.from, request.timeout, now);
    }
    const { token } = connection;
    if (token === undefined) return refuse(404, 'Please log in.');
    switch (request.type) {
      case 'create':
        return this.#create(request.queue, request.lifetime === 'transient' ? token : undefined);
      case 'destroy':
        return answer(DONE, this.#queues.removal(request.queue));
      case 'send':
        return this.#send(token, request, now);
      case 'transfer':
        return this.#transfer(token, request, now);
      case 'ack':
        return this.#ack(token, request.id, now);
      case 'list':
        return answer({ type: 'names', names: this.#names(request.prefix, request.alive) });
      case 'shutdown':
        return answer(DONE);
    }
  }

  /** Takes account of operations that are decided, until `release`. */
  reserve(operations: readonly Operation[]): void {
    this.#queues.reserve(operations);
  }

  release(operations: readonly Operation[]): void {
    this.#queues.release(operations);
  }

  apply(operation: Operation): void {
    this.#queues.apply(operation);
  }

  /** Applies what happens now: it is traced, and those who wait for it are woken. */
  carryOut(operation: Operation): void {
    this.#queues.apply(operation);
    if (operation.type === 'queue-created') {
      // Who listens may have come first: a queue that was destroyed under its listener is alive as soon as it is back.
      const queue = this.#queues.find(operation.queue);
      if (queue !== undefined) queue.nextTransfer ??= this.#waiting.expected(operation.queue);
    } else if (operation.type === 'message-sent') {
      const { id, payload, kind, origin, time } = operation.message;
      this.#trace.add({ time, input: origin, queue: id.queue, what: { type: 'message', id, payload, kind } });
      this.#waiting.wake(id.queue);
    }
  }

  /** All that is held now, as operations that make it anew: see `Queues`. */
  snapshot(): Iterable<Operation> {
    return this.#queues.snapshot();
  }

  get heldBytes(): number {
    return this.#queues.heldBytes;
  }

  #login(connection: BrokerConnection, token: string): Decision {
    const wrong = this.#wrongName('session', token);
    if (wrong !== undefined) return refuse(400, wrong);
    const { maxSessions } = this.#limits;
    const isNew = !this.#sessions.has(token) && !this.#absent.has(token);
    if (isNew && this.#sessions.size + this.#absent.size >= maxSessions) {
      return refuse(503, `there are as many sessions as switch.maxSessions (${maxSessions}) allows`);
    }
    this.#absent.delete(token);
    this.#sessions.bind(connection, token);
    return answer(DONE);
  }

  #create(queue: string, owner: string | undefined): Decision {
    const created: Out = { type: 'created', queue };
    if (this.#queues.find(queue) !== undefined) return answer(created);
    const wrong = this.#wrongName('queue', queue);
    if (wrong !== undefined) return refuse(400, wrong);
    const { maxQueues } = this.#limits;
    if (this.#queues.size >= maxQueues) {
      return refuse(503, `there are as many queues as switch.maxQueues (${maxQueues}) allows`);
    }
    return answer(created, [{ type: 'queue-created', queue, owner }]);
  }

  #wrongName(what: string, name: string): string | undefined {
    const { maxNameBytes } = this.#limits;
    const bytes = Buffer.byteLength(name);
    if (bytes <= maxNameBytes) return undefined;
    return `the name of a ${what} of ${bytes} bytes is over switch.maxNameBytes (${maxNameBytes})`;
  }

  #send(token: string, { queue: name, kind, payload }: In & { type: 'send' }, now: number): Decision {
    const queue = this.#queues.find(name);
    if (queue === undefined) return answer({ type: 'sent', id: undefined });
    const refusal = this.#full(queue, payload);
    if (refusal !== undefined) return refusal;
    const id: MessageId = { queue: name, id: queue.nextId };
    const message: Message = { id, payload: ownBytes(payload), kind, origin: token, time: now };
    return answer({ type: 'sent', id }, [{ type: 'message-sent', message }]);
  }

  #full(queue: Queue, payload: Buffer): Decision | undefined {
    const { maxMessageBytes, maxQueueMessages, maxQueueBytes } = this.#limits;
    if (payload.length > maxMessageBytes) {
      return refuse(
        413,
        `a message of ${payload.length} bytes is over switch.maxMessageBytes (${maxMessageBytes})`,
      );
    }
    if (queue.expectedSize >= maxQueueMessages) {
      return refuse(
        503,
        `the queue ${queue.name} holds switch.maxQueueMessages (${maxQueueMessages}) messages`,
      );
    }
    return queue.expectedBytes + payload.length > maxQueueBytes
      ? refuse(503, `the queue ${queue.name} would hold more than switch.maxQueueBytes (${maxQueueBytes})`)
      : undefined;
  }

  #transfer(token: string, { from, timeout, queues }: In & { type: 'transfer' }, now: number): Decision {
    const { maxTransferQueues } = this.#limits;
    if (queues.length > maxTransferQueues) {
      const reason = `${queues.length} queues are over switch.maxTransferQueues (${maxTransferQueues})`;
      return refuse(400, reason);
    }
    const until = now + timeout;
    const asked = queues.flatMap((name) => this.#queues.find(name) ?? []);
    for (const queue of asked) queue.nextTransfer = until;
    const messages = fetchMessages(asked, from, this.#limits.maxTransferBytes);
    if (messages.length === 0) {
      const empty: Out = { type: 'messages', messages, next: from };
      const subscribe = (wake: () => void) => this.#waiting.subscribe({ queues, until, wake });
      return { type: 'wait', until, empty, subscribe };
    }
    for (const message of messages) {
      this.#queues.fetched(message);
      this.#traceDelivery(token, message, now);
    }
    const next = messages.reduce((highest, { id }) => Math.max(highest, id.id), FROM_THE_START);
    // One cursor stands for all queues that were asked for: nothing that comes later may be below it.
    if (asked.length > 1) for (const queue of asked) queue.countFrom(next + 1);
    return answer({ type: 'messages', messages, next });
  }

  #traceDelivery(token: string, { id, payload, kind }: Message, now: number): void {
    const request = kind.type === 'response' ? this.#queues.find(kind.to.queue)?.get(kind.to.id) : undefined;
    this.#trace.add({
      time: now,
      queue: id.queue,
      output: token,
      what: { type: 'message', id, payload, kind },
      processingTime: request === undefined ? undefined : now - request.time,
    });
  }

  #ack(token: string, id: MessageId, now: number): Decision {
    this.#trace.add({ time: now, input: token, queue: id.queue, what: { type: 'ack', id } });
    const waits = this.#queues.find(id.queue)?.get(id.id) !== undefined;
    return answer(DONE, waits ? [{ type: 'message-acked', id }] : []);
  }

  #names(prefix: string, alive: boolean): string[] {
    return [...this.#queues.all()]
      .filter(({ name, nextTransfer }) => name.startsWith(prefix) && !(alive && nextTransfer === undefined))
      .map(({ name }) => name)
      .sort()
      .reverse();
  }

  #traceFrom(from: number, timeout: number, now: number): Decision {
    const events = this.#trace.from(from);
    const out: Out = { type: 'events', events };
    // Nothing may be here all the same: what there was is too old, or too large to be kept.
    if (from < this.#trace.next) return answer(out);
    return {
      type: 'wait',
      until: now + timeout,
      empty: out,
      subscribe: (wake) => this.#trace.waitForEvent(wake),
    };
  }

  #diagnostics(now: number): Diagnostics {
    const queues = [...this.#queues.all()].sort((a, b) => (a.name < b.name ? -1 : 1));
    return {
      uptime: now - this.#started,
      started: this.#started,
      persistent: queues.filter(({ owner }) => owner === undefined).map(report),
      transient: queues.filter(({ owner }) => owner !== undefined).map(report),
    };
  }
}

const report = (queue: Queue): QueueReport => ({
  name: queue.name,
  nextTransfer: queue.nextTransfer,
  messages: queue.newestFirst(),
});

/**
 * Bytes that a message may hold for as long as it waits. What comes from a connection is often a view of a whole
 * packet, many times as large, which it would keep in memory.
 */
const ownBytes = (bytes: Buffer): Buffer => {
  if (bytes.length * 2 >= bytes.buffer.byteLength) return bytes;
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
};
