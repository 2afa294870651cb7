import { setTimeout as pauseFor } from 'node:timers/promises';
import type { Delivered } from './client-codec.ts';
import { ForeignSession, type ForeignSwitch } from './foreign-session.ts';
import { ConnectionLost } from './http-client.ts';
import { FROM_THE_START } from './protocol.ts';
import type { QueueService, QueueServiceOptions } from './service.ts';

export interface JoinOptions extends ForeignSwitch, Omit<QueueServiceOptions, 'host'> {
  readonly observer: JoinObserver;
  /** A clock in ms. */
  readonly now: () => number;
  /** Waits so many ms, or until the signal aborts; then it may reject. */
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<unknown>;
}

/** Told once of each loss and of each return, however often it was tried in between. */
export interface JoinObserver {
  joined(): void;
  lost(reason: string): void;
  /** The switch does not take the reply to a request, and would not if it were sent again. The caller is told so. */
  refused(reason: string): void;
}

/** Whether the switch is there. Times are of the clock that was given. */
export type JoinState =
  | { readonly type: 'joined'; readonly since: number }
  | { readonly type: 'away'; readonly since: number; readonly reason: string };

export interface JoinReport {
  readonly queue: string;
  readonly path: string;
  readonly state: JoinState;
}

export interface JoinedQueue extends QueueService {
  report(): JoinReport;
}

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2000;

/** Serves a queue on a switch that runs in another process, whenever that is there. */
export const joinSwitch = (options: JoinOptions): JoinedQueue => new Joined(options);

/** A request that was carried out, or is now; kept until the switch can't deliver it again. */
interface Execution {
  readonly request: Delivered;
  answer: Promise<string | Buffer>;
  /** In which the switch delivered it last. */
  session: ForeignSession;
}

class Joined implements JoinedQueue {
  readonly #options: JoinOptions;
  readonly #stopping = new AbortController();
  readonly #kept: Promise<void>;
  /** By the request's id, which names one message at a time. */
  readonly #executions = new Map<number, Execution>();
  #state: JoinState;
  #everLost = false;
  #session: ForeignSession | undefined;
  /** Messages that are being answered and acked, of this session and of lost ones. */
  #busy = 0;
  /** Settles when something has changed that somebody may wait for. */
  #change = Promise.withResolvers<void>();

  constructor(options: JoinOptions) {
    this.#options = options;
    this.#state = { type: 'away', since: options.now(), reason: 'not reached yet' };
    this.#kept = this.#keep();
  }

  report(): JoinReport {
    const { queue, path } = this.#options;
    return { queue, path, state: this.#state };
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#session?.stopTransfers();
    this.#changed();
    while (this.#busy > 0) await this.#change.promise;
    this.#session?.end('stopped');
    await this.#kept;
  }

  async #keep(): Promise<void> {
    const { now, pause = defaultPause } = this.#options;
    const { signal } = this.#stopping;
    let wait = FIRST_PAUSE_MS;
    while (!signal.aborted) {
      const session = new ForeignSession(this.#options, () => this.#changed());
      this.#session = session;
      await this.#serve(session);
      if (signal.aborted) return;
      // A switch that has served for a while is expected back at once; one that is lost as soon as it is reached is not.
      if (this.#state.type === 'joined' && now() - this.#state.since >= LONGEST_PAUSE_MS)
        wait = FIRST_PAUSE_MS;
      this.#lost(session.ended ?? 'no reason is known');
      await pause(wait, signal).catch(() => {});
      wait = Math.min(2 * wait, LONGEST_PAUSE_MS);
    }
  }

  /** One session, from its login until it is lost or all is to stop. */
  async #serve(session: ForeignSession): Promise<void> {
    try {
      await session.login();
      await session.createQueue();
      await this.#takeMessages(session);
    } catch (error) {
      if (!(error instanceof ConnectionLost)) throw error;
    }
  }

  /** A transfer is always under way, unless as many requests are as may be. */
  async #takeMessages(session: ForeignSession): Promise<void> {
    let taken = FROM_THE_START;
    // Until a transfer gives nothing: what waited here is delivered then.
    let catchingUp = true;
    for (;;) {
      // With nothing unacked, all that is here is new, also where ids are low: in a queue that was destroyed and is
      // back they begin again.
      const from = session.unacked === 0 ? FROM_THE_START : taken;
      const { messages, next } = await session.transfer(from, catchingUp ? 'at once' : 'wait');
      this.#joined();
      taken = next;
      if (messages.length === 0) {
        if (catchingUp) this.#forgetOthers(session);
        // Somebody may have destroyed the queue.
        else await session.createQueue();
        catchingUp = false;
      }
      for (const message of messages) {
        if (!(await this.#mayTake(session))) return;
        void this.#take(session, message);
      }
    }
  }

  /** Waits until one more request may be under way. False: the session is over, and the message comes again. */
  async #mayTake(session: ForeignSession): Promise<boolean> {
    const isOver = () => session.ended !== undefined || this.#stopping.signal.aborted;
    while (this.#busy >= this.#options.maxConcurrent && !isOver()) await this.#change.promise;
    return !isOver();
  }

  async #take(session: ForeignSession, message: Delivered): Promise<void> {
    this.#busy += 1;
    session.unacked += 1;
    try {
      if (message.kind.type === 'request') await this.#reply(session, message, message.kind.replyTo);
      await session.ack(message.id);
      session.unacked -= 1;
      this.#executions.delete(message.id.id);
    } catch (error) {
      if (!(error instanceof ConnectionLost)) throw error;
    } finally {
      this.#busy -= 1;
      this.#changed();
    }
  }

  async #reply(session: ForeignSession, request: Delivered, replyTo: string): Promise<void> {
    const { observer, refusal, replied } = this.#options;
    const execution = this.#execution(session, request);
    const refused = await session.respond(replyTo, request.id, await execution.answer);
    replied?.(execution.request);
    if (refused === undefined) return;
    observer.refused(refused);
    // Kept in place of the answer: a switch that finds a reply too large may close the connection.
    execution.answer = Promise.resolve(refusal(refused));
    await session.respond(replyTo, request.id, await execution.answer);
  }

  /**
   * The switch delivers a request again whose reply or ack was lost with a session. It is carried out once: its answer
   * is sent again, also when it is still awaited.
   */
  #execution(session: ForeignSession, request: Delivered): Execution {
    const known = this.#executions.get(request.id.id);
    if (known !== undefined && isSame(known.request, request)) {
      known.session = session;
      return known;
    }
    // Another message with the same id: the switch began anew, and does not know that one any more.
    const answer = Promise.resolve(this.#options.answer(request.payload, request));
    const execution = { request, answer, session };
    this.#executions.set(request.id.id, execution);
    return execution;
  }

  /** What this session was not given, though all that waited was, the switch does not have any more. */
  #forgetOthers(session: ForeignSession): void {
    for (const [id, execution] of this.#executions) {
      if (execution.session !== session) this.#executions.delete(id);
    }
  }

  #joined(): void {
    if (this.#state.type === 'joined') return;
    this.#state = { type: 'joined', since: this.#options.now() };
    this.#options.observer.joined();
  }

  #lost(reason: string): void {
    const { now, observer } = this.#options;
    const since = this.#state.type === 'away' ? this.#state.since : now();
    if (this.#state.type === 'joined' || !this.#everLost) observer.lost(reason);
    this.#everLost = true;
    this.#state = { type: 'away', since, reason };
  }

  #changed(): void {
    this.#change.resolve();
    this.#change = Promise.withResolvers();
  }
}

const defaultPause = (ms: number, signal: AbortSignal): Promise<unknown> =>
  pauseFor(ms, undefined, { signal });

const isSame = (one: Delivered, other: Delivered): boolean =>
  one.kind.type === 'request' &&
  other.kind.type === 'request' &&
  one.kind.replyTo === other.kind.replyTo &&
  one.payload.equals(other.payload);
