import type { RequestFact, ResponseFact, TraceFact } from './facts.ts';
import { type Outcome, readOutcome, readRequest } from './payload.ts';

/** What may happen to a call, in the order in which it mostly does. */
export const STEPS = ['sent', 'fetched', 'acked', 'answered', 'answer fetched', 'answer acked'] as const;
export type Step = (typeof STEPS)[number];

export interface Moment {
  /** The number of the event. */
  readonly n: number;
  /** ms since the epoch */
  readonly time: number;
  /** The session that has done it, where that is known. */
  readonly by: string | undefined;
}

/** One call, as far as the events tell it. */
export interface Call {
  /** Queue and number, as `datapathctl trace` takes them. */
  readonly key: string;
  readonly queue: string;
  readonly id: number;
  readonly moments: Partial<Record<Step, Moment>>;
  method: string | undefined;
  sr: string | undefined;
  vdi: string | undefined;
  domain: string | undefined;
  request: string | undefined;
  answer: string | undefined;
  outcome: Outcome | undefined;
}

/** So many calls are remembered; the oldest are forgotten. */
const MOST_CALLS = 300;

/** Makes calls of the events of a trace. */
export class CallBook {
  readonly #calls = new Map<string, Call>();
  /** The calls that replies belong to, by their own queue and number. */
  readonly #replies = new Map<string, string>();
  #next: number | undefined;
  /** Events that never came. */
  lost = 0;
  /** Another number after each change. */
  version = 0;

  /** In the order in which they were first heard of. */
  get calls(): readonly Call[] {
    return [...this.#calls.values()];
  }

  get(key: string): Call | undefined {
    return this.#calls.get(key);
  }

  /** A switch that was started anew counts from 0 again. */
  forget(): void {
    this.#calls.clear();
    this.#replies.clear();
    this.#next = undefined;
    this.lost = 0;
    this.version += 1;
  }

  /** Takes events, some of which may have come before. */
  add(events: readonly TraceFact[]): void {
    for (const event of events) {
      const next = this.#next ?? event.n;
      if (event.n < next) continue;
      this.lost += event.n - next;
      this.#next = event.n + 1;
      this.#note(event);
    }
    this.version += 1;
  }

  #note(event: TraceFact): void {
    switch (event.kind) {
      case 'request':
        this.#noteRequest(event);
        return;
      case 'response':
        this.#noteResponse(event);
        return;
      case 'ack': {
        const own = keyOf(event);
        const replied = this.#replies.get(own);
        const call = this.#calls.get(replied ?? own);
        if (call !== undefined)
          note(call, replied === undefined ? 'acked' : 'answer acked', event, event.input);
      }
    }
  }

  #noteRequest(event: RequestFact): void {
    const call = this.#call(event);
    if (call.request === undefined) {
      call.request = event.payload;
      Object.assign(call, readRequest(event.payload));
    }
    // A sending names the sender, a delivery the receiver.
    if (event.output === undefined) note(call, 'sent', event, event.input);
    else note(call, 'fetched', event, event.output);
  }

  #noteResponse(event: ResponseFact): void {
    const call = this.#call(event.to);
    this.#replies.set(keyOf(event), call.key);
    if (call.answer === undefined) {
      call.answer = event.payload;
      call.outcome = readOutcome(event.payload);
    }
    if (event.output === undefined) note(call, 'answered', event, event.input);
    else note(call, 'answer fetched', event, event.output);
  }

  #call(id: { readonly queue: string; readonly id: number }): Call {
    const key = keyOf(id);
    const known = this.#calls.get(key);
    if (known !== undefined) return known;
    const nothing = { method: undefined, sr: undefined, vdi: undefined, domain: undefined };
    const open = { request: undefined, answer: undefined, outcome: undefined };
    const call: Call = { key, queue: id.queue, id: id.id, moments: {}, ...nothing, ...open };
    this.#calls.set(key, call);
    this.#forgetOldest();
    return call;
  }

  #forgetOldest(): void {
    if (this.#calls.size <= MOST_CALLS) return;
    const [oldest = ''] = this.#calls.keys();
    this.#calls.delete(oldest);
    for (const [reply, key] of this.#replies) if (key === oldest) this.#replies.delete(reply);
  }
}

const keyOf = ({ queue, id }: { readonly queue: string; readonly id: number }): string => `${queue}.${id}`;

/** What comes again, as a delivery may, is noted once. */
function note(call: Call, step: Step, { n, time }: TraceFact, by: string | undefined): void {
  call.moments[step] ??= { n, time, by };
}

export type CallState = 'waiting' | 'running' | 'ok' | 'failed' | 'answered';

export function stateOf({ moments, outcome }: Call): CallState {
  if (moments.answered !== undefined || moments['answer fetched'] !== undefined) return outcome ?? 'answered';
  return moments.fetched === undefined && moments.acked === undefined ? 'waiting' : 'running';
}

/** From its sending to its answer, or to now; `undefined`: its beginning is not known. */
export function tookOf({ moments }: Call, now: number): number | undefined {
  const begin = moments.sent?.time;
  if (begin === undefined) return undefined;
  return Math.max(0, (moments.answered?.time ?? moments['answer fetched']?.time ?? now) - begin);
}

/** Who has sent it. */
export const callerOf = ({ moments }: Call): string | undefined =>
  moments.sent?.by ?? moments['answer fetched']?.by;

/** Who works on it. */
export const serverOf = ({ moments }: Call): string | undefined =>
  moments.fetched?.by ?? moments.answered?.by;

/** What calls are wanted: parts of names, in which `*` stands for any characters. Empty: all. */
export interface Wanted {
  readonly queue: string;
  readonly method: string;
  readonly sr: string;
}

export function callFilter({ queue, method, sr }: Wanted): (call: Call) => boolean {
  const [isQueue, isMethod, isSr] = [queue, method, sr].map(matcher);
  return (call) =>
    isQueue?.(call.queue) !== false &&
    isMethod?.(call.method ?? '') !== false &&
    isSr?.(call.sr ?? '') !== false;
}

function matcher(pattern: string): (text: string) => boolean {
  const parts = pattern.trim().toLowerCase().split('*');
  return (text) => {
    // Each part somewhere behind the one before.
    let at = 0;
    for (const part of parts) {
      const found = text.toLowerCase().indexOf(part, at);
      if (found < 0) return false;
      at = found + part.length;
    }
    return true;
  };
}
