import { type DatagramSender, openDatagramSender } from '../posix.ts';
import { startWatchdog } from './watchdog.ts';

/** The system's service manager, by the protocol of sd_notify(3). It is told nothing where there is none. */
export interface ServiceManager {
  /** The start is over. From now on `status`, in words for a person, is told whenever it has changed. */
  ready(status: () => string): void;
  /** The settings are being read again, until `reloaded`. */
  reloading(): void;
  reloaded(): void;
  /** The end has begun; nothing else is told any more. */
  stopping(): void;
}

export interface ServiceManagerOptions {
  /** NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID of it. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly pid: number;
  /** Called once when nothing can be told. */
  readonly warn: (text: string) => void;
}

/** What the service manager set can't be followed. The message is a line for the operator. */
export class NotifyError extends Error {}

/** How often the status is looked at, in ms: it is told no more often than so. */
const STATUS_INTERVAL_MS = 1000;

/**
 * Opens the way to the service manager, and tells it that the start has begun. Throws a `NotifyError` when a watchdog is
 * set and nothing can be told: it would end the daemon again and again.
 */
export function openServiceManager(options: ServiceManagerOptions): ServiceManager {
  const { environment, warn } = options;
  const { NOTIFY_SOCKET: address = '' } = environment;
  if (address === '') return SILENT;
  const interval = watchdogInterval(options);
  const fail = (reason: string): void => {
    const text = `NOTIFY_SOCKET: the service manager can not be told anything: ${reason}`;
    if (interval !== undefined) throw new NotifyError(`${text}, and its watchdog (WATCHDOG_USEC) is set`);
    warn(text);
  };
  let sender: DatagramSender;
  try {
    sender = openDatagramSender(address);
  } catch (error) {
    fail(error instanceof Error ? error.message : String(error));
    return SILENT;
  }
  const failure = sender.send(message({ STATUS: 'starting' }), 'patient');
  if (failure !== undefined) fail(`${address}: ${failure}`);
  return new Telling(sender, interval, (reason) => {
    if (failure === undefined) warn(`NOTIFY_SOCKET: ${address}: ${reason}`);
  });
}

const SILENT: ServiceManager = { ready() {}, reloading() {}, reloaded() {}, stopping() {} };

/** Half of what the watchdog allows, in ms; `undefined`: none is set for this process. */
function watchdogInterval({ environment, pid }: ServiceManagerOptions): number | undefined {
  const { WATCHDOG_USEC: time, WATCHDOG_PID: whose } = environment;
  if (time === undefined || (whose !== undefined && whose !== `${pid}`)) return undefined;
  if (!/^[1-9][0-9]{0,15}$/.test(time)) {
    throw new NotifyError(`WATCHDOG_USEC: expected a number of microseconds, got ${JSON.stringify(time)}`);
  }
  return Number(time) / 2 / 1000;
}

class Telling implements ServiceManager {
  readonly #sender: DatagramSender;
  readonly #watchdogInterval: number | undefined;
  readonly #failed: (reason: string) => void;
  #hasFailed = false;
  #state: 'starting' | 'ready' | 'stopping' = 'starting';
  #told = '';
  #timer: NodeJS.Timeout | undefined;

  constructor(
    sender: DatagramSender,
    watchdogInterval: number | undefined,
    failed: (reason: string) => void,
  ) {
    this.#sender = sender;
    this.#watchdogInterval = watchdogInterval;
    this.#failed = failed;
  }

  ready(status: () => string): void {
    if (this.#state !== 'starting') return;
    this.#state = 'ready';
    this.#told = status();
    this.#tell({ READY: '1', STATUS: this.#told }, 'patient');
    this.#timer = setInterval(() => this.#tellStatus(status()), STATUS_INTERVAL_MS).unref();
    if (this.#watchdogInterval === undefined) return;
    startWatchdog(this.#watchdogInterval, () => this.#tell({ WATCHDOG: '1' }, 'at-once'));
  }

  /** The time lets the manager tell this from a reload before. */
  reloading(): void {
    if (this.#state !== 'ready') return;
    const now = process.hrtime.bigint() / 1000n;
    this.#tell({ RELOADING: '1', MONOTONIC_USEC: `${now}` }, 'patient');
  }

  reloaded(): void {
    if (this.#state === 'ready') this.#tell({ READY: '1' }, 'patient');
  }

  stopping(): void {
    this.#state = 'stopping';
    clearInterval(this.#timer);
    this.#tell({ STOPPING: '1', STATUS: 'stopping: what is under way is finished' }, 'patient');
  }

  #tellStatus(status: string): void {
    if (status === this.#told) return;
    // A manager that has no time for it now is told the next time.
    if (this.#tell({ STATUS: status }, 'at-once')) this.#told = status;
  }

  /** Whether the manager has taken it. */
  #tell(fields: Readonly<Record<string, string>>, manner: 'patient' | 'at-once'): boolean {
    const failure = this.#sender.send(message(fields), manner);
    if (failure === undefined) return true;
    if (!this.#hasFailed) this.#failed(failure);
    this.#hasFailed = true;
    return false;
  }
}

/** A field a line: a line break in a value would begin another field. */
const message = (fields: Readonly<Record<string, string>>): string =>
  Object.entries(fields)
    .map(([name, value]) => `${name}=${value.replace(/\p{Cc}/gu, ' ')}\n`)
    .join('');
