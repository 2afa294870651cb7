import { existsSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Config, resolveSwitchPath, resolveXenstoreSocket } from './config.ts';
import { diagnosticsText } from './diagnostics.ts';
import type { Log, Logger } from './log.ts';
import { type LockOutcome, lockFile } from './posix.ts';
import { createReporter, type Reporter } from './reporter.ts';
import { jsonAnswers, type Refused, type RpcLimits, unreadable } from './rpc/answer.ts';
import { keeping } from './rpc/encode.ts';
import { failedAnswer } from './rpc/failed.ts';
import { createRpcFront } from './rpc/front.ts';
import { discoverMethod } from './rpc/openrpc.ts';
import { createService, implement, type Service, type ServiceObserver } from './rpc/service.ts';
import type { ListeningSocket } from './socket/listen.ts';
import { Sockets } from './sockets.ts';
import { PluginInterface, pluginImplementation } from './storage/plugin.ts';
import { type DurableSwitch, type DurableSwitchOptions, openDurableSwitch } from './switch/durable.ts';
import { USUAL_TIMEOUTS } from './switch/foreign-session.ts';
import { createSwitchFront } from './switch/front.ts';
import { type JoinedQueue, joinSwitch } from './switch/join.ts';
import { JOURNAL_FOLDER, STATE_LOCK_FILE } from './switch/journal/backup.ts';
import { createPolicy } from './switch/policy.ts';
import { type QueueService, type QueueServiceOptions, serveQueue } from './switch/service.ts';
import { httpResponse } from './wire/http-response.ts';
import { JsonFailure, parseJsonBytes, writeJson } from './wire/json.ts';
import { connect } from './xenstore/connection.ts';
import { createEmbeddedStore } from './xenstore/embedded/store.ts';
import { type SrView, startSrView } from './xenstore/view.ts';

/** The start can't go on. The message is one line for the operator. */
export class StartError extends Error {}

export interface DaemonOptions {
  readonly config: Config;
  /** Where the values that are not defaults came from, for diagnostics. */
  readonly places: ReadonlyMap<string, string>;
  readonly version: string;
  readonly log: Log;
  /** A client asked the daemon to end. */
  readonly shutdown: () => void;
}

/** What runs, for the words at the start. */
export interface Daemon {
  readonly sockets: readonly string[];
  readonly xenstore: { readonly type: 'socket' | 'embedded'; readonly path: string } | undefined;
  /** Takes nothing new, lets what is under way finish within `shutdown.timeout`, and lets go of everything. */
  stop(): Promise<void>;
}

/** ms since the epoch, with fractions, and never backwards. */
const now = (): number => performance.timeOrigin + performance.now();

const EMBEDDED_SOCKET = 'xenstored.sock';
const LOCK_FILE = 'datapathd.lock';
/** Requests on a queue that are answered at the same time. */
const MAX_CONCURRENT = 256;

/** Puts everything together and starts it. Throws a `StartError`, or another error with a line for the operator. */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const house = new House(options);
  try {
    await house.open();
  } catch (error) {
    await house.close();
    throw error;
  }
  return {
    sockets: house.paths,
    xenstore: house.xenstore,
    stop: () => house.close(),
  };
}

function lockIn(directory: string, lockName: string, setting: string): LockOutcome {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    return lockFile(join(directory, lockName), `${process.pid}`);
  } catch (error) {
    throw new StartError(`${error instanceof Error ? error.message : error} (${setting})`);
  }
}

/** Makes a folder private, unless it is there already, and takes it: it belongs to one daemon at a time. */
function takeDirectory(directory: string, lockName: string, setting: string): () => void {
  const lock = lockIn(directory, lockName, setting);
  if (lock.type === 'held') {
    throw new StartError(
      `a datapathd with the pid ${lock.note} already runs in ${resolve(directory)} (${setting})`,
    );
  }
  return lock.release;
}

/** All that runs, in the order in which it was opened. */
class House {
  readonly #options: DaemonOptions;
  readonly #logger: Logger;
  readonly #started = now();
  readonly #report: Reporter;
  readonly #sockets: Sockets;
  readonly #services: Service[] = [];
  readonly #queueServices: QueueService[] = [];
  readonly #joined: JoinedQueue[] = [];
  #view: SrView | undefined;
  #switchSocket: ListeningSocket | undefined;
  #switch: DurableSwitch | undefined;
  /** The locks that are held. */
  readonly #releases: (() => void)[] = [];
  xenstore: Daemon['xenstore'];

  constructor(options: DaemonOptions) {
    this.#options = options;
    this.#logger = options.log.logger;
    const { maxRepeats, repeatInterval } = options.config.log;
    this.#report = createReporter(this.#logger, { maxRepeats, interval: repeatInterval, now });
    this.#sockets = new Sockets(options.config.sockets, this.#report);
  }

  get paths(): string[] {
    return this.#sockets.all.map(({ path }) => path);
  }

  async open(): Promise<void> {
    const { config } = this.#options;
    this.#releases.push(takeDirectory(config.sockets.directory, LOCK_FILE, 'sockets.directory'));
    if (config.storage.enabled) {
      await this.#openXenstore();
      await this.#openQueue(this.#datapathService());
    }
    if (config.switch.mode === 'serve') await this.#openSwitch();
    if (config.switch.mode === 'join') this.#joinSwitch();
  }

  async close(): Promise<void> {
    const over = AbortSignal.timeout(this.#options.config.shutdown.timeout);
    // What the view knows stays known to the calls that are still under way.
    await this.#view?.stop();
    for (const socket of this.#sockets.all) socket.stopListening();
    this.#switch?.host.stop();
    await Promise.race([this.#drain(), aborted(over)]);
    for (const socket of this.#sockets.all) socket.destroy();
    await this.#switch?.close();
    for (const release of this.#releases) release();
  }

  /** The switch goes last: the answers to what is under way leave through it. */
  async #drain(): Promise<void> {
    for (const socket of this.#sockets.all) if (socket !== this.#switchSocket) socket.finish();
    await Promise.all(this.#queueServices.map((service) => service.stop()));
    this.#switchSocket?.finish();
    await Promise.all(this.#sockets.all.map(({ drained }) => drained));
  }

  async #openXenstore(): Promise<void> {
    const { config } = this.#options;
    const { requestTimeout, maxPayloadBytes, srPath, driverDomains } = config.xenstore;
    const socket = resolveXenstoreSocket(config, process.env);
    const embedded =
      config.xenstore.mode === 'embedded' || (config.xenstore.mode === 'auto' && !existsSync(socket));
    const path = embedded ? await this.#openEmbeddedStore() : socket;
    if (embedded && config.xenstore.mode === 'auto') {
      this.#logger.warn(`no xenstored at ${socket}: an embedded store stands in, which Xen knows nothing of`);
    }
    this.xenstore = { type: embedded ? 'embedded' : 'socket', path };
    this.#view = startSrView({
      connect: (onEvent) => connect({ path, requestTimeout, maxPayloadBytes, onEvent }),
      srPath,
      driverDomains,
      logger: this.#logger,
      now,
    });
  }

  async #openEmbeddedStore(): Promise<string> {
    const store = createEmbeddedStore(this.#options.config.xenstore);
    const path = join(this.#options.config.sockets.directory, EMBEDDED_SOCKET);
    await this.#sockets.listen(
      path,
      (peer) => store.converse(peer),
      () => '',
    );
    return path;
  }

  #datapathService(): Service {
    const { config, version } = this.#options;
    const view = this.#view;
    if (view === undefined) throw new Error('the view is opened before the service that reads it');
    const { queue } = config.datapath;
    const observer = this.#observer();
    const diagnostics = (): string => this.#diagnostics();
    const plugin = pluginImplementation({
      version,
      srs: view,
      patience: config.xenstore,
      diagnostics,
    });
    const info = { title: queue, description: 'The datapath service of a Xen host.', version };
    const methods = [
      ...implement(PluginInterface, plugin, observer),
      discoverMethod(info, [PluginInterface]),
    ];
    return createService(queue, methods, observer, now);
  }

  async #openQueue(service: Service): Promise<void> {
    this.#services.push(service);
    const path = join(this.#options.config.sockets.directory, service.queue);
    const front = createRpcFront(service, this.#rpcLimits(), this.#noteRefused(path));
    await this.#sockets.listen(path, front, (reason) => `${unreadable(reason)}\n`);
  }

  async #openSwitch(): Promise<void> {
    const { config, shutdown } = this.#options;
    const limits = config.switch;
    const durable = openDurableSwitch({
      limits,
      journal: this.#journalOptions(),
      now,
      shutdown,
      policy: createPolicy(limits.policy, process.getuid?.() ?? 0),
      failureAnswer: (request, reason) => failedAnswer(request, reason, this.#rpcLimits()),
    });
    this.#switch = durable;
    const { host } = durable;
    const path = resolveSwitchPath(config);
    const noteRefused = this.#noteRefused(path);
    const front = createSwitchFront(
      host,
      { ...limits, maxHeaderBytes: config.sockets.maxHeaderBytes },
      (reason) => noteRefused('switch', reason),
    );
    for (const service of this.#services) {
      this.#queueServices.push(serveQueue({ host, ...this.#onQueue(service) }));
    }
    this.#switchSocket = await this.#sockets.listen(path, front, switchRefusal);
  }

  /** None when nothing is to outlive the process. The folder belongs to one daemon at a time. */
  #journalOptions(): DurableSwitchOptions['journal'] {
    const { config } = this.#options;
    const { stateDirectory } = config.switch;
    if (stateDirectory === '') return undefined;
    this.#releases.push(takeDirectory(stateDirectory, STATE_LOCK_FILE, 'switch.stateDirectory'));
    const directory = join(stateDirectory, JOURNAL_FOLDER);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    return { ...config.journal, directory, warn: (text) => this.#report('warn', 'journal', {}, text) };
  }

  #joinSwitch(): void {
    const { config } = this.#options;
    const path = resolveSwitchPath(config);
    const limit = { maxAnswerBytes: config.switch.maxQueueBytes, answerSetting: 'switch.maxQueueBytes' };
    for (const service of this.#services) {
      const { queue } = service;
      const tell = (level: 'info' | 'warn', what: string, text: string): void =>
        this.#report(level, `${queue} ${what}`, { queue, socket: path }, text);
      const observer = {
        joined: () => tell('info', 'joined', `${queue} is served on the switch at ${path}`),
        lost: (reason: string) => tell('warn', 'lost', `the switch at ${path} is away: ${reason}`),
        refused: (reason: string) => tell('warn', 'refused', `a reply was refused by the switch: ${reason}`),
      };
      const where = { path, ...limit, timeouts: USUAL_TIMEOUTS, observer, now };
      this.#joined.push(joinSwitch({ ...where, ...this.#onQueue(service) }));
    }
    this.#queueServices.push(...this.#joined);
  }

  /** How a service answers on its queue of a switch. */
  #onQueue(service: Service): Omit<QueueServiceOptions, 'host'> {
    const { queue } = service;
    const limits = this.#rpcLimits();
    const refused = this.#noteRefused(queue);
    const answers = jsonAnswers(service, limits, keeping(writeJson));
    const answer = (payload: Buffer): string | Promise<string> => {
      const value = parseJsonBytes(payload, limits);
      if (!(value instanceof JsonFailure)) return answers(value);
      refused('switch', value.reason);
      return unreadable(value.reason);
    };
    const token = `datapathd:${process.pid}`;
    return { queue, token, answer, refusal: unreadable, maxConcurrent: MAX_CONCURRENT };
  }

  /** A warning for each thing that could not be read, until there are too many of one socket. */
  #noteRefused(path: string): Refused {
    return (protocol, reason) =>
      this.#report(
        'warn',
        `${path} unreadable`,
        { socket: path, protocol },
        `a request was refused: ${reason}`,
      );
  }

  #rpcLimits(): RpcLimits {
    return this.#options.config.sockets;
  }

  #observer(): ServiceObserver {
    const logger = this.#logger;
    return {
      wanted: () => logger.isLevelEnabled('debug'),
      answered: (record) => logger.debug(record, 'call'),
      threw: (method, error) =>
        this.#report('error', `${method} threw`, { method, err: error }, `${method} failed`),
    };
  }

  #diagnostics(): string {
    const { config, places, version, log } = this.#options;
    return diagnosticsText({
      version,
      config,
      places,
      started: this.#started,
      now: now(),
      view: this.#view?.report(),
      services: this.#services,
      switch: this.#switch,
      joined: this.#joined.map((queue) => queue.report()),
      sockets: this.#sockets.all,
      troubles: log.recentTroubles(),
    });
  }
}

/** What a client of the switch is told when it may not connect. */
const switchRefusal = (reason: string): string =>
  httpResponse(503, undefined, `${reason}\n`, false).toString();

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
