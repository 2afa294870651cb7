import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Connection } from './connection.ts';
import { trustedDomain } from './driver-domains.ts';
import type { EventListener } from './requests.ts';
import { SrFollower } from './sr-follower.ts';
import { type IgnoredCounts, type SrEntry, SrTable } from './sr-table.ts';

/** How far the view can be believed. Times are ms of the clock that the view was given. */
export type ViewState =
  | { readonly state: 'connecting' }
  | { readonly state: 'synchronising' }
  | { readonly state: 'fresh'; readonly since: number }
  | { readonly state: 'stale'; readonly since: number; readonly reason: string };

/** A snapshot for diagnostics. */
export interface ViewReport {
  readonly view: ViewState;
  readonly everFresh: boolean;
  readonly shown: number;
  readonly shownByDomain: ReadonlyMap<number, number>;
  readonly ignored: IgnoredCounts;
  readonly followedDomains: readonly number[];
  readonly events: number;
  readonly synchronisations: number;
  readonly lastTrouble: string | undefined;
}

export interface SrViewOptions {
  /** Connects to the store; a new connection for each life of the view's. */
  readonly connect: (onEvent: EventListener) => Promise<Connection>;
  readonly srPath: string;
  /** Trusted beside domain 0: domids or VM uuids. */
  readonly driverDomains: readonly string[];
  readonly logger: Logger;
  readonly now: () => number;
}

/** How long a call waits at most, in ms. */
export interface Patience {
  /** For a view that was never fresh: the setting `xenstore.startTimeout`. */
  readonly startTimeout: number;
  /** For a change that the store has told of to be read: the setting `xenstore.settleTimeout`. */
  readonly settleTimeout: number;
}

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2000;

export const startSrView = (options: SrViewOptions): SrView => new SrView(options);

/**
 * The SRs attached on this host, from xenstore. Answers come from memory; a loss of the store leaves what was last
 * known, marked as stale, until a new connection has been synchronised: everything watched, then everything read.
 */
export class SrView {
  readonly #options: SrViewOptions;
  readonly #stopping = new AbortController();
  readonly #stopped: Promise<void>;
  readonly #firstFresh = Promise.withResolvers<void>();
  readonly #listeners = new Set<() => void>();
  #table = new SrTable();
  #state: ViewState = { state: 'connecting' };
  #everFresh = false;
  #followed: ReadonlySet<number> = new Set();
  #connection: Connection | undefined;
  /** Of the connection that is fresh. */
  #follower: SrFollower | undefined;
  #events = 0;
  #synchronisations = 0;
  #lastTrouble: string | undefined;

  constructor(options: SrViewOptions) {
    this.#options = options;
    this.#stopped = this.#keep();
  }

  get state(): ViewState {
    return this.#state;
  }

  get everFresh(): boolean {
    return this.#everFresh;
  }

  /** The uuids of the attached SRs, sorted; a frozen array that is another one only when the uuids are others. */
  uuids(): readonly string[] {
    return this.#table.uuids();
  }

  get(uuid: string): SrEntry | undefined {
    return this.#table.get(uuid);
  }

  /**
   * Settles when the view shows every change that the store has told of, so that who has written there sees it in the
   * next answer; or when the patience is over. Nothing: it does so now.
   */
  settled({ startTimeout, settleTimeout }: Patience): Promise<void> | undefined {
    if (!this.#everFresh) return withinTime(this.#firstFresh.promise, startTimeout);
    const reading = this.#follower?.reading;
    return reading && withinTime(reading, settleTimeout);
  }

  /** Calls back after every change of what is shown; gives what takes the listener off. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  report(): ViewReport {
    return {
      view: this.#state,
      everFresh: this.#everFresh,
      shown: this.uuids().length,
      shownByDomain: this.#table.shownByDomain(),
      ignored: this.#table.ignored(),
      followedDomains: [...this.#followed],
      events: this.#events,
      synchronisations: this.#synchronisations,
      lastTrouble: this.#lastTrouble,
    };
  }

  /** Ends the view; settles when nothing of it is left. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#connection?.close();
    await this.#stopped;
  }

  async #keep(): Promise<void> {
    const { signal } = this.#stopping;
    let wait = FIRST_PAUSE_MS;
    while (!signal.aborted) {
      const before = this.#synchronisations;
      const reason = await this.#live();
      if (signal.aborted) return;
      this.#lost(reason);
      // A store that was reached is expected back at once.
      if (this.#synchronisations > before) wait = FIRST_PAUSE_MS;
      await pause(wait, undefined, { signal }).catch(() => {});
      wait = Math.min(2 * wait, LONGEST_PAUSE_MS);
    }
  }

  /** One life: from a connection to its end, whose reason it gives. */
  async #live(): Promise<string> {
    let follower: SrFollower | undefined;
    // Events that come before the first reads are covered by these.
    const onEvent: EventListener = (path, token) => {
      this.#events += 1;
      follower?.event(path, token).catch((error: Error) => {
        // What could not be read leaves the table in doubt: begin anew, unless the connection's end is the reason.
        this.#lastTrouble = error.message;
        this.#connection?.close();
      });
    };
    try {
      const connection = await this.#options.connect(onEvent);
      if (this.#stopping.signal.aborted) connection.close();
      this.#connection = connection;
      const table = new SrTable();
      follower = this.#follow(connection, table);
      if (!this.#everFresh) this.#state = { state: 'synchronising' };
      await follower.start();
      this.#fresh(table, follower);
      const reason = await connection.closed;
      return reason?.message ?? 'closed';
    } catch (error) {
      this.#connection?.close();
      return error instanceof Error ? error.message : String(error);
    } finally {
      this.#connection = undefined;
      this.#follower = undefined;
    }
  }

  #follow(connection: Connection, table: SrTable): SrFollower {
    const { srPath, driverDomains } = this.#options;
    return new SrFollower({
      store: connection,
      table,
      srPath,
      trusted: driverDomains.map(trustedDomain),
      changed: () => {
        if (this.#table === table) this.#notify();
      },
      trouble: (error) => {
        this.#lastTrouble = error.message;
      },
    });
  }

  #fresh(table: SrTable, follower: SrFollower): void {
    this.#table = table;
    this.#follower = follower;
    this.#followed = follower.followedDomains;
    this.#state = { state: 'fresh', since: this.#options.now() };
    this.#everFresh = true;
    this.#synchronisations += 1;
    this.#firstFresh.resolve();
    this.#options.logger.info({ srs: table.uuids().length }, 'the view of attached SRs is fresh');
    this.#notify();
  }

  #lost(reason: string): void {
    this.#lastTrouble = reason;
    if (this.#state.state === 'fresh') {
      this.#state = { state: 'stale', since: this.#options.now(), reason };
      this.#options.logger.warn({ reason }, 'xenstore was lost: answers come from what was last known');
    } else if (!this.#everFresh) {
      this.#state = { state: 'connecting' };
    }
  }

  #notify(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** Settles with the promise, or after `timeout` ms. */
async function withinTime(promise: Promise<void>, timeout: number): Promise<void> {
  const enough = new AbortController();
  const late = pause(timeout, undefined, { signal: enough.signal }).catch(() => {});
  await Promise.race([promise, late]);
  enough.abort();
}
