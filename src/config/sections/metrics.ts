import type { Section } from '../setting.ts';

/** Numbers for Prometheus: `GET /metrics` is answered on every socket that speaks HTTP, whatever stands here. */
export const METRICS = {
  textfile: {
    doc: "A file that the metrics are written to, for node_exporter's textfile collector: Prometheus scrapes no Unix sockets. Its name ends in .prom there. Empty: none.",
    format: 'path-or-none',
    default: '',
  },
  interval: {
    doc: 'The time between two writes of metrics.textfile.',
    format: 'duration',
    default: '15s',
  },
  listen: {
    doc: 'Where /metrics and /healthz are answered over TCP, without a login: an address of the loopback with a port, such as 127.0.0.1:9155; every user of the host may ask there. Empty: nowhere.',
    format: 'loopback-or-none',
    default: '',
  },
  maxQueues: {
    doc: 'Persistent queues, and plugins, that the metrics tell apart; those that come later are counted together as other, as are the queues of sessions.',
    format: 'count',
    default: 100,
  },
} as const satisfies Section;

/** From when on `GET /healthz` gives a reason. */
export const HEALTH = {
  staleAfter: {
    doc: 'How long the view of xenstore may be stale, or not there yet, before GET /healthz gives that as a reason.',
    format: 'duration',
    default: '30s',
    least: 0,
  },
  maxLoopDelay: {
    doc: 'How late the event loop may have been in the last minute, before GET /healthz gives that as a reason.',
    format: 'duration',
    default: '2s',
  },
} as const satisfies Section;
