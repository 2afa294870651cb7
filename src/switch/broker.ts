import { answer, type Decision, DONE, NO_SESSION } from './decision.ts';
import { Drops, type FailureAnswer, LOOK_INTERVAL_MS } from './drops.ts';
import { fetchMessages, nextMessages } from './fetch.ts';
import type { HeldMessage } from './held.ts';
import {
  type BrokerLimits,
  type LimitReached,
  queueFull,
  SHUTDOWN_REFUSED,
  tooManyAsked,
  tooManyQueues,
  tooManySessions,
  tooManyWait,
  wrongName,
  wrongQueues,
} from './limits.ts';
import { Listeners } from './listeners.ts';
import { NO_METER, type SwitchMeter } from './meter.ts';
import {
  FROM_THE_START,
  type In,
  type Message,
  type MessageId,
  type Operation,
  type Out,
} from './protocol.ts';
import type { Queue } from './queue.ts';
import { Queues } from './queues.ts';
import { diagnosticsOf, type Observed, queueNames } from './report.ts';
import { type BrokerConnection, Sessions } from './sessions.ts';
import { Trace } from './trace.ts';
import { LISTENING, WaitingTransfers } from './waiting.ts';

export interface BrokerOptions {
  /** What ids count from. */
  readonly firstId?: number;
  readonly failureAnswer?: FailureAnswer;
  readonly meter?: SwitchMeter;
}

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
  readonly #waiting = new WaitingTransfers();
  readonly #listeners = new Listeners();
  readonly #drops: Drops;
  readonly #trace: Trace;
  readonly #meter: SwitchMeter;

  /** `now` is ms since the epoch. */
  constructor(limits: BrokerLimits, now: number, options: BrokerOptions = {}) {
    const { firstId = 0, failureAnswer = (_, reason) => Buffer.from(reason), meter = NO_METER } = options;
    this.#limits = limits;
    this.#started = now;
    this.#queues = new Queues(firstId);
    this.#drops = new Drops(limits, this.#queues, this.#listeners, failureAnswer);
    this.#trace = new Trace(limits);
    this.#meter = meter;
  }

  /**
   * What was held before is back, and clients may come. Ids go on above all that were given, by a number that grows with
   * time, so that no cursor of a client, from before the start either, hides a message.
   */
  open(now: number): void {
    this.#queues.countFrom(Math.max(this.#queues.unusedId, Math.floor(now * 1000)));
    for (const token of this.#queues.owners()) this.#sessions.waitFor(token, now + this.#limits.sessionGrace);
    for (const { name, owner } of this.#queues.all()) if (owner === undefined) this.#meter.found(name);
  }

  connect(isOwn = false): BrokerConnection {
    return { isOwn, token: undefined, held: new Set() };
  }

  /** The connection is gone. What its sessions own stays for a while, or is over now: see `expire`. */
  disconnect(connection: BrokerConnection, now: number): 'over' | 'waits' {
    for (const token of this.#sessions.release(connection)) {
      this.#listeners.leave(token, now);
      if (this.#queues.ownedBy(token).length > 0)
        this.#sessions.waitFor(token, now + this.#limits.reconnectGrace);
    }
    return this.#limits.reconnectGrace === 0 ? 'over' : 'waits';
  }

  /** When `expire` is to be called next, in ms since the epoch; `undefined`: nothing depends on time. */
  nextExpiry(now: number): number | undefined {
    const looks = this.#drops.dependOnTime && this.#queues.heldBytes > 0;
    const next = Math.min(looks ? now + LOOK_INTERVAL_MS : Number.POSITIVE_INFINITY, this.#sessions.nextEnd);
    return next === Number.POSITIVE_INFINITY ? undefined : next;
  }

  /**
   * Ends the sessions whose owners did not come back in time, and the messages whose time is over. Each of the groups of
   * operations is to be reserved before the next is taken.
   */
  *expire(now: number): Generator<readonly Operation[]> {
    for (const token of this.#sessions.end(now))
      for (const name of this.#queues.ownedBy(token)) yield this.#drops.removal(name, now);
    if (this.#drops.dependOnTime) yield* this.#drops.overdue(now);
  }

  decide(connection: BrokerConnection, request: In, now: number): Decision {
    // What may be asked without a session comes first; everything else needs one.
    switch (request.type) {
      case 'login':
        return this.#login(connection, request.token);
      case 'diagnostics':
        return answer({
          type: 'diagnostics',
          report: diagnosticsOf(this.#queues, this.#started, now, request.view),
        });
      case 'trace':
        return this.#traceFrom(request.from, request.timeout, now);
    }
    const { token } = connection;
    if (token === undefined) return answer(NO_SESSION);
    switch (request.type) {
      case 'create':
        return this.#create(request.queue, request.lifetime === 'transient' ? token : undefined);
      case 'destroy':
        return answer(DONE, this.#drops.removal(request.queue, now));
      case 'send':
        return this.#send(token, request, now);
      case 'transfer':
        return this.#transfer(token, request, now);
      case 'subscribe':
        return this.#doneUnless(wrongQueues(request.queues, this.#limits));
      case 'ack':
        return this.#ack(token, request.id, now);
      case 'list':
        return answer({ type: 'names', names: queueNames(this.#queues, request.prefix, request.alive) });
      case 'shutdown':
        return this.#doneUnless(this.#limits.allowShutdown ? undefined : SHUTDOWN_REFUSED);
    }
  }

  /**
   * Calls back for every message that comes to the queue, which need not exist, until the function that is given is
   * called. The queue is alive for as long.
   */
  listen({ token = '' }: BrokerConnection, name: string, wake: () => void): (now: number) => void {
    const unsubscribe = this.#waiting.subscribe({ queues: [name], until: LISTENING, token, wake });
    this.#listeners.subscribe(name);
    const queue = this.#queues.find(name);
    if (queue !== undefined) queue.nextTransfer = LISTENING;
    return (now) => {
      unsubscribe();
      const left = this.#queues.find(name);
      this.#listeners.unsubscribe(name, left === undefined ? undefined : now);
      if (left !== undefined) left.nextTransfer = this.#waiting.expected(name) ?? now;
    };
  }

  /** Gives the connection what waits in a queue above the cursor, as `nextMessages` does. */
  take({ token }: BrokerConnection, name: string, from: number, limit: number, now: number): Message[] {
    const queue = this.#queues.find(name);
    if (token === undefined || queue === undefined) return [];
    const messages = nextMessages(queue, from, limit);
    for (const message of messages) this.#delivered(token, message, now);
    return messages;
  }

  /** What is to be kept of it that somebody listens on these queues: nothing, if that is known. */
  heard(queues: readonly string[]): Operation[] {
    return queues.flatMap((name): Operation[] =>
      this.#queues.find(name)?.listened === false ? [{ type: 'queue-listened', queue: name }] : [],
    );
  }

  /** Takes account of operations that are decided, until `release` when they are kept, or are not. */
  reserve(operations: readonly Operation[]): void {
    this.#queues.reserve(operations);
  }

  release(operations: readonly Operation[], areKept: boolean, now: number): void {
    this.#queues.release(operations);
    const until = now + Math.max(this.#limits.reconnectGrace, LOOK_INTERVAL_MS);
    // Its session may have ended before, and nothing else would end it then.
    for (const owner of this.#queues.ownersOfLeft(operations, areKept)) this.#sessions.waitFor(owner, until);
    if (!areKept) this.#waiting.wakeWithout(operations);
  }

  apply(operation: Operation): void {
    this.#queues.apply(operation);
  }

  /** Applies a record's body, if it holds requests alone. */
  applyRequests(body: Buffer): boolean {
    return this.#queues.applyRequests(body);
  }

  /** Applies what happens now: it is traced, and those who wait for it are woken. */
  carryOut(operation: Operation): void {
    this.#queues.apply(operation);
    if (operation.type === 'queue-created') {
      // Who listens may have come first: a queue that was destroyed under its listener is alive as soon as it is back.
      const { queue: name, owner } = operation;
      if (owner === undefined) this.#meter.found(name);
      const queue = this.#queues.find(name);
      if (queue !== undefined) queue.nextTransfer ??= this.#waiting.expected(name);
      for (const token of this.#waiting.sessions(name)) this.#listeners.listen(token, [name]);
    } else if (operation.type === 'queue-removed') {
      this.#listeners.forget(operation.queue);
      this.#meter.removed(operation.queue);
    } else if (operation.type === 'message-acked') {
      this.#meter.ended(operation.id);
    } else if (operation.type === 'message-sent') {
      const { id, payload, kind, origin, time } = operation.message;
      this.#trace.add({ time, input: origin, queue: id.queue, what: { type: 'message', id, payload, kind } });
      this.#meter.sent(id.queue);
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

  /** With those whose owners may still come back. */
  get sessions(): number {
    return this.#sessions.size;
  }

  queues(): Iterable<Queue> {
    return this.#queues.all();
  }

  /** What is here, for those who only look. */
  get observed(): Observed {
    return { queues: this.#queues, listeners: this.#listeners, waiting: this.#waiting, trace: this.#trace };
  }

  #refuse({ limit, status, reason }: LimitReached): Decision {
    this.#meter.refused(limit);
    return answer({ type: 'refused', status, reason });
  }

  #doneUnless(reached: LimitReached | undefined): Decision {
    return reached === undefined ? answer(DONE) : this.#refuse(reached);
  }

  #login(connection: BrokerConnection, token: string): Decision {
    const wrong = wrongName('session', token, this.#limits);
    if (wrong !== undefined) return this.#refuse(wrong);
    const mayCome = connection.isOwn || this.#sessions.has(token);
    const tooMany = mayCome ? undefined : tooManySessions(this.sessions, this.#limits);
    if (tooMany !== undefined) return this.#refuse(tooMany);
    this.#sessions.bind(connection, token);
    return answer(DONE);
  }

  #create(queue: string, owner: string | undefined): Decision {
    const created: Out = { type: 'created', queue };
    if (this.#queues.find(queue) !== undefined) return answer(created);
    const reached = wrongName('queue', queue, this.#limits) ?? tooManyQueues(this.#queues.size, this.#limits);
    if (reached !== undefined) return this.#refuse(reached);
    return answer(created, [{ type: 'queue-created', queue, owner }]);
  }

  #send(token: string, { queue: name, kind, payload }: In & { type: 'send' }, now: number): Decision {
    const queue = this.#queues.find(name);
    if (queue === undefined) return answer({ type: 'sent', id: undefined });
    // That is kept with the message, and counts for nothing else.
    const named = kind.type === 'request' ? kind.replyTo : kind.to.queue;
    const full = wrongName('queue', named, this.#limits) ?? queueFull(queue, payload, this.#limits);
    if (full !== undefined) return this.#refuse(full);
    const id: MessageId = { queue: name, id: queue.nextId };
    if (kind.type === 'request' && this.#drops.failsAtOnce(name)) {
      const failure = this.#drops.failure(id, kind, payload, now);
      if ('limit' in failure) return this.#refuse(failure);
      queue.countFrom(id.id + 1);
      return answer({ type: 'sent', id }, failure);
    }
    const message: Message = { id, payload, kind, origin: token, time: now };
    return answer({ type: 'sent', id }, [{ type: 'message-sent', message }]);
  }

  #transfer(token: string, { from, timeout, queues }: In & { type: 'transfer' }, now: number): Decision {
    const tooMany = tooManyAsked(queues, this.#limits);
    if (tooMany !== undefined) return this.#refuse(tooMany);
    const until = now + timeout;
    const asked = queues.flatMap((name) => this.#queues.find(name) ?? []);
    for (const queue of asked) if (queue.nextTransfer !== LISTENING) queue.nextTransfer = until;
    const names = asked.map(({ name }) => name);
    this.#listeners.listen(token, names);
    // One cursor stands for all queues that are asked for: nothing that comes later may be below it.
    if (queues.length > 1) this.#queues.align(asked);
    const messages = fetchMessages(asked, from, this.#limits.maxTransferBytes);
    if (messages.length === 0) {
      const crowded = tooManyWait(this.#waiting.ofSession(token), this.#limits);
      if (crowded !== undefined) return this.#refuse(crowded);
      const empty: Out = { type: 'messages', messages, next: from };
      const subscribe = (wake: () => void) => this.#waiting.subscribe({ queues, until, token, wake });
      return { type: 'wait', until, empty, subscribe };
    }
    for (const message of messages) this.#delivered(token, message, now);
    const next = messages.reduce((highest, { id }) => Math.max(highest, id.id), FROM_THE_START);
    return answer({ type: 'messages', messages, next });
  }

  #delivered(token: string, message: HeldMessage, now: number): void {
    const { id, payload, kind, time, state } = message;
    if (state === 'waiting') this.#meter.fetched(id, now - time, now);
    this.#queues.fetched(message);
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
    if (wrongName('queue', id.queue, this.#limits) === undefined)
      this.#trace.add({ time: now, input: token, queue: id.queue, what: { type: 'ack', id } });
    const waits = this.#queues.find(id.queue)?.get(id.id) !== undefined;
    if (waits) this.#meter.acked(id, now);
    return answer(DONE, waits ? [{ type: 'message-acked', id }] : []);
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
}
