import type { Broker, Decision } from './broker.ts';
import type { In, Operation, Out } from './protocol.ts';
import type { BrokerConnection } from './sessions.ts';

export interface HostOptions {
  readonly broker: Broker;
  /** A clock, in ms since the epoch. */
  readonly now: () => number;
  /** Keeps what must survive. The answer leaves when this has settled. */
  readonly commit: (operations: readonly Operation[]) => void | Promise<void>;
  /** A client asked the switch to end. */
  readonly shutdown: () => void;
}

/** A client of the broker in this process: a connection of the HTTP front, or a queue that is served in process. */
export interface SwitchClient {
  /** Asks. An answer that has to wait for a message or a time is a promise; it never rejects. */
  perform(request: In): Out | Promise<Out>;
  /** What waits is answered now, with what there is; and what is asked from now on does not wait. */
  hurry(): void;
  /** The client is gone. */
  leave(): void;
}

/** The longest that Node's timers can wait; they would fire at once for more. A transfer that ends early is asked again. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Runs a broker in time: applies its operations, keeps its waiting clients, and lets no answer out before the commit. */
export class SwitchHost {
  readonly #options: HostOptions;

  constructor(options: HostOptions) {
    this.#options = options;
  }

  connect(): SwitchClient {
    const connection = this.#options.broker.connect();
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
    return {
      perform: (request) => {
        const outcome = this.#perform(connection, request, setEnd);
        if (request.type === 'shutdown' && !(outcome instanceof Promise) && outcome.type === 'done') {
          this.#options.shutdown();
        }
        return outcome;
      },
      hurry,
      leave: () => {
        hurry();
        this.#carryOut(this.#options.broker.disconnect(connection));
      },
    };
  }

  #perform(
    connection: BrokerConnection,
    request: In,
    setEnd: (end: (() => void) | undefined) => void,
  ): Out | Promise<Out> {
    const decision = this.#options.broker.decide(connection, request, this.#options.now());
    return decision.type === 'answer'
      ? this.#answer(decision)
      : this.#wait(connection, request, decision, setEnd);
  }

  #answer({ out, operations }: Decision & { type: 'answer' }): Out | Promise<Out> {
    const kept = this.#carryOut(operations);
    return kept instanceof Promise ? kept.then(() => out) : out;
  }

  #carryOut(operations: readonly Operation[]): void | Promise<void> {
    if (operations.length === 0) return;
    for (const operation of operations) this.#options.broker.apply(operation);
    return this.#options.commit(operations);
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
      const left = Math.min(decision.until - this.#options.now(), LONGEST_TIMER_MS);
      const timer = setTimeout(resolve, left, 'over');
      const unsubscribe = decision.subscribe(() => resolve('woken'));
      setEnd(() => resolve('over'));
      const outcome = await promise;
      clearTimeout(timer);
      unsubscribe();
      setEnd(undefined);
      if (outcome === 'over') return first.empty;
      const again: Decision = this.#options.broker.decide(connection, request, this.#options.now());
      decision = again.type === 'wait' ? { ...again, until: first.until } : again;
    }
    return this.#answer(decision);
  }
}
