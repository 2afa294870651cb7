import type { Section } from '../setting.ts';

/** Where the time of calls goes: kept for datapathctl trace, and sent to a collector where one is named. */
export const TRACES = {
  endpoint: {
    doc: 'Where spans are sent by OTLP over HTTP, as JSON: http://127.0.0.1:4318, https://…, or unix:/path/of/socket; /v1/traces is asked unless a URL has a path. Calls whose traceparent in dbg is sampled are sent, and no others. Empty: nothing is sent, and nothing of OpenTelemetry is loaded.',
    format: 'endpoint-or-none',
    default: '',
  },
  headersFile: {
    doc: 'A file with headers for the collector, a line each, such as Authorization: Bearer …; nobody but its owner and its group may read it. Empty: the credential otlp-headers of the service manager (LoadCredential=), if there is one.',
    format: 'path-or-none',
    default: '',
  },
  serviceName: {
    doc: 'The name of the service in its spans (service.name).',
    format: 'text',
    default: 'datapathd',
  },
  serviceInstance: {
    doc: 'Which of several it is (service.instance.id). Empty: the name of the host.',
    format: 'text',
    default: '',
  },
  interval: {
    doc: 'How long spans wait for more to be sent with them.',
    format: 'duration',
    default: '5s',
  },
  timeout: {
    doc: 'How long the collector may take for one request, with what is tried again. Then its spans are dropped.',
    format: 'duration',
    default: '10s',
  },
  flushTimeout: {
    doc: 'How long a stop waits at most until the last spans are sent.',
    format: 'duration',
    default: '2s',
    least: 0,
  },
  maxSpans: {
    doc: 'Spans that are not taken by the collector yet. Further ones are dropped and counted.',
    format: 'count',
    default: 4096,
  },
  maxBatchSpans: { doc: 'Spans in one request to the collector.', format: 'count', default: 512 },
  maxCalls: {
    doc: 'Calls whose times are kept for datapathctl trace: the last ones.',
    format: 'count',
    default: 500,
  },
  maxSteps: {
    doc: 'Parts of one call whose times are kept and sent: waits, scripts, choices. Further ones are counted.',
    format: 'count',
    default: 64,
  },
} as const satisfies Section;
