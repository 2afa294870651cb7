import type { Logger } from 'pino';
import { setDeadline } from '../deadline.ts';
import { type Backend, BackendTable, type KindReport } from './backend-table.ts';
import { backendTree } from './backend-tree.ts';
import type { Connection } from './connection.ts';
import { trustedDomain } from './driver-domains.ts';
import { Follower } from './follower.ts';
import { type Life, liveOn } from './lives.ts';
import type { EventListener } from './requests.ts';
import { type IgnoredCounts, type SrEntry, SrTable } from './sr-table.ts';
import { srTree } from './sr-tree.ts';
import { BACKEND_KINDS, type BackendKind } from './xenbus.ts';

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
  readonly backends: readonly KindReport[];
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
  /** How many backends are followed. */
  readonly maxBackends: number;
  /** Bytes in the keys of one. */
  readonly maxBackendBytes: number;
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

/** What is known, of one synchronisation and the changes after it. */
interface Known {
  readonly srs: SrTable;
  readonly backends: BackendTable;
  /** The domains followed, each with the uuid of its VM where that is known. */
  readonly domains: () => ReadonlyMap<number, string | undefined>;
}

const NOTHING_KNOWN: Known = {
  srs: new SrTable(),
  backends: new BackendTable(0),
  domains: () => new Map(),
};

export const startSrView = (options: SrViewOptions): SrView => new SrView(options);

/**
 * The SRs attached on this host and the backends of its disks, from xenstore. Answers come from memory; a loss of the
 * store leaves what was last known, marked as stale, until a new connection has been synchronised: everything watched,
 * then everything read.
 */
export class SrView {
  readonly #options: SrViewOptions;
  readonly #stopping = new AbortController();
  readonly #stopped: Promise<void>;
  readonly #firstFresh = Promise.withResolvers<void>();
  readonly #listeners = new Set<() => void>();
  #known = NOTHING_KNOWN;
  #state: ViewState = { state: 'connecting' };
  #everFresh = false;
  #connection: Connection | undefined;
  /** Of the connection that is fresh. */
  #follower: Follower | undefined;
  #events = 0;
  #synchronisations = 0;
  #lastTrouble: string | undefined;

  constructor(options: SrViewOptions) {
    this.#options = options;
    this.#stopped = liveOn(
      this.#stopping.signal,
      () => this.#live(),
      (reason) => this.#lost(reason),
    );
  }

  get state(): ViewState {
    return this.#state;
  }

  get everFresh(): boolean {
    return this.#everFresh;
  }

  /** The uuids of the attached SRs, sorted; a frozen array that is another one only when the uuids are others. */
  uuids(): readonly string[] {
    return this.#known.srs.uuids();
  }

  get(uuid: string): SrEntry | undefined {
    return this.#known.srs.get(uuid);
  }

  /** The domains that publish an SR, the lowest first; none when it is not attached. */
  domainsOf(sr: string): readonly number[] {
    return this.#known.srs.domainsOf(sr);
  }

  /** The uuid of a trusted domain's VM; nothing when the domain is not there, or xenstore does not tell. */
  vmOf(domid: number): string | undefined {
    return this.#known.domains().get(domid);
  }

  /** The trusted domain that a VM is now, the lowest if there are two. */
  domainOf(vm: string): number | undefined {
    const domids = [...this.#known.domains()].flatMap(([domid, uuid]) => (uuid === vm ? [domid] : []));
    return domids.length === 0 ? undefined : Math.min(...domids);
  }

  /** Whether a trusted domain has a directory for backends of this kind: such were set up there. */
  hasKind(domid: number, kind: BackendKind): boolean {
    return this.#known.backends.hasKind(domid, kind);
  }

  /** How many backends of a kind a trusted domain has. */
  disks(domid: number, kind: BackendKind): number {
    return this.#known.backends.count(domid, kind);
  }

  /** The backends of all trusted domains. */
  backends(): Iterable<Backend> {
    return this.#known.backends.all();
  }

  backend(domid: number, kind: BackendKind, frontendDomid: number, devid: number): Backend | undefined {
    return this.#known.backends.get(domid, kind, frontendDomid, devid);
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

  /**
   * Settles when the view shows all that is in the store now, also what the store has not told of yet; or when the patience
   * is over. A store that is away is not waited for.
   */
  async caughtUp(patience: Patience): Promise<void> {
    await this.settled(patience);
    const connection = this.#connection;
    const follower = this.#follower;
    if (connection === undefined || follower === undefined) return;
    // The store tells each client of a change before it answers what that client asks afterwards.
    const told = connection.isDomainIntroduced(0).then(() => follower.reading);
    await withinTime(
      told.catch(() => {}),
      patience.settleTimeout,
    );
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
      shownByDomain: this.#known.srs.shownByDomain(),
      ignored: this.#known.srs.ignored(),
      followedDomains: [...this.#known.domains().keys()],
      backends: this.#known.backends.report(),
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

  /** One life: from a connection to its end. */
  async #live(): Promise<Life> {
    let follower: Follower | undefined;
    let reached = false;
    // Events that come before the first reads are covered by these.
    const onEvent: EventListener = (path, token) => {
      this.#events += 1;
      this.#options.logger.debug({ path }, 'xenstore tells of a change');
      follower?.event(path, token).catch((error: Error) => {
        // What could not be read leaves the tables in doubt: begin anew, unless the connection's end is the reason.
        this.#lastTrouble = error.message;
        this.#connection?.close();
      });
    };
    try {
      const connection = await this.#options.connect(onEvent);
      if (this.#stopping.signal.aborted) connection.close();
      this.#connection = connection;
      const { maxBackends } = this.#options;
      const tables = { srs: new SrTable(), backends: new BackendTable(maxBackends) };
      const following = this.#follow(connection, tables);
      follower = following;
      if (!this.#everFresh) this.#state = { state: 'synchronising' };
      await following.start();
      reached = true;
      this.#fresh({ ...tables, domains: () => following.domains }, following);
      const reason = await connection.closed;
      return { reached, reason: reason?.message ?? 'closed' };
    } catch (error) {
      this.#connection?.close();
      return { reached, reason: error instanceof Error ? error.message : String(error) };
    } finally {
      this.#connection = undefined;
      this.#follower = undefined;
    }
  }

  #follow(connection: Connection, { srs, backends }: Pick<Known, 'srs' | 'backends'>): Follower {
    const { srPath, driverDomains, maxBackendBytes } = this.#options;
    return new Follower({
      store: connection,
      trees: [
        srTree(srs, srPath),
        ...BACKEND_KINDS.map((kind) => backendTree(backends, kind, maxBackendBytes)),
      ],
      trusted: driverDomains.map(trustedDomain),
      changed: () => {
        if (this.#known.srs === srs) this.#notify();
      },
      trouble: (error) => {
        this.#lastTrouble = error.message;
      },
    });
  }

  #fresh(known: Known, follower: Follower): void {
    this.#known = known;
    this.#follower = follower;
    this.#state = { state: 'fresh', since: this.#options.now() };
    this.#everFresh = true;
    this.#synchronisations += 1;
    this.#firstFresh.resolve();
    const srs = known.srs.uuids().length;
    this.#options.logger.info({ srs }, 'the view of attached SRs is fresh');
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
  const over = Promise.withResolvers<void>();
  const deadline = setDeadline(over.resolve, timeout);
  await Promise.race([promise, over.promise]);
  deadline.clear();
}
