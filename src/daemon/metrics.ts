import { basename } from 'node:path';
import type { Service } from '../rpc/service.ts';
import { type BoundedLabel, Exposition, OTHER } from '../service/metrics.ts';
import type { JournalMeter } from '../service/metrics-journals.ts';
import type { LoopDelay } from '../service/metrics-loop.ts';
import type { PluginMeter } from '../service/metrics-plugins.ts';
import type { QueueMeter } from '../service/metrics-queues.ts';
import type { RefusalMeter } from '../service/metrics-refusals.ts';
import type { ListeningSocket } from '../socket/listen.ts';
import type { DurableSwitch } from '../switch/durable.ts';
import type { JoinReport } from '../switch/join.ts';
import type { Measures } from '../switch/report.ts';
import type { ViewReport } from '../xenstore/view.ts';
import type { StorageReport } from './storage-report.ts';
import type { Traces } from './traces.ts';

/** What runs, as it is now; `undefined`: there is none. */
export interface Running {
  /** ms since the epoch */
  readonly started: number;
  readonly view: ViewReport | undefined;
  readonly storage: StorageReport | undefined;
  readonly services: readonly Service[];
  readonly switch: DurableSwitch | undefined;
  /** The queues that are served on a switch in another process. */
  readonly joined: readonly JoinReport[];
  readonly sockets: readonly ListeningSocket[];
}

/** What is counted as it happens. */
export interface Meters {
  readonly queues: QueueMeter;
  readonly plugins: PluginMeter;
  readonly journals: ReadonlyMap<string, JournalMeter>;
  readonly sockets: BoundedLabel;
  readonly refusals: RefusalMeter;
  readonly traces: Pick<Traces, 'counts' | 'waiting'>;
}

export interface Collected {
  readonly version: string;
  readonly running: Running;
  readonly meters: Meters;
  readonly delay: LoopDelay;
  readonly healthy: boolean;
  /** ms since the epoch */
  readonly now: number;
}

/** The metrics in the text format of Prometheus: what is counted already, and what is there now. */
export function metricsText(collected: Collected): string {
  const { running, meters, now } = collected;
  const to = new Exposition();
  addProcess(to, collected);
  addTraces(to, meters.traces);
  if (running.switch !== undefined) addSwitch(to, running.switch, meters.queues, now);
  addServices(to, running, meters.sockets);
  addSockets(to, running.sockets, meters.sockets);
  for (const { socket, protocol, count } of meters.refusals.counts) {
    to.add('datapathd_requests_refused_total', count, socket, protocol);
  }
  addJournals(to, running, meters.journals);
  if (running.view !== undefined) addView(to, running.view, now);
  if (running.storage !== undefined) addStorage(to, running.storage, meters.plugins);
  return to.text();
}

function addProcess(to: Exposition, { version, running, delay, healthy }: Collected): void {
  to.add('datapathd_info', 1, version, process.versions.node);
  to.add('datapathd_start_time_seconds', running.started / 1000);
  to.add('datapathd_healthy', Number(healthy));
  const { user, system } = process.cpuUsage();
  to.add('datapathd_cpu_seconds_total', user / 1e6, 'user');
  to.add('datapathd_cpu_seconds_total', system / 1e6, 'system');
  const { rss, heapUsed } = process.memoryUsage();
  to.add('datapathd_memory_resident_bytes', rss);
  to.add('datapathd_memory_heap_bytes', heapUsed);
  for (const statistic of ['median', 'p99', 'max'] as const) {
    to.add('datapathd_event_loop_delay_seconds', delay[statistic] / 1000, statistic);
  }
}

function addTraces(to: Exposition, { counts, waiting }: Meters['traces']): void {
  if (waiting === undefined) return;
  for (const [outcome, spans] of Object.entries(counts))
    to.add('datapathd_trace_spans_total', spans, outcome);
  to.add('datapathd_trace_spans_waiting', waiting);
}

function addSwitch(
  to: Exposition,
  { measures, heldBytes }: DurableSwitch,
  meter: QueueMeter,
  now: number,
): void {
  const { sessions, queues } = measures();
  const persistent = queues.filter((queue) => queue.persistent).length;
  to.add('datapathd_queues', persistent, 'persistent');
  to.add('datapathd_queues', queues.length - persistent, 'transient');
  to.add('datapathd_sessions', sessions);
  to.add('datapathd_switch_held_bytes', heldBytes());
  for (const [limit, count] of meter.refusals) to.add('datapathd_switch_refusals_total', count, limit);
  for (const [name, { messages, bytes, age }] of depths(queues, meter, now)) {
    to.add('datapathd_queue_messages', messages, name);
    to.add('datapathd_queue_bytes', bytes, name);
    to.add('datapathd_queue_oldest_message_age_seconds', age / 1000, name);
  }
  for (const { name, in: came, out, waits, runs } of meter.counts) {
    to.add('datapathd_queue_messages_in_total', came, name);
    to.add('datapathd_queue_messages_out_total', out, name);
    to.addHistogram('datapathd_queue_wait_seconds', waits, name);
    if (name !== OTHER) to.addHistogram('datapathd_queue_run_seconds', runs, name);
  }
}

interface Depth {
  messages: number;
  bytes: number;
  /** ms */
  age: number;
}

/** By label: several queues may be counted together. */
function depths(queues: Measures['queues'], meter: QueueMeter, now: number): Map<string, Depth> {
  const byLabel = new Map<string, Depth>();
  for (const { name, messages, bytes, oldest = now } of queues) {
    const label = meter.label(name);
    const depth = byLabel.get(label) ?? { messages: 0, bytes: 0, age: 0 };
    depth.messages += messages;
    depth.bytes += bytes;
    depth.age = Math.max(depth.age, now - oldest);
    byLabel.set(label, depth);
  }
  return byLabel;
}

/** A queue that is served has the name of its socket. */
function addServices(to: Exposition, { services, joined }: Running, label: BoundedLabel): void {
  for (const [name, same] of Map.groupBy(services, ({ queue }) => label.of(queue))) {
    const sum = (of: keyof Service['counters']): number => total(same, ({ counters }) => counters[of]);
    to.add('datapathd_calls_total', sum('calls'), name);
    to.add('datapathd_call_errors_total', sum('errors'), name);
  }
  for (const [name, same] of Map.groupBy(joined, ({ queue }) => label.of(queue))) {
    const isAway = same.some(({ state }) => state.type === 'away');
    to.add('datapathd_switch_joined', Number(!isAway), name);
  }
}

const total = <Thing>(things: readonly Thing[], numberOf: (thing: Thing) => number): number =>
  things.reduce((sum, thing) => sum + numberOf(thing), 0);

function addSockets(to: Exposition, sockets: readonly ListeningSocket[], label: BoundedLabel): void {
  for (const [name, same] of Map.groupBy(sockets, ({ path }) => label.of(basename(path)))) {
    const sum = (of: 'open' | 'accepted' | 'refused' | 'bytesIn' | 'bytesOut'): number =>
      total(same, ({ counters }) => counters[of]);
    to.add('datapathd_connections', sum('open'), name);
    to.add('datapathd_connections_accepted_total', sum('accepted'), name);
    to.add('datapathd_connections_refused_total', sum('refused'), name);
    to.add('datapathd_connection_received_bytes_total', sum('bytesIn'), name);
    to.add('datapathd_connection_sent_bytes_total', sum('bytesOut'), name);
  }
}

function addJournals(to: Exposition, running: Running, journals: Meters['journals']): void {
  for (const [name, { records, bytes, size, syncs, compactions, failures }] of journals) {
    to.add('datapathd_journal_records_total', records, name);
    to.add('datapathd_journal_written_bytes_total', bytes, name);
    to.add('datapathd_journal_size_bytes', size, name);
    to.addHistogram('datapathd_journal_sync_seconds', syncs, name);
    to.add('datapathd_journal_compactions_total', compactions, name);
    to.add('datapathd_journal_failures_total', failures, name);
  }
  const troubles = { switch: running.switch?.trouble(), storage: running.storage?.trouble };
  for (const [name, trouble] of Object.entries(troubles)) {
    if (journals.has(name)) to.add('datapathd_journal_in_trouble', Number(trouble !== undefined), name);
  }
}

const VIEW_STATES = ['connecting', 'synchronising', 'fresh', 'stale'] as const;

function addView(to: Exposition, { view, shown, events, synchronisations }: ViewReport, now: number): void {
  for (const state of VIEW_STATES) to.add('datapathd_view_state', Number(view.state === state), state);
  if ('since' in view) to.add('datapathd_view_state_age_seconds', (now - view.since) / 1000);
  to.add('datapathd_view_srs', shown);
  to.add('datapathd_view_events_total', events);
  to.add('datapathd_view_synchronisations_total', synchronisations);
}

function addStorage(to: Exposition, storage: StorageReport, meter: PluginMeter): void {
  const { srs, opened, states, waits } = storage;
  to.add('datapathd_srs', srs);
  to.add('datapathd_disks_opened', opened);
  for (const [state, count] of states) to.add('datapathd_datapaths', count, state);
  to.add('datapathd_disk_waits_total', waits.calls);
  to.add('datapathd_disk_wait_seconds_total', waits.ms / 1000);
  addPlugins(to, storage.plugins, meter);
  for (const { kind, name, method, outcome, calls } of meter.counts) {
    to.add('datapathd_plugin_calls_total', calls, kind, name, method, outcome);
  }
  for (const { kind, name, waits, runs } of meter.times) {
    to.addHistogram('datapathd_plugin_wait_seconds', waits, kind, name);
    to.addHistogram('datapathd_plugin_run_seconds', runs, kind, name);
  }
}

type PluginNumbers = { registered: number; refused: number; running: number; waiting: number };

/** Those that are told apart no more are counted together. */
function addPlugins(to: Exposition, plugins: StorageReport['plugins'], meter: PluginMeter): void {
  const byLabel = new Map<string, PluginNumbers & { readonly kind: string; readonly name: string }>();
  for (const { kind, name: given, plugin, refused, running, waiting } of plugins) {
    const name = meter.label(kind, given);
    const none = { kind, name, registered: 0, refused: 0, running: 0, waiting: 0 };
    const sum = byLabel.get(`${kind}/${name}`) ?? none;
    sum.registered += Number(plugin !== undefined);
    sum.refused += Number(refused !== undefined);
    sum.running += running;
    sum.waiting += waiting;
    byLabel.set(`${kind}/${name}`, sum);
  }
  for (const { kind, name, registered, refused, running, waiting } of byLabel.values()) {
    to.add('datapathd_plugin_registered', registered, kind, name);
    to.add('datapathd_plugin_refused', refused, kind, name);
    to.add('datapathd_plugin_running', running, kind, name);
    to.add('datapathd_plugin_waiting', waiting, kind, name);
  }
}
