import { hostname } from 'node:os';
import { type Config, ConfigError } from '../config.ts';
import type { Reporter } from '../reporter.ts';
import type { SpanSender } from '../timeline/otlp.ts';
import { spansOf } from '../timeline/spans.ts';
import { newSpanId, Timelines } from '../timeline/timelines.ts';
import { findSecret, type SecretFile } from './secret-file.ts';

export interface TracesOptions {
  readonly config: Config;
  readonly version: string;
  readonly report: Reporter;
  /** ms since the epoch */
  readonly now: () => number;
}

/** Where the time of calls goes: what is kept of it, and what is sent to a collector. */
export class Traces {
  readonly timelines: Timelines;
  /** Spans since the start, by what became of them. */
  readonly counts = { sent: 0, dropped: 0 };
  readonly #options: TracesOptions;
  #sender: SpanSender | undefined;
  /** Spans that were dropped since one was taken. */
  #lost = 0;

  constructor(options: TracesOptions) {
    const { config, now } = options;
    const { endpoint, maxCalls, maxSteps } = config.traces;
    this.#options = options;
    this.timelines = new Timelines({
      ...{ now, maxCalls, maxSteps },
      traced: endpoint === '' ? undefined : (call) => this.#sender?.add(spansOf(call, newSpanId)),
    });
  }

  /** Spans that wait to be sent; `undefined`: none are. */
  get waiting(): number | undefined {
    return this.#sender?.waiting;
  }

  /** Begins to send, where the settings say so. Throws a `ConfigError` when the headers can't be read. */
  async open(): Promise<void> {
    const { config, version } = this.#options;
    const { endpoint, serviceName, serviceInstance } = config.traces;
    if (endpoint === '') return;
    const headers = findHeaders(config.traces.headersFile, process.env.CREDENTIALS_DIRECTORY);
    // OpenTelemetry is much to load: few need it.
    const { createSpanSender } = await import('../timeline/otlp.ts');
    this.#sender = createSpanSender({
      ...config.traces,
      ...{ headers, version },
      resource: {
        'service.name': serviceName,
        'service.version': version,
        'service.instance.id': serviceInstance === '' ? hostname() : serviceInstance,
        'host.name': hostname(),
        'process.pid': process.pid,
      },
      dropped: (spans, reason) => this.#dropped(spans, reason),
      sent: (spans) => this.#sent(spans),
    });
  }

  async stop(): Promise<void> {
    await this.#sender?.stop();
  }

  #dropped(spans: number, reason: string): void {
    const { report, config } = this.#options;
    this.counts.dropped += spans;
    if (this.#lost === 0) {
      const { endpoint } = config.traces;
      report('warn', 'traces dropped', { endpoint, spans, reason }, `spans of traces are dropped: ${reason}`);
    }
    this.#lost += spans;
  }

  #sent(spans: number): void {
    this.counts.sent += spans;
    if (this.#lost === 0) return;
    const fields = { spans: this.#lost };
    this.#options.report('info', 'traces sent', fields, 'spans of traces are taken again');
    this.#lost = 0;
  }
}

/** The credential of the service manager: `LoadCredential=otlp-headers:…`. */
const CREDENTIAL = 'otlp-headers';

function findHeaders(file: string, credentials: string | undefined): Record<string, string> {
  const secret = findSecret({ setting: 'traces.headersFile', file, credential: CREDENTIAL, credentials });
  return secret === undefined ? {} : headersIn(secret);
}

/** A token of HTTP, and a text of one line: RFC 9110, sections 5.1 and 5.5. */
const HEADER = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\x20-\x7e\t]+)$/;

/** What stands there is secret: what is wrong is told by its line. */
function headersIn({ what, path, text }: SecretFile): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const [, name, value = ''] = HEADER.exec(line.trimEnd()) ?? [];
    if (name === undefined)
      throw new ConfigError(`${what}: expected a header, as in Name: value, in line ${index + 1} of ${path}`);
    headers[name] = value;
  }
  return headers;
}
