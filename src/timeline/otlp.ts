import { Agent } from 'node:http';
import { connect } from 'node:net';
import { type HrTime, type SpanContext, SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { type ExportResult, ExportResultCode } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, type ReadableSpan } from '@opentelemetry/sdk-trace';
import type { Span } from './spans.ts';

/** Only those who send spans load this file, and OpenTelemetry with it. */

export interface SpanSenderOptions {
  /** A URL of HTTP or HTTPS, or `unix:` with the path of a socket. */
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>;
  /** What is said of the service: `service.name` and the like. */
  readonly resource: Readonly<Record<string, string | number>>;
  readonly version: string;
  /** ms */
  readonly interval: number;
  readonly timeout: number;
  readonly flushTimeout: number;
  readonly maxSpans: number;
  readonly maxBatchSpans: number;
  /** Spans were dropped, as the reason says. */
  readonly dropped: (spans: number, reason: string) => void;
  readonly sent: (spans: number) => void;
}

/** Sends spans to a collector, a batch at a time. Nobody waits for it, and what it can't take is dropped. */
export interface SpanSender {
  readonly waiting: number;
  add(spans: readonly Span[]): void;
  /** Sends what waits; settles when that is done, or its time is over. */
  stop(): Promise<void>;
}

const TRACES_PATH = '/v1/traces';
const UNIX = 'unix:';

export function createSpanSender(options: SpanSenderOptions): SpanSender {
  const { timeout, maxSpans, dropped, sent } = options;
  const exporter = new OTLPTraceExporter({
    ...target(options.endpoint),
    headers: { ...options.headers },
    timeoutMillis: timeout,
  });
  let waiting = 0;
  const counting = {
    export: (spans: ReadableSpan[], told: (result: ExportResult) => void): void =>
      exporter.export(spans, (result) => {
        waiting -= spans.length;
        if (result.code === ExportResultCode.SUCCESS) sent(spans.length);
        else dropped(spans.length, failureText(result.error));
        told(result);
      }),
    shutdown: () => exporter.shutdown(),
    forceFlush: () => exporter.forceFlush(),
  };
  const processor = new BatchSpanProcessor({
    exporter: counting,
    maxQueueSize: maxSpans,
    maxExportBatchSize: Math.min(options.maxBatchSpans, maxSpans),
    scheduledDelayMillis: options.interval,
    // The exporter ends by itself: what it has in hand is counted when it does.
    exportTimeoutMillis: 2 * timeout,
  });
  const resource = resourceFromAttributes({ ...options.resource });
  const instrumentationScope = { name: 'datapathd', version: options.version };
  return {
    get waiting() {
      return waiting;
    },
    add: (spans) => {
      const room = Math.max(0, maxSpans - waiting);
      const taken = spans.slice(0, room);
      waiting += taken.length;
      for (const span of taken) processor.onEnd({ ...readable(span), resource, instrumentationScope });
      const left = spans.length - taken.length;
      if (left > 0) dropped(left, `as many wait as traces.maxSpans (${maxSpans}) allows`);
    },
    stop: async () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, options.flushTimeout);
      await Promise.race([promise, processor.shutdown().catch(() => {})]);
      clearTimeout(timer);
    },
  };
}

function target(endpoint: string): { url: string; httpAgentOptions?: () => Agent } {
  if (endpoint.startsWith(UNIX)) {
    const socketPath = endpoint.slice(UNIX.length);
    const agent = new Agent({ keepAlive: true });
    agent.createConnection = () => connect(socketPath);
    return { url: `http://localhost${TRACES_PATH}`, httpAgentOptions: () => agent };
  }
  const url = new URL(endpoint);
  if (url.pathname === '/') url.pathname = TRACES_PATH;
  return { url: url.href };
}

/** Never what a collector has answered with: it may be long, and anything. */
function failureText(error: Error | undefined): string {
  if (error === undefined) return 'the collector did not take them';
  const code = 'code' in error ? String(error.code) : undefined;
  const text = error.message.split('\n')[0] ?? '';
  return (code === undefined || text.includes(code) ? text : `${code} ${text}`).slice(0, LONGEST_REASON);
}

const LONGEST_REASON = 200;

const KINDS = { server: SpanKind.SERVER, client: SpanKind.CLIENT, internal: SpanKind.INTERNAL };

function readable(span: Span): Omit<ReadableSpan, 'resource' | 'instrumentationScope'> {
  const { name, kind, traceId, flags, spanId, parentSpanId, begun, ended, attributes, failure } = span;
  const context = (id: string): SpanContext => ({ traceId, spanId: id, traceFlags: flags });
  return {
    name,
    kind: KINDS[kind],
    spanContext: () => context(spanId),
    parentSpanContext: { ...context(parentSpanId), isRemote: kind === 'server' },
    startTime: hrTime(begun),
    endTime: hrTime(ended),
    duration: hrTime(ended - begun),
    ended: true,
    status:
      failure === undefined
        ? { code: SpanStatusCode.UNSET }
        : { code: SpanStatusCode.ERROR, message: failure },
    attributes,
    links: [],
    events: [],
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}

/** Seconds and nanoseconds. */
function hrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1000);
  return [seconds, Math.round((ms - seconds * 1000) * 1e6)];
}
