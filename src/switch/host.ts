import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Deadline, setDeadline } from '../deadline.ts';
import type { PeerIdentity } from '../wire/conversation.ts';
import type { Broker } from './broker.ts';
import type { Decision } from './decision.ts';
import type { Guard } from './policy.ts';
import type { In, Message, Operation, Out } from './protocol.ts';
import type { BrokerConnection } from './sessions.ts';

export interface HostOptions {
  readonly broker: Broker;
  /** A clock, in ms since the epoch. */
  readonly now: () => number;
  /** Keeps what must survive, and tells whether it is kept, or why not; at once, or later. No answer leaves before. */
  readonly commit: (operations: readonly Operation[], settle: Settle) => void;
  /** A client asked the switch to end. */
  readonly shutdown: () => void;
  /** What a peer may do; `undefined`: not even connect. Absent: everybody may do all. */
  readonly policy?: (peer: PeerIdentity | undefined) => Guard | undefined;
  readonly observer?: RequestObserver | undefined;
}

/** Told of each request that was answered, for the log. */
export interface RequestObserver {
  /** Whether that is wanted now: a request costs nothing more when it is not. */
  wanted(): boolean;
  answered(request: In, out: Out, ms: number): void;
}

const MAY_DO_ALL: Guard = () => undefined;

/** Told what became of operations: `undefined` when they are kept, else the reason. */
export type Settle = (failure: string | undefined) => void;

/** Keeps nothing beyond the process. */
export const keepInMemory: HostOptions['commit'] = (_operations, settle) => settle(undefined);

/** A client of the broker in this process: a connection of the HTTP front, or a queue that is served in process. */
export interface SwitchClient {
  /** Asks. An answer that has to wait for a message or a time is a promise; it never rejects. */
  perform(request: In): Out | Promise<Out>;
  /**
   * Calls back for every message that comes to the queue, which need not exist, until the function that is given is
   * called. `subscribe` says whether it may be; all of these end before the client leaves.
   */
  listen(queue: string, wake: () => void): () => void;
  /** What waits in a queue above the cursor: see `Broker.take`. */
  take(queue: string, from: number, limit: number): readonly Message[];
  /** What waits is answered now, with what there is; and what is asked from now on does not wait. */
  hurry(): void;
  /** The client is gone. */
  leave(): void;
}

/** The longest that Node's timers can wait; they would fire at once for more. A transfer that ends early is asked again. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** So many may wait at a socket to be taken. */
const BACKLOG = 511;

/** Runs a broker in time: applies its operations, keeps its waiting clients, and lets no answer out before the commit. */
export class SwitchHost {
  readonly #options: HostOptions;
  #expiry: Deadline | undefined;
  #stopping = false;
  /** How many have come to the socket. */
  #came = 0;

  constructor(options: HostOptions) {
    this.#options = options;
    this.#awaitExpiry();
  }

  /** Clients that leave from now on do so because the switch stops: what their sessions own stays. */
  stop(): void {
    this.#stopping = true;
    this.#expiry?.clear();
    this.#expiry = undefined;
  }

  /** Somebody has come to the socket, and what it says is still to be read. */
  came(): void {
    this.#came += 1;
  }

  /** What a peer may do; `undefined`: it may not connect. */
  guard(peer: PeerIdentity | undefined): Guard | undefined {
    const { policy } = this.#options;
    return policy === undefined ? MAY_DO_ALL : policy(peer);
  }

  /** A client that may do what its guard allows; one of this process, which has none, may do all. */
  connect(guardOfPeer?: Guard): SwitchClient {
    const { broker, now, observer } = this.#options;
    const guard = guardOfPeer ?? MAY_DO_ALL;
    const connection = broker.connect(guardOfPeer === undefined);
    let hurried = false;
    let endWait: (() => void) | undefined;
    const setEnd = (end: (() => void) | undefined): void => {
      endWait = end;
      if (hurried) end?.();
    };
    const hurry = (): void => {
      hurried = true;
      endWait?.();
    };
    const perform = (request: In): Out | Promise<Out> => {
      const forbidden = guard(request);
      if (forbidden !== undefined) return { type: 'refused', status: 403, reason: forbidden };
      const outcome = this.#perform(connection, request, setEnd);
      if (request.type === 'shutdown' && !(outcome instanceof Promise) && outcome.type === 'done') {
        this.#options.shutdown();
      }
      return outcome;
    };
    return {
      perform: (request) =>
        observer?.wanted() === true ? this.#observed(observer, request, perform) : perform(request),
      listen: (queue, wake) => {
        const end = broker.listen(connection, queue, wake);
        this.#hear([queue]);
        return () => end(now());
      },
      take: (queue, from, limit) => broker.take(connection, queue, from, limit, now()),
      hurry,
      leave: () => {
        hurry();
        if (this.#stopping) return;
        if (broker.disconnect(connection, now()) === 'over') this.#expire();
        else void this.#expireRead();
      },
    };
  }

  #observed(
    observer: RequestObserver,
    request: In,
    perform: (request: In) => Out | Promise<Out>,
  ): Out | Promise<Out> {
    const { now } = this.#options;
    const begun = now();
    const tell = (out: Out): Out => {
      observer.answered(request, out, now() - begun);
      return out;
    };
    const outcome = perform(request);
    return outcome instanceof Promise ? outcome.then(tell) : tell(outcome);
  }

  #perform(
    connection: BrokerConnection,
    request: In,
    setEnd: (end: (() => void) | undefined) => void,
  ): Out | Promise<Out> {
    const { broker, now } = this.#options;
    const decision = broker.decide(connection, request, now());
    const isListening = decision.type === 'wait' || decision.out.type === 'messages';
    if (request.type === 'transfer' && isListening) this.#hear(request.queues);
    return decision.type === 'answer'
      ? this.#answer(decision)
      : this.#wait(connection, request, decision, setEnd);
  }

  /** Nobody waits for this to be kept: a queue that is not alive after a restart is as soon as somebody is back. */
  #hear(queues: readonly string[]): void {
    this.#carryOut(this.#options.broker.heard(queues), () => {});
  }

  #answer({ out, operations }: Decision & { type: 'answer' }): Out | Promise<Out> {
    if (operations.length === 0) return out;
    return soon((give) =>
      this.#carryOut(operations, (failure) =>
        give(failure === undefined ? out : { type: 'refused', status: 503, reason: failure }),
      ),
    );
  }

  /** Commits, and when that is kept, applies. */
  #carryOut(operations: readonly Operation[], settle: Settle): void {
    if (operations.length === 0) return;
    const { broker, commit, now } = this.#options;
    broker.reserve(operations);
    commit(operations, (failure) => {
      broker.release(operations, failure === undefined, now());
      if (failure === undefined) for (const operation of operations) broker.carryOut(operation);
      this.#awaitExpiry();
      settle(failure);
    });
  }

  /**
   * Expires when those who wait at the socket are taken, one in each turn of the event loop, and what they have sent is read
   * in the next: where this process was held up itself, an owner that was back in time may be among them.
   */
  async #expireRead(): Promise<void> {
    for (let turns = 0, quiet = 0; quiet < 2 && turns < BACKLOG; turns += 1) {
      const before = this.#came;
      await nextTurn();
      quiet = this.#came === before ? quiet + 1 : 0;
    }
    if (!this.#stopping) this.#expire();
  }

  /** Ends what is to end by now, and looks again when the next may. */
  #expire(): void {
    const { broker, now } = this.#options;
    for (const operations of broker.expire(now())) this.#carryOut(operations, () => {});
    this.#expiry?.clear();
    this.#expiry = undefined;
    this.#awaitExpiry();
  }

  #awaitExpiry(): void {
    if (this.#expiry !== undefined || this.#stopping) return;
    const now = this.#options.now();
    const next = this.#options.broker.nextExpiry(now);
    if (next === undefined) return;
    const left = Math.min(Math.max(1, next - now), LONGEST_TIMER_MS);
    this.#expiry = setDeadline(() => this.#expireRead(), left, { keepsAlive: false });
  }

  /** Waits to be woken or for the time to pass, and then decides again. */
  async #wait(
    connection: BrokerConnection,
    request: In,
    first: Decision & { type: 'wait' },
    setEnd: (end: (() => void) | undefined) => void,
  ): Promise<Out> {
    let decision: Decision = first;
    while (decision.type === 'wait') {
      const { promise, resolve } = Promise.withResolvers<'woken' | 'over'>();
      const left = Math.min(Math.max(0, decision.until - this.#options.now()), LONGEST_TIMER_MS);
      const deadline = setDeadline(() => resolve('over'), left);
      const unsubscribe = decision.subscribe(() => resolve('woken'));
      setEnd(() => resolve('over'));
      const outcome = await promise;
      deadline.clear();
      unsubscribe();
      setEnd(undefined);
      if (outcome === 'over') return first.empty;
      const again: Decision = this.#options.broker.decide(connection, request, this.#options.now());
      decision = again.type === 'wait' ? { ...again, until: first.until } : again;
    }
    return this.#answer(decision);
  }
}

/** Gives what `start` gives at once, or a promise of what it gives later. */
function soon<T>(start: (give: (value: T) => void) => void): T | Promise<T> {
  const state: { given?: { readonly value: T }; tell?: (value: T) => void } = {};
  start((value) => {
    if (state.tell === undefined) state.given = { value };
    else state.tell(value);
  });
  if (state.given !== undefined) return state.given.value;
  return new Promise((resolve) => {
    state.tell = resolve;
  });
}
