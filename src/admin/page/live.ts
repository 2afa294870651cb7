import { CallBook } from './calls.ts';
import type { Facts, Tick, TraceFact } from './facts.ts';

export type Connection =
  | { readonly type: 'connecting' }
  | { readonly type: 'live' }
  /** ms of this browser's clock */
  | { readonly type: 'away'; readonly since: number }
  | { readonly type: 'refused'; readonly reason: string };

/** What is known, and how it comes. */
export interface Live {
  readonly facts: Partial<Facts>;
  readonly book: CallBook;
  readonly connection: Connection;
  /** The daemon's time, ms since the epoch. */
  now(): number;
}

const PARTS = ['about', 'health', 'queues', 'storage', 'plugins', 'limits'] as const;

/** When nothing is heard for so long although it was due, the stream is dead although nobody said so. */
const SILENCE_MS = 10_000;
const RETRY_MS = 2000;
/** Of a text that somebody else may have written, between here and the daemon. */
const LONGEST_REASON = 300;

/** Follows the daemon for as long as the page is looked at, and calls back when something has changed. */
export function follow(changed: () => void): Live {
  const book = new CallBook();
  const live: { facts: Partial<Facts>; connection: Connection } = {
    facts: {},
    connection: { type: 'connecting' },
  };
  let offset = 0;
  let source: EventSource | undefined;
  let silence: number | undefined;

  const set = (connection: Connection): void => {
    live.connection = connection;
    changed();
  };
  const away = (): void => {
    if (live.connection.type !== 'away') set({ type: 'away', since: Date.now() });
  };
  const heard = (next: number): void => {
    clearTimeout(silence);
    silence = window.setTimeout(() => {
      away();
      open();
    }, next + SILENCE_MS);
  };
  /** A stream that is refused does not say why; the page itself does, which is refused as well then. */
  const askWhy = async (own: EventSource): Promise<void> => {
    const answer = await fetch('./');
    const reason = (await answer.text()).trim().slice(0, LONGEST_REASON);
    if (!answer.ok && source === own) set({ type: 'refused', reason });
  };
  const close = (): void => {
    clearTimeout(silence);
    source?.close();
    source = undefined;
  };
  const open = (): void => {
    close();
    const own = new EventSource('events');
    source = own;
    heard(0);
    for (const part of PARTS) {
      own.addEventListener(part, ({ data }) => {
        const value: unknown = JSON.parse(data);
        const before = live.facts.about;
        Object.assign(live.facts, { [part]: value });
        if (before === undefined) return;
        // Another start, another trace; another version, another page.
        if (live.facts.about?.started !== before.started) book.forget();
        if (live.facts.about?.version !== before.version) location.reload();
      });
    }
    own.addEventListener('trace', ({ data }) => {
      const batch: { readonly events: readonly TraceFact[] } = JSON.parse(data);
      book.add(batch.events);
    });
    own.addEventListener('tick', ({ data }) => {
      const tick: Tick = JSON.parse(data);
      offset = tick.now - Date.now();
      heard(tick.next);
      set({ type: 'live' });
    });
    own.addEventListener('refused', ({ data }) => {
      const { reason }: { readonly reason: string } = JSON.parse(data);
      heard(0);
      set({ type: 'refused', reason });
    });
    own.addEventListener('error', () => {
      if (live.connection.type !== 'refused') away();
      // The browser tries again by itself, unless it was told something else than a stream.
      if (own.readyState !== EventSource.CLOSED || source !== own) return;
      clearTimeout(silence);
      silence = window.setTimeout(open, RETRY_MS);
      if (live.connection.type !== 'refused') askWhy(own).catch(() => {});
    });
  };
  // Who does not look needs no news.
  document.addEventListener('visibilitychange', () => (document.hidden ? close() : open()));
  open();
  return {
    book,
    get facts() {
      return live.facts;
    },
    get connection() {
      return live.connection;
    },
    now: () => Date.now() + offset,
  };
}
