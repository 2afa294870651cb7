import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { Config } from '../config.ts';
import type { Logger } from '../log.ts';
import type { LogLevels } from '../log-levels.ts';
import type { Service, ServiceObserver } from '../rpc/service.ts';
import { askSrs } from '../storage/ask-srs.ts';
import { AttachedSrs, type Measurements } from '../storage/attached-srs.ts';
import { type KnownNow, knownNow } from '../storage/daemon-implementation.ts';
import { compileRules } from '../storage/datapath-rules.ts';
import { Datapaths } from '../storage/datapaths.ts';
import { Disks, type VdiUse } from '../storage/disks.ts';
import { type AskDomain, createDriver } from '../storage/driver.ts';
import { type DurableStorage, type DurableStorageOptions, openDurableStorage } from '../storage/durable.ts';
import { smapiv2Error } from '../storage/errors.ts';
import { createInOrder, diskKey } from '../storage/in-order.ts';
import { endLeftBehind, keepRunningScripts, type RunningScripts } from '../storage/plugins/left-behind.ts';
import { createOrdering } from '../storage/plugins/ordering.ts';
import type { Plugin, ScriptRun } from '../storage/plugins/plugin.ts';
import { Recordings } from '../storage/plugins/recordings.ts';
import {
  type PluginChange,
  type PluginStatus,
  type Registry,
  startRegistry,
} from '../storage/plugins/registry.ts';
import type { Selected } from '../storage/selector.ts';
import { datapathService, volumeService } from '../storage/services.ts';
import { handBack } from '../storage/takeover.ts';
import { onSr, VOLUME_SCRIPTS, type VolumeQueue } from '../storage/volume-queue/queue.ts';
import type { Timelines } from '../timeline/timelines.ts';
import type { DiskSides } from '../xenstore/disk-sides.ts';
import type { SrPublisher } from '../xenstore/publisher.ts';
import type { SrView } from '../xenstore/view.ts';
import { createConfinedWarning } from './confined.ts';
import { latest } from './latest.ts';
import type { Served } from './queues.ts';
import { logChoice, sayHalfDone, tolerant } from './storage-log.ts';
import { reportStorage, type StorageReport } from './storage-report.ts';
import { callReport, followDomains, followScripts, noteChoice } from './storage-timelines.ts';
import { publishable, takeOverSrs } from './taken-over.ts';
import { VolumeQueues } from './volume-queues.ts';

export interface StorageOptions {
  readonly config: Config;
  readonly version: string;
  readonly logger: Logger;
  readonly levels: LogLevels;
  readonly timelines: Timelines;
  readonly observer: ServiceObserver;
  /** A clock, in ms since the epoch. */
  readonly now: () => number;
  readonly journal: DurableStorageOptions['journal'];
  /** Where it is kept which scripts run; none when nothing is to outlive the process. */
  readonly scriptsDirectory: string | undefined;
  readonly view: SrView;
  readonly publisher: SrPublisher;
  readonly measurements: Measurements;
  readonly askDomain: AskDomain;
  /** Reads both sides of a disk in xenstore. */
  readonly readSides: (domid: number, devid: number) => Promise<DiskSides>;
  /** The text of `Plugin.diagnostics`. */
  readonly diagnostics: () => string;
  /** Told of each call of a script when it is answered. */
  readonly ran: (run: ScriptRun) => void;
  /** Serves a queue, on its socket and on the switch. */
  readonly serve: (service: Service) => Promise<Served>;
}

/** Another one at each boot. */
const BOOT_ID = '/proc/sys/kernel/random/boot_id';

/**
 * Opens what is known of attached SRs and disks, ends the scripts that an earlier daemon has left running, and begins to look
 * for plugins. Nothing is served yet.
 */
export async function openStorage(options: StorageOptions): Promise<Storage> {
  const { journal, logger, config, scriptsDirectory } = options;
  const boot = readFileSync(BOOT_ID, 'utf8').trim();
  const storage = await openDurableStorage({ journal, boot, info: (text) => logger.info(text) });
  const scripts = scriptsDirectory === undefined ? undefined : { directory: scriptsDirectory, boot };
  if (scripts === undefined) return new Storage(options, storage, undefined);
  const lingers = (pid: number): void =>
    logger.warn(
      { pid },
      'a script that was left running does not end, although it was killed: nothing is served until it has',
    );
  const ended = await endLeftBehind(scripts, config.plugins.killGrace, lingers);
  if (ended.length > 0)
    logger.warn({ pids: ended }, 'scripts that were left running are ended: what they did is done again');
  return new Storage(options, storage, keepRunningScripts(scripts));
}

/** The storage side of the daemon: plugins, what is attached, and the queues that are served. */
export class Storage {
  readonly #options: StorageOptions;
  readonly #durable: DurableStorage;
  readonly #registry: Registry;
  readonly #srs: AttachedSrs;
  readonly #disks: Disks;
  readonly #parts;
  readonly #verifying;
  /** Calls that had to wait for others on the same disk, and for how long. */
  readonly #waits = { calls: 0, ms: 0 };
  /** Called when there are plugins. */
  readonly #warnIfConfined: () => void;
  readonly #queues: VolumeQueues;
  #datapathQueue: Served | undefined;
  #isStopping = false;

  constructor(options: StorageOptions, durable: DurableStorage, running: RunningScripts | undefined) {
    const { config, logger, levels, timelines, now, view, publisher, measurements, askDomain } = options;
    const { state, commit } = durable;
    this.#options = options;
    this.#durable = durable;
    this.#warnIfConfined = createConfinedWarning(process.env, logger);
    const recordings = new Recordings(now);
    this.#registry = startRegistry({
      settings: config.plugins,
      maxDepth: config.sockets.maxDepth,
      environment: process.env,
      running,
      log: levels.logger('plugins'),
      now,
      began: followScripts(timelines, (run) => {
        recordings.note(run);
        options.ran(run);
      }),
    });
    const datapath = (scheme: string): Plugin | undefined => this.#registry.get('datapath', scheme);
    const plugins = {
      features: (scheme: string) => {
        const query = datapath(scheme)?.query;
        return query && new Set(query.features);
      },
    };
    const driver = createDriver(datapath, followDomains(timelines, askDomain, now));
    const rules = latest(() => config.datapath.rules, compileRules);
    const directions: ReturnType<typeof compileRules> = (subject) => rules()(subject);
    const datapaths = new Datapaths({ state, commit, driver });
    const chosen = (use: VdiUse, selected: Selected): void => {
      logChoice(logger, use, selected);
      noteChoice(timelines, selected, now());
    };
    this.#disks = new Disks({ state, commit, datapaths, driver, view, plugins, directions, chosen });
    const waited = (sr: string, ms: number): void => {
      this.#waits.calls += 1;
      this.#waits.ms += ms;
      timelines.note({ what: 'disk', begun: now() - ms, ended: now() });
      logger.debug({ sr, waited: ms }, 'a call waited for those before it on the same disk');
    };
    const published = tolerant(publisher, view, config.xenstore, logger);
    this.#srs = new AttachedSrs({ state, commit, publisher: published, measurements });
    const ordering = createOrdering(now);
    this.#parts = { driver, plugins, directions, view, inOrder: createInOrder(ordering, waited) };
    this.#verifying = {
      ...{ datapaths, recordings, registry: this.#registry },
      isBusy: (sr: string, vdi: string) => ordering.size(diskKey(sr, vdi)) > 0,
    };
    const service = (queue: string): Service => this.#volumeService(queue);
    const { rescanInterval: retry } = config.plugins;
    this.#queues = new VolumeQueues({ config: config.sockets, logger, service, serve: options.serve, retry });
  }

  /**
   * Serves the datapath queue, and those of the volume plugins from when all plugins have been looked at. After a stop, which
   * may come in between, nothing more.
   */
  async serve(): Promise<void> {
    const { config, view, publisher, logger } = this.#options;
    const { state } = this.#durable;
    const detached = await takeOverSrs(this.#durable, config.storage.stateDb, logger);
    sayHalfDone(logger, state.datapaths);
    await publisher
      .replaceAll({ attached: publishable(state.srs.values()), gone: publishable(detached) })
      .catch((error: Error) =>
        logger.warn({ reason: error.message }, 'the attached SRs are not all in xenstore'),
      );
    if (state.srs.size > 0) await view.caughtUp(config.xenstore);
    if (this.#isStopping) return;
    this.#datapathQueue = await this.#options.serve(this.#datapathService());
    this.#registry.onChange((change) => this.#changed(change));
    await this.#registry.ready;
    if (this.#isStopping) return;
    if (this.#registry.all().length > 0) this.#warnIfConfined();
    this.#askSrs();
    for (const { kind, name, plugin } of this.#registry.all()) {
      if (kind === 'volume' && plugin !== undefined) this.#queues.appeared(name);
    }
    await this.#queues.settled();
  }

  get plugins(): readonly PluginStatus[] {
    return this.#registry.all();
  }

  /** Why nothing new can be attached at present. */
  get trouble(): string | undefined {
    return this.#durable.trouble();
  }

  /** What is known at this moment, for those who only look. */
  get known(): KnownNow {
    const { state } = this.#durable;
    return knownNow({ ...this.#verifying, state, view: this.#options.view });
  }

  report(): StorageReport {
    const counted = { unserved: this.#queues.failed, waits: this.#waits };
    return reportStorage(this.#durable, this.#registry, counted);
  }

  /** Serves no more; settles when what is under way has ended, and all of it is kept. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all([this.#datapathQueue?.stop(), this.#queues.stop()]);
  }

  /** Ends what still runs, and lets go of all files. */
  async close(): Promise<void> {
    await this.#registry.stop(0);
    await this.#durable.close();
  }

  /** Asks all SRs in the background: what is attached may have gone wrong meanwhile, or be of a plugin yet to be found. */
  #askSrs(): void {
    const { logger } = this.#options;
    const volumes = this.#registry
      .all()
      .flatMap(({ kind, plugin }) => (kind === 'volume' && plugin ? [plugin] : []));
    const wrong = (sr: string, reason: string): void =>
      logger.warn({ sr, reason }, 'an attached SR does not answer as it should');
    void askSrs(this.#durable.state.srs.values(), volumes, this.#srs, wrong);
  }

  #changed(change: PluginChange): void {
    this.#warnIfConfined();
    switch (change.type) {
      case 'registered':
      case 'replaced':
        if (change.plugin.kind === 'volume') this.#queues.appeared(change.plugin.name);
        return;
      case 'removed':
        if (change.kind === 'volume') this.#queues.vanished(change.name);
        return;
      case 'refused':
        return;
    }
  }

  #datapathService(): Service {
    const { config, version, view, diagnostics } = this.#options;
    const plugin = { version, srs: view, patience: config.xenstore, diagnostics };
    const urisOf = async (sr: string, volume: string, dbg: string): Promise<readonly string[]> => {
      const queue = this.#durable.state.srs.get(sr)?.queue ?? '';
      const on = { queue, plugin: () => this.#plugin(queue), srs: this.#srs };
      return (await onSr(on, { dbg, sr }, VOLUME_SCRIPTS.stat, { key: volume })).uri;
    };
    const all = (): Plugin[] =>
      this.#registry
        .all()
        .flatMap(({ kind, plugin }) => (kind === 'datapath' && plugin !== undefined ? [plugin] : []));
    const datapaths = { ...this.#parts, disks: this.#disks, all, urisOf };
    const { state, commit, trouble } = this.#durable;
    const { stateDb: path } = config.storage;
    const datapathd = {
      ...{ ...this.#options, ...this.#parts, ...this.#verifying, state, commit, trouble },
      stateDb: path,
      calls: () => this.#options.timelines.kept().map(callReport),
      handBack: () => handBack({ state, commit, path }),
      patience: config.xenstore,
    };
    return datapathService(config.datapath.queue, plugin, datapaths, datapathd, this.#options);
  }

  #volumeService(queue: string): Service {
    const { now, logger } = this.#options;
    const on: VolumeQueue = {
      queue,
      plugin: () => this.#plugin(queue),
      srs: this.#srs,
      disks: this.#disks,
      inOrder: this.#parts.inOrder,
      now,
      pause,
    };
    const leaked = ({ sr, vdi, dp }: VdiUse & { dp: string }, error: unknown): void =>
      logger.warn({ sr, vdi, dp, err: error }, 'a datapath could not be let go of, and is left behind');
    return volumeService(on, { ...this.#parts, leaked }, this.#options);
  }

  #plugin(queue: string): Plugin {
    const plugin = this.#registry.get('volume', queue);
    if (plugin !== undefined) return plugin;
    throw smapiv2Error('No_storage_plugin_for_sr', queue);
  }
}
