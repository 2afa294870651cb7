import type { Config } from '../config.ts';
import type { Reporter } from '../reporter.ts';
import { healthPage } from '../service/health.ts';
import type { LoopbackServer } from '../service/loopback.ts';
import { BoundedLabel, METRICS_TYPE } from '../service/metrics.ts';
import { JournalMeter } from '../service/metrics-journals.ts';
import { type LoopDelay, startLoopMeter } from '../service/metrics-loop.ts';
import { type CallOutcome, PluginMeter } from '../service/metrics-plugins.ts';
import { QueueMeter } from '../service/metrics-queues.ts';
import { RefusalMeter } from '../service/metrics-refusals.ts';
import { startTextfile, type Textfile } from '../service/metrics-textfile.ts';
import { hasTimedOut, type ScriptOutcome } from '../storage/plugins/outcome.ts';
import type { ScriptRun } from '../storage/plugins/plugin.ts';
import type { Page } from '../wire/pages.ts';
import { healthReasons } from './health.ts';
import { metricsText, type Running } from './metrics.ts';
import { Traces } from './traces.ts';

export interface TelemetryOptions {
  readonly config: Config;
  readonly version: string;
  readonly report: Reporter;
  /** ms since the epoch */
  readonly now: () => number;
  /** Asked for each page, and at no other time. */
  readonly running: () => Running;
}

/** How monitoring sees into the daemon: what is counted, and the pages that tell it. */
export class Telemetry {
  readonly queues: QueueMeter;
  readonly refusals: RefusalMeter;
  readonly traces: Traces;
  readonly #options: TelemetryOptions;
  readonly plugins: PluginMeter;
  readonly #sockets: BoundedLabel;
  readonly #journals = new Map<string, JournalMeter>();
  readonly #loop = startLoopMeter();
  #server: LoopbackServer | undefined;
  #textfile: Textfile | undefined;

  constructor(options: TelemetryOptions) {
    const { maxQueues } = options.config.metrics;
    this.#options = options;
    this.queues = new QueueMeter(maxQueues);
    this.plugins = new PluginMeter(maxQueues);
    this.#sockets = new BoundedLabel(maxQueues);
    this.refusals = new RefusalMeter(this.#sockets);
    this.traces = new Traces(options);
  }

  /** Tells beside the sockets of the daemon, too, where the settings say so. Rejects when it can't listen there. */
  async open(): Promise<void> {
    const { config, report } = this.#options;
    const { listen, textfile: path, interval } = config.metrics;
    if (listen !== '') {
      // Node's server of HTTP is much to load: few need it.
      const { servePages } = await import('../service/metrics-listen.ts');
      this.#server = await servePages(listen, (target) => this.page(target));
      report('info', 'metrics.listen', { address: this.#server.address }, 'metrics are answered over TCP');
    }
    if (path === '') return;
    this.#textfile = startTextfile({
      path,
      interval,
      text: () => this.#metrics(),
      failed: (reason) =>
        report('warn', 'metrics.textfile', { path, reason }, 'the file of the metrics can not be written'),
    });
  }

  journal(name: string): JournalMeter {
    const meter = this.#journals.get(name) ?? new JournalMeter();
    this.#journals.set(name, meter);
    return meter;
  }

  ran({ kind, name, method, outcome }: ScriptRun): void {
    const { waited, ran } = outcome.type === 'missing' ? { waited: 0, ran: 0 } : outcome;
    this.plugins.note({ kind, name, method, outcome: outcomeName(outcome), waited, ran });
  }

  page(target: string): Page | undefined {
    // Scrapers may be told to add parameters; there are none here.
    const [path] = target.split('?', 1);
    switch (path) {
      case '/metrics':
        return { status: 200, contentType: METRICS_TYPE, body: this.#metrics() };
      case '/healthz':
        return healthPage(this.reasons(this.#options.running()));
      default:
        return undefined;
    }
  }

  /** How late the event loop is. */
  delay(): LoopDelay {
    return this.#loop.delay();
  }

  async stop(): Promise<void> {
    this.#loop.stop();
    this.#server?.stop();
    await this.#textfile?.stop();
    await this.traces.stop();
  }

  /** Why all is not well. */
  reasons(running: Running): string[] {
    const { config, now } = this.#options;
    return healthReasons(running, this.#loop.delay(), config.health, now());
  }

  #metrics(): string {
    const { version, now } = this.#options;
    const running = this.#options.running();
    return metricsText({
      version,
      running,
      meters: {
        queues: this.queues,
        plugins: this.plugins,
        journals: this.#journals,
        sockets: this.#sockets,
        traces: this.traces,
        refusals: this.refusals,
      },
      delay: this.#loop.delay(),
      healthy: this.reasons(running).length === 0,
      now: now(),
    });
  }
}

const outcomeName = (outcome: ScriptOutcome): CallOutcome =>
  outcome.type === 'failed' && hasTimedOut(outcome) ? 'timed-out' : outcome.type;
