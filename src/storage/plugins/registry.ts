import { resolve } from 'node:path';
import { createHost, type HostOptions, untilQuiet } from './host.ts';
import type { RunningScripts } from './left-behind.ts';
import { type Host, type Plugin, type PluginCounters, type PluginKind, slotOf } from './plugin.ts';
import { queryPlugin, type Registered } from './registration.ts';
import { type Candidate, readCandidate, type ScanOptions, scan } from './scan.ts';
import type { PluginLog, PluginSettings } from './settings.ts';
import { createSlots } from './slots.ts';
import type { PluginChange, PluginStatus } from './status.ts';
import type { Owner } from './trust.ts';
import { type WatchDirectory, Watches, watchDirectory } from './watches.ts';

export type { PluginChange, PluginStatus } from './status.ts';

export interface RegistryOptions extends Omit<HostOptions, 'owner'> {
  /** Keeps which scripts run, for the daemon after this one. */
  readonly running?: RunningScripts | undefined;
  /** The daemon's user; for tests another one. */
  readonly owner?: Owner;
  readonly watch?: WatchDirectory;
  /** Told of each call when it is answered. */
  readonly began?: Host['began'];
}

interface Refused {
  readonly reason: string;
  /** Is the same as long as nothing else is wrong. */
  readonly cause: string;
  readonly fingerprint: string;
  /** Whether it is asked again though nothing in its directory has changed. */
  readonly retry: boolean;
}

interface Entry {
  readonly kind: PluginKind;
  readonly name: string;
  readonly directory: string;
  /** The fingerprint that the last look saw; `undefined`: no directory. */
  seen: string | undefined;
  registered: Registered | undefined;
  refused: Refused | undefined;
  querying: Promise<void> | undefined;
}

export const startRegistry = (options: RegistryOptions): Registry => new Registry(options);

/**
 * The plugins below the root, followed as they come, change and go. What is in a directory is used when it has been the
 * same in two looks and has answered `Plugin.Query` well; until then, and when it does not, what was used before stays.
 */
export class Registry {
  /** Settles when the first look is over and all that it found has answered. */
  readonly ready: Promise<void>;
  readonly counters: PluginCounters;
  readonly #settings: PluginSettings;
  readonly #log: PluginLog;
  readonly #host: Host;
  readonly #scan: Omit<ScanOptions, 'watch'>;
  readonly #watches: Watches;
  readonly #entries = new Map<string, Entry>();
  readonly #listeners = new Set<(change: PluginChange) => void>();
  readonly #closing = new AbortController();
  readonly #ending = new AbortController();
  /** Queries have places of their own: hanging calls don't keep a mended plugin out. */
  readonly #querySlots;
  readonly #rescan: NodeJS.Timeout;
  #soon: NodeJS.Timeout | undefined;
  #looking: Promise<void>;
  #retryDue = false;

  constructor(options: RegistryOptions) {
    const { settings, log, running, began } = options;
    const owner = options.owner ?? { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
    this.#settings = settings;
    this.#log = log;
    this.#host = createHost(
      { ...options, owner },
      {
        ...{ running, began },
        closing: this.#closing.signal,
        ending: this.#ending.signal,
        doubt: () => this.#lookSoon(),
      },
    );
    this.counters = this.#host.counters;
    this.#scan = { root: resolve(settings.root), owner, maxFiles: settings.maxFiles };
    this.#querySlots = createSlots(settings.maxRunning);
    this.#watches = new Watches(options.watch ?? watchDirectory, () => this.#lookSoon());
    this.#rescan = setInterval(() => {
      this.#retryDue = true;
      this.#lookSoon();
    }, settings.rescanInterval);
    this.#looking = this.#look('first');
    this.ready = this.#lookedAndAsked();
  }

  get(kind: PluginKind, name: string): Plugin | undefined {
    return this.#entries.get(slotOf({ kind, name }))?.registered?.plugin;
  }

  /** All directories, volume plugins first, by name. */
  all(): PluginStatus[] {
    const { slots } = this.#host;
    const statuses = [...this.#entries.values()].map((entry): PluginStatus => {
      const { kind, name, directory, registered, refused } = entry;
      return {
        kind,
        name,
        directory,
        plugin: registered?.plugin,
        since: registered?.since,
        refused: refused?.reason,
        warnings: registered?.warnings ?? [],
        running: slots.running(slotOf(entry)),
        waiting: slots.waiting(slotOf(entry)),
        workers: registered?.workers?.size ?? 0,
      };
    });
    const order = ({ kind, name }: PluginStatus): string => `${kind === 'volume' ? 0 : 1}${name}`;
    return statuses.sort((a, b) => (order(a) < order(b) ? -1 : 1));
  }

  /** Scripts that run, and calls that wait for one. */
  load(): { readonly running: number; readonly waiting: number } {
    const { slots } = this.#host;
    return { running: slots.running(), waiting: slots.waiting() };
  }

  /** Calls back after every change; gives what takes the listener off. */
  onChange(listener: (change: PluginChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Starts no more scripts, and settles when those that run have ended and no process is left. `patience`: ms after
   * which they are ended.
   */
  async stop(patience = Number.POSITIVE_INFINITY): Promise<void> {
    this.#closing.abort();
    clearInterval(this.#rescan);
    clearTimeout(this.#soon);
    const enough = Number.isFinite(patience) ? setTimeout(() => this.#ending.abort(), patience) : undefined;
    await this.#looking;
    this.#watches.close();
    for (const { registered } of this.#entries.values()) registered?.workers?.retire();
    await this.#lookedAndAsked();
    await untilQuiet(this.#host);
    clearTimeout(enough);
  }

  /** Looks at once. Settles when the look is over, and all that is asked has answered. */
  async look(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#looking = this.#looking.then(() => this.#look('again'));
    await this.#lookedAndAsked();
  }

  async #lookedAndAsked(): Promise<void> {
    await this.#looking;
    await Promise.all([...this.#entries.values()].map(({ querying }) => querying));
  }

  /** Looks after `plugins.settle`, together with all that asks for it until then. */
  #lookSoon(): void {
    if (this.#soon !== undefined || this.#closing.signal.aborted) return;
    this.#soon = setTimeout(() => {
      this.#soon = undefined;
      this.#looking = this.#looking.then(() => this.#look('again'));
    }, this.#settings.settle);
  }

  async #look(which: 'first' | 'again'): Promise<void> {
    const retry = this.#retryDue;
    this.#retryDue = false;
    this.#watches.begin();
    const candidates = await scan({ ...this.#scan, watch: (path, only) => this.#watches.add(path, only) });
    if (this.#closing.signal.aborted) return;
    this.#watches.end();
    const found = new Map(candidates.map((candidate) => [slotOf(candidate), candidate]));
    for (const key of new Set([...this.#entries.keys(), ...found.keys()])) {
      const candidate = found.get(key);
      const known = this.#entries.get(key);
      const entry = known ?? newEntry(candidate);
      if (entry === undefined) continue;
      this.#entries.set(key, entry);
      const seen = candidate?.read.fingerprint;
      const settled = which === 'first' || (known !== undefined && known.seen === seen);
      entry.seen = seen;
      if (candidate?.read.distrust !== undefined) this.#distrusted(entry, candidate, candidate.read.distrust);
      else if (!settled) this.#lookSoon();
      else if (candidate === undefined) this.#gone(key, entry);
      else this.#decide(entry, candidate, retry);
    }
  }

  #gone(key: string, entry: Entry): void {
    if (entry.querying === undefined) this.#entries.delete(key);
    this.#unregister(entry, 'its directory is gone');
  }

  #unregister(entry: Entry, why: string): void {
    const { kind, name, registered } = entry;
    if (registered === undefined) return;
    entry.registered = undefined;
    registered.workers?.retire();
    this.#log.info({ plugin: name, kind }, `a plugin is no more used: ${why}`);
    this.#tell({ type: 'removed', kind, name });
  }

  /** What somebody else can write is not executed, whatever worked before: it would be executed from the same files. */
  #distrusted(entry: Entry, { read: { fingerprint } }: Candidate, reason: string): void {
    this.#unregister(entry, reason);
    this.#refuse(entry, { reason, cause: reason, fingerprint, retry: false });
  }

  #decide(entry: Entry, candidate: Candidate, retry: boolean): void {
    const { fingerprint, fault } = candidate.read;
    if (entry.registered?.fingerprint === fingerprint) {
      entry.refused = undefined;
    } else if (entry.querying !== undefined) {
      // It is looked at again when the query is over.
    } else if (fault !== undefined) {
      this.#refuse(entry, { reason: fault, cause: fault, fingerprint, retry: false });
    } else if (entry.refused?.fingerprint !== fingerprint || (entry.refused.retry && retry)) {
      entry.querying = this.#query(entry, candidate).finally(() => {
        entry.querying = undefined;
      });
    }
  }

  async #query(entry: Entry, candidate: Candidate): Promise<void> {
    const { fingerprint } = candidate.read;
    const release = await this.#querySlots.take(slotOf(candidate), this.#settings.maxRunning);
    const verdict = await queryPlugin(candidate, this.#host).finally(release);
    if (this.#closing.signal.aborted) return;
    const now = await readCandidate(entry.kind, entry.name, { ...this.#scan, watch: () => {} });
    if (now?.read.fingerprint !== fingerprint || entry.seen !== fingerprint) {
      // What has answered is not what is there: what is there is asked when it has settled.
      this.#lookSoon();
    } else if (verdict.type === 'refused') {
      const { reason, cause } = verdict;
      this.#refuse(entry, { reason, cause, fingerprint, retry: true });
    } else {
      this.#register(entry, verdict.registered);
    }
  }

  #register(entry: Entry, registered: Registered): void {
    const { registered: before } = entry;
    entry.registered = registered;
    entry.refused = undefined;
    before?.workers?.retire();
    const { plugin, warnings } = registered;
    const { name, kind, query } = plugin;
    const text =
      before === undefined ? 'a plugin is registered' : 'a plugin has changed, and the new one is used';
    this.#log.info({ plugin: name, kind, version: query.version, features: query.features }, text);
    for (const warning of warnings) this.#log.warn({ plugin: name, kind }, `the plugin ${name}: ${warning}`);
    this.#tell({ type: before === undefined ? 'registered' : 'replaced', plugin });
  }

  #refuse(entry: Entry, refused: Refused): void {
    const { kind, name, registered } = entry;
    const same = entry.refused?.cause === refused.cause;
    entry.refused = refused;
    if (same) return;
    const kept = registered === undefined ? '' : '; the one before stays in use';
    this.#log.warn({ plugin: name, kind }, `the plugin ${name} is refused: ${refused.reason}${kept}`);
    this.#tell({ type: 'refused', kind, name, reason: refused.reason });
  }

  #tell(change: PluginChange): void {
    for (const listener of this.#listeners) listener(change);
  }
}

const newEntry = (candidate: Candidate | undefined): Entry | undefined =>
  candidate && {
    kind: candidate.kind,
    name: candidate.name,
    directory: candidate.directory,
    seen: undefined,
    registered: undefined,
    refused: undefined,
    querying: undefined,
  };
