import type { Logger } from 'pino';
import { setDeadline } from '../deadline.ts';
import type { Connection } from './connection.ts';
import { isAnswer, XenstoreError } from './errors.ts';
import { type Life, liveOn, longerPause } from './lives.ts';
import { type PublishedSr, removeSr, writeSr } from './published-sr.ts';
import type { EventListener } from './requests.ts';
import { isUuid } from './sr-table.ts';

export interface PublisherOptions {
  /** Connects to the store; a new connection for each life of the publisher's. */
  readonly connect: (onEvent: EventListener) => Promise<Connection>;
  /** Below our domain's home. */
  readonly srPath: string;
  /** ms that a call waits at most until the store has what it asked for. */
  readonly timeout: number;
  readonly logger: Logger;
  readonly now: () => number;
}

/** A snapshot for diagnostics. Times are ms of the clock that the publisher was given. */
export interface PublisherReport {
  readonly store:
    | { readonly type: 'connected'; readonly since: number }
    | { readonly type: 'away'; readonly since: number; readonly reason: string };
  /** SRs that are to be in the store. */
  readonly srs: number;
  /** Changes that are not in the store yet. */
  readonly waiting: number;
  readonly lastTrouble: string | undefined;
}

/** What is to be in the store of an SR. */
interface Entry {
  readonly uuid: string;
  /** `undefined`: it is not to be there. */
  plugin: string | undefined;
  /** The plugins under which we have, or may have, written it. */
  ours: Set<string>;
  /** Settles when the store has what is wanted last. */
  done: PromiseWithResolvers<void>;
}

/** What of it was wanted when it was written. */
interface Wanted {
  readonly entry: Entry;
  readonly plugin: string | undefined;
}

/** SRs in one transaction: few requests each, and little to write again when another gets in the way. */
const BATCH = 100;

export const startSrPublisher = (options: PublisherOptions): SrPublisher => new SrPublisher(options);

/**
 * Keeps the SRs that are attached through us in xenstore. What it was told is remembered while the store is away, and
 * all of it is written again on every new connection, as a store that was killed comes back empty. It removes only what
 * it was told that we have published, and leaves all of it when it is stopped.
 */
export class SrPublisher {
  readonly #options: PublisherOptions;
  readonly #stopping = new AbortController();
  readonly #stopped: Promise<void>;
  readonly #entries = new Map<string, Entry>();
  readonly #dirty = new Set<Entry>();
  #work = Promise.withResolvers<void>();
  #connection: Connection | undefined;
  #store: PublisherReport['store'];
  #lastTrouble: string | undefined;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#store = { type: 'away', since: options.now(), reason: 'not reached since the start' };
    this.#stopped = liveOn(
      this.#stopping.signal,
      () => this.#live(),
      (reason) => this.#lost(reason),
    );
  }

  /**
   * Publishes an SR, in one transaction. Settles when it is in the store; rejects with a `XenstoreError` when the store
   * refuses it or the time is over. It is then tried again all the same, until it is removed.
   */
  async publish({ uuid, plugin }: PublishedSr): Promise<void> {
    checkSr(uuid, plugin);
    await this.#within(this.#want(this.#entry(uuid), plugin), `SR ${uuid} is not in xenstore`);
  }

  /** Takes an SR away; settles and rejects as `publish` does. One that we have not published is left alone. */
  async remove(uuid: string): Promise<void> {
    const entry = this.#entries.get(uuid);
    if (entry === undefined) return;
    await this.#within(this.#want(entry, undefined), `SR ${uuid} is not yet taken out of xenstore`);
  }

  /**
   * Makes the SRs that are attached all that we publish. `gone` are SRs that an earlier run of ours has published, and
   * are to be taken away if they are still there with that plugin. Settles and rejects as `publish` does.
   */
  async replaceAll(list: {
    readonly attached: readonly PublishedSr[];
    readonly gone: readonly PublishedSr[];
  }): Promise<void> {
    for (const { uuid, plugin } of [...list.attached, ...list.gone]) checkSr(uuid, plugin);
    for (const { uuid, plugin } of list.gone) this.#entry(uuid).ours.add(plugin);
    const attached = new Map(list.attached.map(({ uuid, plugin }) => [uuid, plugin]));
    for (const uuid of attached.keys()) this.#entry(uuid);
    const all = [...this.#entries.values()].map((entry) => this.#want(entry, attached.get(entry.uuid)));
    await this.#within(Promise.all(all), 'not all of the attached SRs are in xenstore');
  }

  report(): PublisherReport {
    const srs = this.#entries
      .values()
      .filter(({ plugin }) => plugin !== undefined)
      .toArray().length;
    return { store: this.#store, srs, waiting: this.#dirty.size, lastTrouble: this.#lastTrouble };
  }

  /** Ends the publisher, and leaves what it has published. Calls that wait are rejected. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#connection?.close();
    await this.#stopped;
    for (const { done } of this.#entries.values()) done.reject(stopped());
  }

  #entry(uuid: string): Entry {
    const known = this.#entries.get(uuid);
    if (known !== undefined) return known;
    const made = { uuid, plugin: undefined, ours: new Set<string>(), done: unsettled() };
    this.#entries.set(uuid, made);
    return made;
  }

  #want(entry: Entry, plugin: string | undefined): Promise<void> {
    if (this.#stopping.signal.aborted) return Promise.reject(stopped());
    const done = unsettled();
    // Who waits for what was wanted before waits for what is wanted now.
    entry.done.resolve(done.promise);
    entry.done = done;
    entry.plugin = plugin;
    this.#dirty.add(entry);
    this.#work.resolve();
    return done.promise;
  }

  async #within(wanted: Promise<unknown>, late: string): Promise<void> {
    const { timeout } = this.#options;
    const timedOut = Promise.withResolvers<never>();
    const deadline = setDeadline(() => {
      const reason = this.#store.type === 'away' ? `, which is away: ${this.#store.reason}` : '';
      timedOut.reject(new XenstoreError('ETIMEDOUT', `${late} after ${timeout} ms${reason}`));
    }, timeout);
    try {
      await Promise.race([wanted, timedOut.promise]);
    } finally {
      deadline.clear();
    }
  }

  /** One life: everything is written, then what changes, until the connection ends. */
  async #live(): Promise<Life> {
    let reached = false;
    const ended = new AbortController();
    try {
      const connection = await this.#options.connect(() => {});
      if (this.#stopping.signal.aborted) connection.close();
      this.#connection = connection;
      void connection.closed.then(() => {
        ended.abort();
        this.#work.resolve();
      });
      for (const entry of this.#entries.values()) this.#dirty.add(entry);
      let wait: number | undefined;
      while (!ended.signal.aborted) {
        this.#work = Promise.withResolvers<void>();
        const written = await this.#writeDirty(connection);
        if (!reached) this.#reached();
        reached = true;
        wait = written ? undefined : longerPause(wait);
        const again = wait === undefined ? undefined : setTimeout(this.#work.resolve, wait);
        await this.#work.promise;
        clearTimeout(again);
      }
      const reason = await connection.closed;
      return { reached, reason: reason?.message ?? 'closed' };
    } catch (error) {
      this.#connection?.close();
      return { reached, reason: error instanceof Error ? error.message : String(error) };
    } finally {
      this.#connection = undefined;
    }
  }

  /** Writes all that is dirty; answers whether the store took it. Rejects when the connection ends. */
  async #writeDirty(connection: Connection): Promise<boolean> {
    const entries = [...this.#dirty];
    let all = true;
    for (let from = 0; from < entries.length; from += BATCH) {
      all = (await this.#write(connection, entries.slice(from, from + BATCH))) && all;
    }
    return all;
  }

  async #write(connection: Connection, entries: readonly Entry[]): Promise<boolean> {
    const wanted = entries.map((entry) => ({ entry, plugin: entry.plugin }));
    for (const { entry, plugin } of wanted) if (plugin !== undefined) entry.ours.add(plugin);
    const { srPath } = this.#options;
    try {
      await connection.transaction((tx) =>
        Promise.all(
          wanted.map(({ entry: { uuid, ours }, plugin }) =>
            plugin === undefined
              ? removeSr(connection, srPath, uuid, ours, tx)
              : writeSr(connection, srPath, { uuid, plugin }, tx),
          ),
        ),
      );
    } catch (error) {
      if (!isAnswer(error)) throw error;
      return this.#refused(connection, wanted, error);
    }
    // What is wanted otherwise by now is dirty still.
    for (const { entry, plugin } of wanted) if (entry.plugin === plugin) this.#finish(entry);
    return true;
  }

  /** One SR that the store does not take must not hold up the others. */
  async #refused(connection: Connection, wanted: readonly Wanted[], error: XenstoreError): Promise<boolean> {
    const [first, ...others] = wanted;
    if (first === undefined) return true;
    const { entry, plugin } = first;
    if (others.length > 0) {
      const entries = wanted.map((each) => each.entry);
      const half = Math.ceil(entries.length / 2);
      const written = await this.#write(connection, entries.slice(0, half));
      return (await this.#write(connection, entries.slice(half))) && written;
    }
    // What is wanted otherwise by now was not refused: it is written next.
    if (entry.plugin !== plugin) return true;
    const trouble = `SR ${entry.uuid}: ${error.message}`;
    if (this.#lastTrouble !== trouble) {
      this.#options.logger.warn({ sr: entry.uuid, reason: error.message }, 'xenstore refused an SR');
    }
    this.#lastTrouble = trouble;
    const { done } = entry;
    entry.done = unsettled();
    done.reject(error);
    return false;
  }

  #finish(entry: Entry): void {
    this.#dirty.delete(entry);
    if (entry.plugin === undefined) this.#entries.delete(entry.uuid);
    else entry.ours = new Set([entry.plugin]);
    entry.done.resolve();
  }

  #reached(): void {
    this.#store = { type: 'connected', since: this.#options.now() };
    this.#options.logger.info({ srs: this.report().srs }, 'the attached SRs are published in xenstore');
  }

  #lost(reason: string): void {
    this.#lastTrouble = reason;
    if (this.#store.type === 'connected') {
      this.#options.logger.warn({ reason }, 'xenstore was lost: the SRs are published again when it is back');
    }
    this.#store = {
      type: 'away',
      since: this.#store.type === 'away' ? this.#store.since : this.#options.now(),
      reason,
    };
  }
}

/** Nobody need wait for it. */
function unsettled(): PromiseWithResolvers<void> {
  const made = Promise.withResolvers<void>();
  made.promise.catch(() => {});
  return made;
}

const stopped = (): XenstoreError => new XenstoreError('ECONNRESET', 'the publisher of SRs was stopped');

/** The uuid is part of a path. */
function checkSr(uuid: string, plugin: string): void {
  if (!isUuid(uuid)) {
    throw new XenstoreError(
      'EINVAL',
      `uuid: expected 8-4-4-4-12 hexadecimal digits in lower case, got ${JSON.stringify(uuid)}`,
    );
  }
  if (plugin === '') throw new XenstoreError('EINVAL', `plugin of SR ${uuid}: expected a queue, got ""`);
}
