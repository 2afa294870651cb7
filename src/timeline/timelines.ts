import { AsyncLocalStorage } from 'node:async_hooks';
import { randomBytes } from 'node:crypto';
import type { Answer } from '../rpc/call.ts';
import type { CallContext } from '../rpc/interface.ts';
import type { Method } from '../rpc/service.ts';
import type { Arrival } from '../wire/arrival.ts';
import { type TraceContext, traceContextOf, withSpan } from '../wire/trace-context.ts';
import type { Struct } from '../wire/value.ts';

/** One part of a call's time: what it did, or waited for. Times are ms since the epoch. */
export interface Step {
  readonly what: 'queue' | 'disk' | 'choice' | 'plugin' | 'script' | 'driver-domain' | 'answer';
  readonly begun: number;
  readonly ended: number;
  readonly plugin?: string | undefined;
  readonly method?: string | undefined;
  /** How it ended when it failed: the code of an error, or how a script ended. */
  readonly failure?: string | undefined;
  /** The span under which others were asked. */
  readonly spanId?: string | undefined;
}

/** Where the time of a call went. Times are ms since the epoch. */
export interface Timeline {
  /** From 1, in the order in which calls ended. */
  readonly number: number;
  readonly queue: string;
  readonly method: string;
  readonly sr: string | undefined;
  readonly vdi: string | undefined;
  /** As `queue.number`; `undefined`: it came over the socket of the queue. */
  readonly message: string | undefined;
  /** The trace that the caller gave. */
  readonly trace: TraceContext | undefined;
  readonly begun: number;
  readonly ended: number;
  /** The name of the error that was answered. */
  readonly failure: string | undefined;
  readonly steps: readonly Step[];
  /** Steps that were too many. */
  readonly leftOut: number;
}

/** A call that is not over. */
interface Open extends Omit<Timeline, 'number' | 'ended' | 'failure' | 'steps' | 'leftOut'> {
  readonly steps: Step[];
  readonly spanId: string | undefined;
  failure: string | undefined;
  leftOut: number;
  /** When the answer was there. */
  settled: number;
}

/** A timeline with the id of its span, when its trace is recorded. */
export interface TracedCall extends Timeline {
  readonly trace: TraceContext;
  readonly spanId: string;
}

export interface TimelinesOptions {
  /** ms since the epoch, never backwards */
  readonly now: () => number;
  /** The last calls that are kept. */
  readonly maxCalls: number;
  /** Steps of one call that are kept. */
  readonly maxSteps: number;
  /** Gets each call of a trace that is recorded; absent: nobody wants them. */
  readonly traced?: ((call: TracedCall) => void) | undefined;
}

/** Whether each call of a method is followed, or just those through a switch or with a trace: where each ns counts. */
export type FollowedCalls = 'all' | 'asked-for';

/** Others that a call asks: what is passed on to them, and who is told how that ended. */
export interface Asking {
  readonly params: Struct;
  /** `waited`, `ran`: the last ms of the time until now, in this order. */
  ended(outcome: {
    readonly waited: number;
    readonly ran: number;
    readonly failure: string | undefined;
  }): void;
}

/** Follows calls from their arrival to their answer, and keeps where the time of the last ones went. */
export class Timelines {
  readonly #options: TimelinesOptions;
  /** The call on whose behalf the code runs. */
  readonly #current = new AsyncLocalStorage<Open>();
  /** The calls of a message that are not sent yet. */
  readonly #unsent = new WeakMap<Arrival, Open[]>();
  /** A ring: a timeline is at its number modulo the limit. */
  readonly #kept: Timeline[] = [];
  #ended = 0;

  constructor(options: TimelinesOptions) {
    this.#options = options;
  }

  /** The methods with their calls followed. */
  follow(methods: readonly Method[], calls: FollowedCalls): Method[] {
    return methods.map((method) => ({
      name: method.name,
      call: (params, context) =>
        calls === 'all' || context.arrival !== undefined || hasSecondLine(params.dbg)
          ? this.#call(method, params, context)
          : method.call(params, context),
    }));
  }

  /** Adds to the call that is under way here, if any. */
  note(step: Step): void {
    const call = this.#current.getStore();
    if (call !== undefined) this.#add(call, step);
  }

  /** Begins to ask a script or another domain. */
  ask(what: 'script' | 'driver-domain', { plugin, method, params }: Asked): Asking {
    const call = this.#current.getStore();
    if (call === undefined) return { params, ended: () => {} };
    const { trace } = call;
    const isTraced = trace !== undefined && call.spanId !== undefined && typeof params.dbg === 'string';
    const spanId = isTraced ? newSpanId() : undefined;
    return {
      params:
        trace !== undefined && spanId !== undefined && typeof params.dbg === 'string'
          ? { ...params, dbg: withSpan(params.dbg, trace, spanId) }
          : params,
      ended: ({ waited, ran, failure }) => {
        const ended = this.#options.now();
        const begun = ended - ran;
        if (waited >= SHORTEST_WAIT_MS)
          this.#add(call, { what: 'plugin', begun: begun - waited, ended: begun, plugin });
        this.#add(call, { what, begun, ended, plugin, method, failure, spanId });
      },
    };
  }

  /** The reply to a message is accepted by the switch, or nobody waits for it. */
  replied(arrival: Arrival): void {
    const ended = this.#options.now();
    for (const call of this.#unsent.get(arrival) ?? []) {
      this.#add(call, { what: 'answer', begun: call.settled, ended });
      this.#end(call, ended);
    }
    this.#unsent.delete(arrival);
  }

  /** The last calls, oldest first. */
  kept(): Timeline[] {
    const at = this.#ended % this.#options.maxCalls;
    return [...this.#kept.slice(at), ...this.#kept.slice(0, at)];
  }

  #call(method: Method, params: Struct, context: CallContext): Answer | Promise<Answer> {
    const call = this.#begin(method.name, params, context);
    const answer = this.#current.run(call, method.call, params, context);
    return answer instanceof Promise
      ? answer.then((settled) => this.#settle(call, settled, context.arrival))
      : this.#settle(call, answer, context.arrival);
  }

  #begin(method: string, { dbg, sr, vdi }: Struct, { queue, arrival }: CallContext): Open {
    const { now, traced } = this.#options;
    const trace = traceContextOf(dbg);
    const begun = now();
    const steps: Step[] = [];
    if (arrival?.accepted !== undefined) {
      steps.push({ what: 'queue', begun: arrival.accepted, ended: arrival.fetched });
    }
    return {
      ...{ queue, method, trace, steps },
      sr: shortText(sr),
      vdi: shortText(vdi),
      message: arrival?.message,
      spanId: traced !== undefined && trace?.sampled === true ? newSpanId() : undefined,
      begun: arrival?.accepted ?? arrival?.fetched ?? begun,
      failure: undefined,
      leftOut: 0,
      settled: begun,
    };
  }

  #settle(call: Open, answer: Answer, arrival: Arrival | undefined): Answer {
    call.settled = this.#options.now();
    call.failure = answer.type === 'error' ? errorName(answer.error) : undefined;
    if (arrival === undefined) this.#end(call, call.settled);
    else this.#unsent.set(arrival, [...(this.#unsent.get(arrival) ?? []), call]);
    return answer;
  }

  #add(call: Open, step: Step): void {
    if (call.steps.length < this.#options.maxSteps) call.steps.push(step);
    else call.leftOut += 1;
  }

  #end({ spanId, settled: _settled, ...call }: Open, ended: number): void {
    const { maxCalls, traced } = this.#options;
    const timeline = { ...call, number: this.#ended + 1, ended };
    this.#kept[this.#ended % maxCalls] = timeline;
    this.#ended += 1;
    const { trace } = timeline;
    if (spanId !== undefined && trace !== undefined) traced?.({ ...timeline, trace, spanId });
  }
}

/** What is shorter is no wait: there was a place at once. */
const SHORTEST_WAIT_MS = 1;

/** What a call asks of a script. */
export interface Asked {
  readonly plugin: string;
  readonly method: string;
  readonly params: Struct;
}

export const newSpanId = (): string => randomBytes(8).toString('hex');

const hasSecondLine = (dbg: unknown): boolean => typeof dbg === 'string' && dbg.includes('\n');

/** Names of SRs and disks are uuids, or not much longer. */
const LONGEST_NAME = 200;

const shortText = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value.slice(0, LONGEST_NAME) : undefined;

/** `Backend_error_with_backtrace SR_does_not_exist`: the names alone, as what stands beside them may hold secrets. */
function errorName({ kind, variant }: (Answer & { readonly type: 'error' })['error']): string {
  const [tag, value]: readonly unknown[] = Array.isArray(variant) ? variant : [variant];
  const [code]: readonly unknown[] =
    Array.isArray(value) && String(tag).startsWith('Backend_error') ? value : [];
  const names = [tag, code].filter((name) => typeof name === 'string' && /^\w+$/.test(name));
  return names.length === 0 ? kind : names.join(' ').slice(0, LONGEST_NAME);
}
