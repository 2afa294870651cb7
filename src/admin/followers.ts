import { redact } from '../redact.ts';
import type { TraceEvent } from '../switch/protocol.ts';
import type { SiteAnswer, SiteHeaders, SiteReader } from '../wire/site.ts';
import { traceFact } from './event-text.ts';
import type { Facts, Tick, TraceBatch } from './page/facts.ts';

/** Each is a setting `admin.<name>`. Times are in ms. */
export interface FollowerLimits {
  readonly maxFollowers: number;
  readonly interval: number;
  readonly maxEvents: number;
  readonly maxUnsentBytes: number;
  readonly slowReaderTimeout: number;
}

export interface FollowersOptions {
  readonly limits: FollowerLimits;
  /** What is there now: asked for while somebody looks, and at no other time. */
  readonly facts: () => Facts;
  /** The events of the trace from a number on. */
  readonly trace: (from: number) => readonly TraceEvent[];
  /** A clock, in ms since the epoch. */
  readonly now: () => number;
}

/** To put together what is new takes at most this part of the time. */
const SHARE = 0.02;

interface Follower {
  readonly reader: SiteReader;
  /** The last text of each part that it was sent. */
  readonly told: Map<string, string>;
  /** The number of the event that it gets next. */
  next: number;
  /** Since when it has not taken what it was sent. */
  behindSince: number | undefined;
}

interface Noted {
  readonly number: number;
  readonly text: string;
}

/**
 * The pages that are open, and what they are told: the parts of the facts that have changed, and the events of the trace.
 * While none is open nothing is done. A reader that does not take what it is sent is sent nothing more until it does: the
 * events that are gone by then are counted, and it is told how many.
 */
export class Followers {
  readonly #options: FollowersOptions;
  readonly #followers = new Set<Follower>();
  /** The last events, as they are sent; empty while nobody looks. */
  #recent: Noted[] = [];
  /** The number of the event that is read next. */
  #next = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: FollowersOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#followers.size;
  }

  /** The stream of what is new. */
  answer(headers: SiteHeaders): SiteAnswer {
    const { maxFollowers } = this.#options.limits;
    if (this.#followers.size < maxFollowers) {
      return { type: 'stream', headers, follow: (reader) => this.#follow(reader) };
    }
    // A browser that got another status than 200 would not tell the page which, and would never ask again.
    const reason = `${maxFollowers} pages are open, as many as admin.maxFollowers allows`;
    const body = `retry: ${RETRY_MS}\n${eventText('refused', JSON.stringify({ reason }))}`;
    return { type: 'whole', status: 200, headers, body };
  }

  #follow(reader: SiteReader): () => void {
    if (this.#followers.size === 0) this.#readTrace();
    const next = this.#recent[0]?.number ?? this.#next;
    const follower: Follower = { reader, told: new Map(), next, behindSince: undefined };
    this.#followers.add(follower);
    reader.send(`retry: ${RETRY_MS}\n\n`);
    this.#tell();
    return () => {
      this.#followers.delete(follower);
      if (this.#followers.size === 0) this.#rest();
    };
  }

  #rest(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#recent = [];
    this.#next = 0;
  }

  /** Tells all of them what is new, and does so again after a while. */
  #tell(): void {
    clearTimeout(this.#timer);
    const { limits, now } = this.#options;
    const began = now();
    const pause = (): number => Math.max(limits.interval, (now() - began) / SHARE);
    this.#readTrace();
    const ready = [...this.#followers].filter((follower) => this.#isReady(follower));
    if (ready.length > 0) this.#tellEach(ready, pause);
    this.#timer = setTimeout(() => this.#tell(), pause()).unref();
  }

  /** Whether it has taken what it was sent. One that does not for too long is closed, so that another may look. */
  #isReady(follower: Follower): boolean {
    const { limits, now } = this.#options;
    if (follower.reader.unsent <= limits.maxUnsentBytes) {
      follower.behindSince = undefined;
      return true;
    }
    follower.behindSince ??= now();
    if (now() - follower.behindSince >= limits.slowReaderTimeout) follower.reader.close();
    return false;
  }

  #tellEach(ready: readonly Follower[], pause: () => number): void {
    const { facts, now } = this.#options;
    const time = now();
    const parts = Object.entries(facts()).map(([name, part]) => ({
      name,
      text: JSON.stringify(redact(part)),
    }));
    const tick: Tick = { now: time, next: Math.ceil(pause()) };
    for (const follower of ready) {
      const changed = parts.filter(({ name, text }) => follower.told.get(name) !== text);
      for (const { name, text } of changed) follower.told.set(name, text);
      const texts = [
        ...changed.map(({ name, text }) => eventText(name, text)),
        ...this.#batchFor(follower),
        eventText('tick', JSON.stringify(tick)),
      ];
      follower.reader.send(texts.join(''));
    }
  }

  /** The events that a follower has not got, and how many it has missed. */
  #batchFor(follower: Follower): string[] {
    const first = this.#recent[0]?.number ?? this.#next;
    const lost = Math.max(0, first - follower.next);
    const events = this.#recent.slice(Math.max(0, follower.next - first));
    follower.next = this.#next;
    if (lost === 0 && events.length === 0) return [];
    return [eventText('trace', batchText(lost, events))];
  }

  /** Keeps the last events, as many as are told at once. */
  #readTrace(): void {
    const { trace, limits } = this.#options;
    const came = trace(this.#next);
    const last = came.at(-1);
    if (last === undefined) return;
    this.#next = last.number + 1;
    const kept = came.slice(-limits.maxEvents);
    // Between the last that was kept and these there must be none that is missing.
    const follows = this.#recent.at(-1)?.number === (kept[0]?.number ?? 0) - 1;
    const noted = kept.map((event) => ({ number: event.number, text: JSON.stringify(traceFact(event)) }));
    this.#recent = [...(follows ? this.#recent : []), ...noted].slice(-limits.maxEvents);
  }
}

/** After which a browser asks again. */
const RETRY_MS = 2000;

/** The text is JSON, which has no line breaks. */
const eventText = (name: string, text: string): string => `event: ${name}\ndata: ${text}\n\n`;

const batchText = (lost: TraceBatch['lost'], events: readonly Noted[]): string =>
  `{"lost":${lost},"events":[${events.map(({ text }) => text).join(',')}]}`;
