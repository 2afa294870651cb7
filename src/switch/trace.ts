import { firstBytes } from './payload-text.ts';
import type { TraceEvent } from './protocol.ts';

export interface TraceLimits {
  readonly traceEntries: number;
  readonly traceBytes: number;
  readonly tracePayloadBytes: number;
}

/** An event before it has its number; what is not known of its kind may be left out. */
type NewEvent = Pick<TraceEvent, 'time' | 'queue' | 'what'> &
  Partial<Pick<TraceEvent, 'input' | 'output' | 'processingTime'>>;

type TracedMessage = TraceEvent['what'] & { readonly type: 'message' };

/** The recent past, bounded in events and in bytes of payload; what is older is dropped. Numbers go on for ever. */
export class Trace {
  readonly #limits: TraceLimits;
  /** A ring: an event is at its number modulo the limit. */
  readonly #events: (TraceEvent | undefined)[] = [];
  readonly #waiting = new Set<() => void>();
  #oldest = 0;
  #next = 0;
  #bytes = 0;

  constructor(limits: TraceLimits) {
    this.#limits = limits;
  }

  /** The number that the next event gets. */
  get next(): number {
    return this.#next;
  }

  /** Notes an event, with a copy of its payload that is cut to the limit. */
  add({ time, input, queue, output, what, processingTime }: NewEvent): void {
    const { traceEntries, traceBytes } = this.#limits;
    const kept = what.type === 'ack' ? what : this.#cutMessage(what);
    const number = this.#next;
    this.#next += 1;
    this.#bytes += payloadBytes(kept);
    if (this.#next - this.#oldest > traceEntries) this.#dropOldest();
    this.#events[number % traceEntries] = { number, time, input, queue, output, what: kept, processingTime };
    while (this.#bytes > traceBytes) this.#dropOldest();
    if (this.#waiting.size === 0) return;
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  /** The events that are still there with this number or a higher one. */
  from(number: number): TraceEvent[] {
    const events: TraceEvent[] = [];
    for (let each = Math.max(number, this.#oldest); each < this.#next; each += 1) {
      const event = this.#events[each % this.#limits.traceEntries];
      if (event !== undefined) events.push(event);
    }
    return events;
  }

  /** Calls back at the next event; gives what takes that back. */
  waitForEvent(wake: () => void): () => void {
    this.#waiting.add(wake);
    return () => this.#waiting.delete(wake);
  }

  #dropOldest(): void {
    const place = this.#oldest % this.#limits.traceEntries;
    const dropped = this.#events[place];
    this.#oldest += 1;
    this.#events[place] = undefined;
    if (dropped !== undefined) this.#bytes -= payloadBytes(dropped.what);
  }

  #cutMessage({ type, id, payload, kind }: TracedMessage): TracedMessage {
    return { type, id, payload: this.#cut(payload), kind };
  }

  /** A copy, so that the trace does not keep the much larger buffer alive that the payload may lie in. */
  #cut(payload: Buffer): Buffer {
    const { tracePayloadBytes } = this.#limits;
    if (payload.length <= tracePayloadBytes) return Buffer.from(payload);
    return Buffer.concat([firstBytes(payload, tracePayloadBytes), CUT]);
  }
}

/** Stands at the end of a payload that was cut. */
const CUT = Buffer.from('…');

const payloadBytes = (what: TraceEvent['what']): number => (what.type === 'ack' ? 0 : what.payload.length);
