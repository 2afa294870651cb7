/** What is measured: from this table come the types and helps in `GET /metrics`, and the page `docs/metrics.md`. */
export interface Metric {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly labels: readonly string[];
  readonly help: string;
}

export const METRICS = {
  datapathd_info: {
    type: 'gauge',
    labels: ['version', 'node'],
    help: 'Always 1; the labels tell the versions of the daemon and of its Node.',
  },
  datapathd_start_time_seconds: {
    type: 'gauge',
    labels: [],
    help: 'When the daemon started, in seconds since the epoch.',
  },
  datapathd_healthy: { type: 'gauge', labels: [], help: '1 when GET /healthz answers ok, else 0.' },
  datapathd_cpu_seconds_total: {
    type: 'counter',
    labels: ['mode'],
    help: 'CPU time of the daemon, without that of plugin scripts.',
  },
  datapathd_memory_resident_bytes: { type: 'gauge', labels: [], help: 'Memory of the process.' },
  datapathd_memory_heap_bytes: { type: 'gauge', labels: [], help: "The part of V8's heap that is in use." },
  datapathd_event_loop_delay_seconds: {
    type: 'gauge',
    labels: ['statistic'],
    help: 'How late the event loop looked at what was due, in the last one or two minutes.',
  },
  datapathd_queues: {
    type: 'gauge',
    labels: ['lifetime'],
    help: 'Queues of the switch: persistent ones of services, transient ones of sessions.',
  },
  datapathd_sessions: {
    type: 'gauge',
    labels: [],
    help: 'Sessions of the switch, with those whose owners may still come back.',
  },
  datapathd_switch_held_bytes: {
    type: 'gauge',
    labels: [],
    help: 'What the switch holds, payloads and what is kept beside them, roughly.',
  },
  datapathd_trace_spans_total: {
    type: 'counter',
    labels: ['outcome'],
    help: 'Spans of traces that the collector took (sent), or that were lost because it did not (dropped). None without traces.endpoint.',
  },
  datapathd_trace_spans_waiting: {
    type: 'gauge',
    labels: [],
    help: 'Spans that the collector has not taken yet: traces.maxSpans. None without traces.endpoint.',
  },
  datapathd_switch_refusals_total: {
    type: 'counter',
    labels: ['limit'],
    help: 'Requests that the switch did not carry out, by the setting that bounds them.',
  },
  datapathd_queue_messages: {
    type: 'gauge',
    labels: ['queue'],
    help: 'Messages in a queue that are not acked.',
  },
  datapathd_queue_bytes: { type: 'gauge', labels: ['queue'], help: 'Payloads of these messages.' },
  datapathd_queue_oldest_message_age_seconds: {
    type: 'gauge',
    labels: ['queue'],
    help: 'How long ago the oldest message was accepted that is not acked; 0 without one.',
  },
  datapathd_queue_messages_in_total: {
    type: 'counter',
    labels: ['queue'],
    help: 'Messages that were accepted since the start.',
  },
  datapathd_queue_messages_out_total: {
    type: 'counter',
    labels: ['queue'],
    help: 'Messages that were acked, or dropped because their time was over, since the start.',
  },
  datapathd_queue_wait_seconds: {
    type: 'histogram',
    labels: ['queue'],
    help: 'From when a message was accepted to when it was first given to somebody.',
  },
  datapathd_queue_run_seconds: {
    type: 'histogram',
    labels: ['queue'],
    help: 'From when a message was first given to somebody to its ack. Persistent queues only.',
  },
  datapathd_switch_joined: {
    type: 'gauge',
    labels: ['queue'],
    help: '1 when a queue is served on the switch of another process, 0 while that is away.',
  },
  datapathd_calls_total: {
    type: 'counter',
    labels: ['queue'],
    help: 'Calls that the daemon itself answered, on a queue and its socket.',
  },
  datapathd_call_errors_total: {
    type: 'counter',
    labels: ['queue'],
    help: 'Those that were answered with an error.',
  },
  datapathd_connections: { type: 'gauge', labels: ['socket'], help: 'Connections that are open.' },
  datapathd_connections_accepted_total: {
    type: 'counter',
    labels: ['socket'],
    help: 'Connections that were accepted.',
  },
  datapathd_connections_refused_total: {
    type: 'counter',
    labels: ['socket'],
    help: 'Connections that were refused because there were as many as sockets.maxConnections allows.',
  },
  datapathd_requests_refused_total: {
    type: 'counter',
    labels: ['socket', 'protocol'],
    help: 'Requests that could not be read, or were not carried out; the log has the reasons.',
  },
  datapathd_connection_received_bytes_total: {
    type: 'counter',
    labels: ['socket'],
    help: 'Bytes that came in.',
  },
  datapathd_connection_sent_bytes_total: {
    type: 'counter',
    labels: ['socket'],
    help: 'Bytes that were sent.',
  },
  datapathd_journal_records_total: {
    type: 'counter',
    labels: ['journal'],
    help: 'Records that were written; one holds all that came in a turn of the event loop.',
  },
  datapathd_journal_written_bytes_total: {
    type: 'counter',
    labels: ['journal'],
    help: 'Bytes of these records.',
  },
  datapathd_journal_size_bytes: {
    type: 'gauge',
    labels: ['journal'],
    help: 'What the files of the journal hold.',
  },
  datapathd_journal_sync_seconds: {
    type: 'histogram',
    labels: ['journal'],
    help: 'How long fdatasync took.',
  },
  datapathd_journal_compactions_total: {
    type: 'counter',
    labels: ['journal'],
    help: 'Snapshots that took the place of older files.',
  },
  datapathd_journal_failures_total: {
    type: 'counter',
    labels: ['journal'],
    help: 'Writes that failed.',
  },
  datapathd_journal_in_trouble: {
    type: 'gauge',
    labels: ['journal'],
    help: '1 while nothing can be written, and so nothing is accepted.',
  },
  datapathd_view_state: {
    type: 'gauge',
    labels: ['state'],
    help: '1 for the state in which the view of xenstore is, 0 for the others.',
  },
  datapathd_view_state_age_seconds: {
    type: 'gauge',
    labels: [],
    help: 'For how long the view has been fresh or stale; none before it was fresh for the first time.',
  },
  datapathd_view_events_total: { type: 'counter', labels: [], help: 'Watch events that came from xenstore.' },
  datapathd_view_synchronisations_total: {
    type: 'counter',
    labels: [],
    help: 'How often the view became fresh: once at the start, and once after each loss of xenstore.',
  },
  datapathd_view_srs: { type: 'gauge', labels: [], help: 'SRs that the view shows.' },
  datapathd_srs: { type: 'gauge', labels: [], help: 'SRs that are attached through the daemon.' },
  datapathd_disks_opened: { type: 'gauge', labels: [], help: 'Disks that are opened.' },
  datapathd_datapaths: { type: 'gauge', labels: ['state'], help: 'Datapaths of disks by their state.' },
  datapathd_disk_waits_total: {
    type: 'counter',
    labels: [],
    help: 'Calls that waited for those before them on the same disk.',
  },
  datapathd_disk_wait_seconds_total: {
    type: 'counter',
    labels: [],
    help: 'How long they waited, all together.',
  },
  datapathd_plugin_registered: {
    type: 'gauge',
    labels: ['kind', 'plugin'],
    help: '1 when calls go to the plugin, else 0.',
  },
  datapathd_plugin_refused: {
    type: 'gauge',
    labels: ['kind', 'plugin'],
    help: '1 when what is in its directory now is not used, else 0.',
  },
  datapathd_plugin_running: { type: 'gauge', labels: ['kind', 'plugin'], help: 'Scripts that run.' },
  datapathd_plugin_waiting: {
    type: 'gauge',
    labels: ['kind', 'plugin'],
    help: 'Calls that wait for others to end: plugins.maxRunning, plugins.maxRunningPerPlugin.',
  },
  datapathd_plugin_calls_total: {
    type: 'counter',
    labels: ['kind', 'plugin', 'method', 'outcome'],
    help: 'Calls of scripts: result, error (its own), failed, timed-out, or missing (it has no such script).',
  },
  datapathd_plugin_wait_seconds: {
    type: 'histogram',
    labels: ['kind', 'plugin'],
    help: 'How long calls waited before their script was started.',
  },
  datapathd_plugin_run_seconds: {
    type: 'histogram',
    labels: ['kind', 'plugin'],
    help: 'How long scripts took from their start to their answer.',
  },
} as const satisfies Readonly<Record<string, Metric>>;

export type MetricName = keyof typeof METRICS;

export type MetricOf<Type extends Metric['type']> = {
  [Name in MetricName]: (typeof METRICS)[Name]['type'] extends Type ? Name : never;
}[MetricName];

/** A text for each label of a metric, in the order of the table. */
export type LabelValues<Name extends MetricName> = TextsOf<(typeof METRICS)[Name]['labels']>;

type TextsOf<Labels extends readonly string[]> = { readonly [At in keyof Labels]: string };
