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
  /** What waits is answered now, with what there is. */
  hurry(): void;
  /** The client is gone. */
  leave(): void;
}

/** Runs a broker in time: applies its operations, keeps its waiting clients, and lets no answer out before the commit. */
export class SwitchHost {
  readonly #options: HostOptions;

  constructor(options: HostOptions) {
    this.#options = options;
  }

  connect(): SwitchClient {
    const connection = this.#options.broker.connect();
    let hurry: (() => void) | undefined;
    return {
      perform: (request) => {
        const outcome = this.#perform(connection, request, (wake) => {
          hurry = wake;
        });
        if (request.type === 'shutdown' && !(outcome instanceof Promise) && outcome.type === 'done') {
          this.#options.shutdown();
        }
        return outcome;
      },
      hurry: () => hurry?.(),
      leave: () => {
        hurry?.();
        const operations = this.#options.broker.disconnect(connection);
        this.#apply(operations);
        this.#options.commit(operations);
      },
    };
  }

  #perform(
    connection: BrokerConnection,
    request: In,
    setHurry: (hurry: (() => void) | undefined) => void,
  ): Out | Promise<Out> {
    const decision = this.#options.broker.decide(connection, request, this.#options.now());
    return decision.type === 'answer'
      ? this.#carryOut(decision)
      : this.#wait(connection, request, decision, setHurry);
  }

  #carryOut({ out, operations }: Decision & { type: 'answer' }): Out | Promise<Out> {
    if (operations.length === 0) return out;
    this.#apply(operations);
    const kept = this.#options.commit(operations);
    return kept instanceof Promise ? kept.then(() => out) : out;
  }

  #apply(operations: readonly Operation[]): void {
    for (const operation of operations) this.#options.broker.apply(operation);
  }

  /** Waits to be woken or for the time to pass, and then decides again. */
  async #wait(
    connection: BrokerConnection,
    request: In,
    first: Decision & { type: 'wait' },
    setHurry: (hurry: (() => void) | undefined) => void,
  ): Promise<Out> {
    let decision: Decision = first;
    while (decision.type === 'wait') {
      const { promise, resolve } = Promise.withResolvers<'woken' | 'over'>();
      const timer = setTimeout(resolve, decision.until - this.#options.now(), 'over');
      const unsubscribe = decision.subscribe(() => resolve('woken'));
      setHurry(() => resolve('over'));
      const outcome = await promise;
      clearTimeout(timer);
      unsubscribe();
      setHurry(undefined);
      if (outcome === 'over') return first.empty;
      const again: Decision = this.#options.broker.decide(connection, request, this.#options.now());
      decision = again.type === 'wait' ? { ...again, until: first.until } : again;
    }
    return this.#carryOut(decision);
  }
}
