import type { TraceEvent } from './protocol.ts';

export interface TraceLimits {
  readonly traceEntries: number;
  readonly traceBytes: number;
  readonly tracePayloadBytes: number;
}

/** The recent past, bounded in events and in bytes of payload; what is older is dropped. Numbers go on for ever. */
export class Trace {
  readonly #limits: TraceLimits;
  readonly #events: TraceEvent[] = [];
  readonly #waiting = new Set<() => void>();
  #next = 0;
  #bytes = 0;

  constructor(limits: TraceLimits) {
    this.#limits = limits;
  }

  /** Notes an event; a payload longer than the limit is cut to a copy. */
  add(event: Omit<TraceEvent, 'number'>): void {
    const what =
      event.what.type === 'ack' ? event.what : { ...event.what, payload: this.#cut(event.what.payload) };
    this.#events.push({ ...event, what, number: this.#next });
    this.#next += 1;
    this.#bytes += payloadBytes(what);
    while (this.#events.length > this.#limits.traceEntries || this.#bytes > this.#limits.traceBytes) {
      const dropped = this.#events.shift();
      if (dropped === undefined) break;
      this.#bytes -= payloadBytes(dropped.what);
    }
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  /** The events that are still there with this number or a higher one. */
  from(number: number): TraceEvent[] {
    const first = this.#events[0]?.number ?? 0;
    return this.#events.slice(Math.max(0, number - first));
  }

  /** Calls back at the next event; gives what takes that back. */
  waitForEvent(wake: () => void): () => void {
    this.#waiting.add(wake);
    return () => this.#waiting.delete(wake);
  }

  /** A copy, so that the trace does not keep the much larger buffer alive that the payload may lie in. */
  #cut(payload: Buffer): Buffer {
    return Buffer.from(payload.subarray(0, this.#limits.tracePayloadBytes));
  }
}

const payloadBytes = (what: TraceEvent['what']): number => (what.type === 'ack' ? 0 : what.payload.length);
