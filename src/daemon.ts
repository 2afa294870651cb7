import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Config, resolveSwitchPath, type Subsystem } from './config.ts';
import { Admin } from './daemon/admin.ts';
import { callLog } from './daemon/call-log.ts';
import { inheritedSockets } from './daemon/inherited.ts';
import { takeDirectory } from './daemon/locks.ts';
import { logOperation, logPage } from './daemon/log-page.ts';
import type { SwitchMeasurements } from './daemon/measurements.ts';
import type { Running } from './daemon/metrics.ts';
import type { Queues } from './daemon/queues.ts';
import { refusedOn } from './daemon/refused.ts';
import { statusLine } from './daemon/status.ts';
import type { Storage } from './daemon/storage.ts';
import { requestLog } from './daemon/switch-log.ts';
import { policyRules } from './daemon/switch-policy.ts';
import { Telemetry } from './daemon/telemetry.ts';
import { type OpenXenstore, openXenstore } from './daemon/xenstore.ts';
import { diagnosticsText } from './diagnostics.ts';
import type { Log } from './log.ts';
import type { LogLevels } from './log-levels.ts';
import { createReporters, type Reporter } from './reporter.ts';
import { failedAnswer } from './rpc/failed.ts';
import type { ListeningSocket } from './socket/listen.ts';
import { Sockets } from './sockets.ts';
import { type DurableSwitch, type DurableSwitchOptions, openDurableSwitch } from './switch/durable.ts';
import { createSwitchFront } from './switch/front.ts';
import { createPolicy } from './switch/policy.ts';
import { JOURNAL_FOLDER, STATE_LOCK_FILE } from './switch/state.ts';
import { httpResponse } from './wire/http-response.ts';
import type { Pages } from './wire/pages.ts';
import type { SrPublisher } from './xenstore/publisher.ts';
import type { SrView } from './xenstore/view.ts';

export interface DaemonOptions {
  readonly config: Config;
  /** Where the values that are not defaults came from, for diagnostics. */
  readonly places: ReadonlyMap<string, string>;
  readonly version: string;
  readonly log: Log;
  /** Of the log, by subsystem. */
  readonly levels: LogLevels;
  /** A client asked the daemon to end. */
  readonly shutdown: () => void;
  /** Settles when the daemon is to end: a start that is not over by then is given up. */
  readonly stopping: Promise<unknown>;
}

/** What runs, for the words at the start. */
export interface Daemon {
  /** The start is over; it was given up otherwise, and what is there is to be stopped. */
  readonly isOpen: boolean;
  readonly sockets: readonly string[];
  readonly xenstore: Pick<OpenXenstore, 'type' | 'path'> | undefined;
  /** Where the page is over TCP, with the token if it was made up; `undefined`: nowhere. */
  readonly page: string | undefined;
  /** Settles when the view of xenstore is fresh, too, or `xenstore.startTimeout` is over. */
  readonly ready: Promise<void>;
  /** Some settings have changed: see `reload`. */
  reconfigured(): void;
  /** What it does and what is wrong, in one line for a person. */
  status(): string;
  /** Takes nothing new, lets what is under way finish within `shutdown.timeout`, and lets go of everything. */
  stop(): Promise<void>;
}

/** ms since the epoch, with fractions, and never backwards. */
const now = (): number => performance.timeOrigin + performance.now();

const LOCK_FILE = 'datapathd.lock';

/** Puts everything together and starts it. Throws a `StartError`, or another error with a line for the operator. */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const house = new House(options);
  let isOpen = false;
  try {
    // Plugins that hang, or scripts that an earlier daemon has left, keep the start waiting, but not its end.
    const opened = house.open().then(() => true);
    isOpen = await Promise.race([opened, options.stopping.then(() => false)]);
  } catch (error) {
    await house.close();
    throw error;
  }
  return {
    isOpen,
    sockets: house.paths,
    xenstore: house.xenstore,
    page: house.admin.url,
    ready: house.synchronised(),
    reconfigured: () => house.configure(),
    status: () => house.status(),
    stop: () => house.close(),
  };
}

/** All that runs, in the order in which it was opened. */
class House {
  readonly #options: DaemonOptions;
  readonly #started = now();
  readonly #reporters: ReturnType<typeof createReporters>;
  /** Of the settings as they are now: see `configure`. */
  #policy: ReturnType<typeof createPolicy> | undefined;
  readonly #sockets: Sockets;
  readonly #telemetry: Telemetry;
  readonly admin: Admin;
  #queues: Queues | undefined;
  #view: SrView | undefined;
  #publisher: SrPublisher | undefined;
  #storage: Storage | undefined;
  #measurements: SwitchMeasurements | undefined;
  #switchSocket: ListeningSocket | undefined;
  #switch: DurableSwitch | undefined;
  /** The locks that are held. */
  readonly #releases: (() => void)[] = [];
  /** What is still to be opened stays closed. */
  #isClosing = false;
  xenstore: OpenXenstore | undefined;

  constructor(options: DaemonOptions) {
    this.#options = options;
    this.#reporters = createReporters(options.config.log, now);
    this.configure();
    const inherited = inheritedSockets({ environment: process.env, pid: process.pid });
    const logger = options.levels.logger('sockets');
    this.#sockets = new Sockets(options.config.sockets, this.#reporter('sockets'), logger, inherited);
    const { config, version } = options;
    const report = this.#reporter('monitoring');
    const running = (): Running => this.#running();
    const telemetry = new Telemetry({ config, version, report, now, running });
    this.#telemetry = telemetry;
    const looked = { view: () => this.#view, storage: () => this.#storage };
    this.admin = new Admin({ config, version, report, now, running, telemetry, ...looked });
  }

  /** Puts the settings in place that are not read each time. A client keeps what it might do when it connected. */
  configure(): void {
    const { switch: limits } = this.#options.config;
    if (limits.mode !== 'serve') return;
    this.#policy = createPolicy(policyRules(limits.policy), process.getuid?.() ?? 0);
  }

  /** Logs what may repeat. */
  #reporter(subsystem: Subsystem): Reporter {
    return this.#reporters(this.#options.levels.logger(subsystem));
  }

  /** What is read over HTTP on every socket. */
  readonly pages: Pages = (target) => this.#telemetry.page(target) ?? logPage(this.#options.levels, target);

  /** Those of the queues first, that of the switch last. */
  get paths(): string[] {
    const others = this.#sockets.all.filter((socket) => socket !== this.#switchSocket);
    return [...others, this.#switchSocket].flatMap((socket) => (socket === undefined ? [] : [socket.path]));
  }

  async synchronised(): Promise<void> {
    await this.#view?.settled(this.#options.config.xenstore);
  }

  status(): string {
    const view = this.#view;
    const storage = this.#storage;
    return statusLine({
      queues: this.#queues?.services.length ?? 0,
      isSwitch: this.#switch !== undefined,
      storage: view && storage && { view: view.state, srs: view.uuids().length, plugins: storage.plugins },
      troubles: [this.#switch?.trouble(), storage?.trouble].filter((trouble) => trouble !== undefined),
    });
  }

  async open(): Promise<void> {
    const { config, levels } = this.#options;
    this.#releases.push(takeDirectory(config.sockets.directory, LOCK_FILE, 'sockets.directory'));
    const { stateDirectory } = config.switch;
    if (stateDirectory !== '') {
      this.#releases.push(takeDirectory(stateDirectory, STATE_LOCK_FILE, 'switch.stateDirectory'));
    }
    await this.#telemetry.traces.open();
    if (config.storage.enabled && !this.#isClosing) {
      const logger = levels.logger('xenstore');
      this.xenstore = await openXenstore({ config, sockets: this.#sockets, logger });
    }
    if (config.switch.mode === 'serve' && !this.#isClosing) await this.#openSwitch();
    if (this.xenstore !== undefined && !this.#isClosing) await this.#openStorage(this.xenstore.connect);
    if (this.#isClosing) return;
    await this.#telemetry.open();
    await this.admin.open();
    this.#sockets.warnOfUnused();
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    // Told only once, which may be before the rest is waited for.
    const over = aborted(AbortSignal.timeout(this.#options.config.shutdown.timeout));
    // What the view knows stays known to the calls that are still under way.
    await Promise.all([this.#view?.stop(), this.#publisher?.stop()]);
    await Promise.all(this.#sockets.all.map((socket) => socket.stopListening()));
    this.#switch?.host.stop();
    await Promise.race([this.#drain(), over]);
    for (const socket of this.#sockets.all) socket.destroy();
    this.admin.stop();
    await this.#telemetry.stop();
    await this.#storage?.close();
    await this.#switch?.close();
    for (const release of this.#releases) release();
  }

  /** The switch goes last: the answers to what is under way leave through it. */
  async #drain(): Promise<void> {
    for (const socket of this.#sockets.all) if (socket !== this.#switchSocket) socket.finish();
    await this.#storage?.stop();
    await this.#measurements?.settled();
    this.#switchSocket?.finish();
    await Promise.all(this.#sockets.all.map(({ drained }) => drained));
  }

  /** What it needs is much to load: a switch alone does without. */
  async #openStorage(connectToStore: OpenXenstore['connect']): Promise<void> {
    const { createMeasurements } = await import('./daemon/measurements.ts');
    const { Queues } = await import('./daemon/queues.ts');
    const { openStorage } = await import('./daemon/storage.ts');
    const { createAskDomain } = await import('./storage/driver-domain.ts');
    const { readDiskSides } = await import('./xenstore/disk-sides.ts');
    const { startSrPublisher } = await import('./xenstore/publisher.ts');
    const { startSrView } = await import('./xenstore/view.ts');
    const { config, version, levels } = this.#options;
    const host = this.#switch?.host;
    const { pages } = this;
    const { refusals } = this.#telemetry;
    const { timelines } = this.#telemetry.traces;
    const queues = new Queues({
      ...{ config, host, now, pages, refusals, timelines },
      sockets: this.#sockets,
      rpc: this.#reporter('rpc'),
      joined: this.#reporter('switch'),
    });
    this.#queues = queues;
    const { srPath, requestTimeout } = config.xenstore;
    const { stateDirectory } = config.switch;
    const { maxAnswerBytes, maxDepth } = config.sockets;
    const { driverDomains, driverDomainTimeout } = config.datapath;
    const domainSockets = new Map(driverDomains.map(({ uuid, socket }) => [uuid, socket]));
    const where = { connect: connectToStore, srPath, logger: levels.logger('xenstore'), now };
    this.#view = startSrView({ ...config.xenstore, ...where });
    this.#measurements = createMeasurements({ config, host, logger: levels.logger('storage'), now });
    this.#publisher = startSrPublisher({ ...where, timeout: requestTimeout });
    this.#storage = await openStorage({
      ...{ config, version, levels, timelines, now, logger: levels.logger('storage') },
      observer: callLog(levels.logger('rpc'), this.#reporter('rpc')),
      journal: this.#journal('storage'),
      scriptsDirectory: stateDirectory === '' ? undefined : join(stateDirectory, 'scripts'),
      view: this.#view,
      publisher: this.#publisher,
      measurements: this.#measurements,
      askDomain: createAskDomain({
        socketOf: (uuid) => domainSockets.get(uuid),
        timeout: driverDomainTimeout,
        ...{ maxAnswerBytes, maxDepth, now },
      }),
      readSides: async (domid, devid) => {
        const store = await connectToStore(() => {});
        return readDiskSides(store, domid, devid).finally(() => store.close());
      },
      serve: (service) => queues.serve(service),
      diagnostics: () => this.#diagnostics(),
      ran: (run) => this.#telemetry.ran(run),
    });
    if (!this.#isClosing) await this.#storage.serve();
  }

  async #openSwitch(): Promise<void> {
    const { config, shutdown, levels } = this.#options;
    const limits = config.switch;
    const durable = openDurableSwitch({
      limits,
      journal: this.#journal(JOURNAL_FOLDER),
      now,
      shutdown,
      policy: (peer) => this.#policy?.(peer),
      meter: this.#telemetry.queues,
      observer: requestLog(levels.logger('switch')),
      failureAnswer: (request, reason) => failedAnswer(request, reason, config.sockets),
    });
    this.#switch = durable;
    const path = resolveSwitchPath(config);
    const noteRefused = refusedOn(this.#reporter('switch'), this.#telemetry.refusals, path);
    const front = createSwitchFront(
      durable.host,
      { ...limits, maxHeaderBytes: config.sockets.maxHeaderBytes },
      (reason) => noteRefused('switch', reason),
      {
        pages: this.pages,
        operations: (target) => logOperation(levels, target),
        site: this.admin.site,
      },
    );
    this.#switchSocket = await this.#sockets.listen(path, front, switchRefusal, 'switch');
  }

  /** Where a part of the daemon keeps its state; none when nothing is to outlive the process. */
  #journal(folder: string): DurableSwitchOptions['journal'] {
    const { config } = this.#options;
    const { stateDirectory } = config.switch;
    if (stateDirectory === '') return undefined;
    const directory = join(stateDirectory, folder);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const report = this.#reporter('journal');
    const warn = (text: string): void => report('warn', 'journal', {}, text);
    return { ...config.journal, directory, warn, meter: this.#telemetry.journal(folder) };
  }

  #running(): Running {
    return {
      started: this.#started,
      view: this.#view?.report(),
      storage: this.#storage?.report(),
      services: this.#queues?.services ?? [],
      switch: this.#switch,
      joined: this.#queues?.joined.map((queue) => queue.report()) ?? [],
      sockets: this.#sockets.all,
    };
  }

  #diagnostics(): string {
    const { config, places, version, log } = this.#options;
    return diagnosticsText({
      version,
      config,
      places,
      now: now(),
      ...this.#running(),
      publisher: this.#publisher?.report(),
      troubles: log.recentTroubles(),
    });
  }
}

/** What a client of the switch is told when it may not connect. */
const switchRefusal = (reason: string): string =>
  httpResponse(503, undefined, `${reason}\n`, false).toString();

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
