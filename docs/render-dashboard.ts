/** The dashboard for Grafana, `docs/grafana-dashboard.json`: a row a panel. */
interface Panel {
  readonly title: string;
  /** As Grafana names it. */
  readonly unit: 'short' | 's' | 'bytes' | 'reqps' | 'Bps' | 'percentunit';
  /** What is drawn, and its legend. */
  readonly lines: readonly (readonly [expression: string, legend: string])[];
}

const quantile = (metric: string, by: string): string =>
  `histogram_quantile(0.99, sum by (le, ${by}) (rate(${metric}_bucket[$__rate_interval])))`;
const rate = (metric: string): string => `rate(${metric}[$__rate_interval])`;

const PANELS: readonly Panel[] = [
  {
    title: 'Healthy',
    unit: 'short',
    lines: [
      ['datapathd_healthy', '{{instance}}'],
      ['datapathd_view_state{state="fresh"}', 'view fresh {{instance}}'],
    ],
  },
  {
    title: 'Messages accepted',
    unit: 'reqps',
    lines: [[rate('datapathd_queue_messages_in_total'), '{{queue}}']],
  },
  { title: 'Messages that wait', unit: 'short', lines: [['datapathd_queue_messages', '{{queue}}']] },
  {
    title: 'Age of the oldest message',
    unit: 's',
    lines: [['datapathd_queue_oldest_message_age_seconds', '{{queue}}']],
  },
  {
    title: 'Wait for a listener, 99 %',
    unit: 's',
    lines: [[quantile('datapathd_queue_wait_seconds', 'queue'), '{{queue}}']],
  },
  {
    title: 'From delivery to ack, 99 %',
    unit: 's',
    lines: [[quantile('datapathd_queue_run_seconds', 'queue'), '{{queue}}']],
  },
  {
    title: 'Refused',
    unit: 'reqps',
    lines: [
      [rate('datapathd_switch_refusals_total'), '{{limit}}'],
      [rate('datapathd_connections_refused_total'), 'sockets.maxConnections {{socket}}'],
      [rate('datapathd_requests_refused_total'), '{{protocol}} on {{socket}}'],
    ],
  },
  {
    title: 'Connections and sessions',
    unit: 'short',
    lines: [
      ['datapathd_connections', '{{socket}}'],
      ['datapathd_sessions', 'sessions'],
    ],
  },
  {
    title: 'Plugin calls',
    unit: 'reqps',
    lines: [[rate('datapathd_plugin_calls_total'), '{{plugin}} {{method}} {{outcome}}']],
  },
  {
    title: 'Plugin run time, 99 %',
    unit: 's',
    lines: [[quantile('datapathd_plugin_run_seconds', 'plugin'), '{{plugin}}']],
  },
  {
    title: 'Scripts',
    unit: 'short',
    lines: [
      ['datapathd_plugin_running', '{{plugin}} running'],
      ['datapathd_plugin_waiting', '{{plugin}} waiting'],
    ],
  },
  {
    title: 'SRs, disks, datapaths',
    unit: 'short',
    lines: [
      ['datapathd_srs', 'SRs attached'],
      ['datapathd_disks_opened', 'disks opened'],
      ['datapathd_datapaths', 'datapaths {{state}}'],
    ],
  },
  {
    title: 'fdatasync, 99 %',
    unit: 's',
    lines: [[quantile('datapathd_journal_sync_seconds', 'journal'), '{{journal}}']],
  },
  {
    title: 'Journal written',
    unit: 'Bps',
    lines: [[rate('datapathd_journal_written_bytes_total'), '{{journal}}']],
  },
  { title: 'Journal size', unit: 'bytes', lines: [['datapathd_journal_size_bytes', '{{journal}}']] },
  {
    title: 'Event loop delay',
    unit: 's',
    lines: [['datapathd_event_loop_delay_seconds', '{{statistic}}']],
  },
  {
    title: 'Memory',
    unit: 'bytes',
    lines: [
      ['datapathd_memory_resident_bytes', 'resident'],
      ['datapathd_memory_heap_bytes', 'heap'],
      ['datapathd_switch_held_bytes', 'held by the switch'],
    ],
  },
  { title: 'CPU', unit: 'percentunit', lines: [[rate('datapathd_cpu_seconds_total'), '{{mode}}']] },
];

const DATASOURCE = { type: 'prometheus', uid: `\${datasource}` };
const COLUMNS = 3;
const [WIDTH, HEIGHT] = [8, 7];

export const renderDashboard = (): string =>
  `${JSON.stringify(
    {
      title: 'datapathd',
      uid: 'datapathd',
      schemaVersion: 38,
      version: 1,
      time: { from: 'now-3h', to: 'now' },
      refresh: '30s',
      templating: {
        list: [
          { name: 'datasource', type: 'datasource', query: 'prometheus', label: 'Data source' },
          {
            name: 'instance',
            type: 'query',
            datasource: DATASOURCE,
            query: 'label_values(datapathd_info, instance)',
            label: 'Host',
            includeAll: true,
            multi: true,
          },
        ],
      },
      panels: PANELS.map(({ title, unit, lines }, at) => ({
        id: at + 1,
        title,
        type: 'timeseries',
        datasource: DATASOURCE,
        gridPos: {
          x: (at % COLUMNS) * WIDTH,
          y: Math.floor(at / COLUMNS) * HEIGHT,
          w: WIDTH,
          h: HEIGHT,
        },
        fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
        targets: lines.map(([expr, legendFormat], index) => ({
          refId: String.fromCharCode('A'.charCodeAt(0) + index),
          datasource: DATASOURCE,
          expr: ofHosts(expr),
          legendFormat,
        })),
      })),
    },
    null,
    2,
  )}\n`;

/** Of the hosts that are chosen. */
const ofHosts = (expression: string): string =>
  expression.replace(
    /(datapathd_[a-z0-9_]+)(?:\{([^}]*)\})?/g,
    (_, name: string, labels: string | undefined) =>
      `${name}{${labels === undefined ? '' : `${labels},`}instance=~"$instance"}`,
  );
