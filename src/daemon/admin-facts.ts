import { hostname } from 'node:os';
import type {
  DatapathFact,
  Facts,
  Health,
  Listed,
  PluginFact,
  QueueFact,
  QueuesFact,
  SrFact,
  StorageFact,
} from '../admin/page/facts.ts';
import type { PluginMeter } from '../service/metrics-plugins.ts';
import type { QueueMeter } from '../service/metrics-queues.ts';
import type { KnownNow } from '../storage/daemon-implementation.ts';
import type { DatapathReport, PluginReport } from '../storage/daemon-interface.ts';
import type { DurableSwitch } from '../switch/durable.ts';
import type { QueueMeasures } from '../switch/report.ts';
import type { Backend } from '../xenstore/backend-table.ts';
import { deviceName } from '../xenstore/device-number.ts';
import type { SrView, ViewReport } from '../xenstore/view.ts';
import { limitFacts } from './admin-limits.ts';
import type { Shown } from './admin-shown.ts';
import type { Running } from './metrics.ts';

/** What the page shows of the present, as much of it as `admin.maxRows` allows. */
export function factsNow(shown: Shown): Facts {
  const { config, version, running, known } = shown;
  const { maxRows } = config.admin;
  return {
    about: {
      ...{ version, host: hostname(), pid: process.pid, started: running.started },
      ...{ mode: config.switch.mode, storage: running.storage !== undefined },
    },
    health: health(shown),
    queues: queuesFact(running, shown.queues, maxRows),
    storage: storageFact(shown, maxRows),
    plugins: listed(
      (known?.plugins() ?? []).map((plugin) => pluginFact(plugin, shown.plugins)),
      maxRows,
    ),
    limits: limitFacts(shown),
  };
}

const listed = <Row>(rows: readonly Row[], most: number): Listed<Row> => ({
  rows: rows.slice(0, most),
  all: rows.length,
});

function health({ running, reasons, delay }: Shown): Health {
  const { rss, heapUsed } = process.memoryUsage();
  return {
    reasons,
    view: running.view && viewFact(running.view),
    late: { median: Math.round(delay.median), p99: Math.round(delay.p99), max: Math.round(delay.max) },
    // What changes with every look would be told at every look.
    memory: { resident: roughly(rss), heap: roughly(heapUsed) },
  };
}

const ROUGHLY_BYTES = 4 * 1024 * 1024;
const roughly = (bytes: number): number => Math.round(bytes / ROUGHLY_BYTES) * ROUGHLY_BYTES;

function viewFact(report: ViewReport): Health['view'] {
  const { view, shown, followedDomains, backends, events, synchronisations, lastTrouble } = report;
  return {
    state: view.state,
    since: 'since' in view ? view.since : undefined,
    reason: 'reason' in view ? view.reason : undefined,
    ...{ srs: shown, domains: followedDomains, events, synchronisations, lastTrouble },
    backends: backends.reduce((sum, { count }) => sum + count, 0),
  };
}

function queuesFact(running: Running, meter: QueueMeter, most: number): QueuesFact {
  const { switch: durable, joined } = running;
  const { sessions, queues } = durable?.measures() ?? { sessions: 0, queues: [] };
  const counts = new Map(meter.counts.map((count) => [count.name, count]));
  const rowOf = (queue: QueueMeasures): QueueFact => {
    const { name, persistent, messages, bytes, oldest } = queue;
    const count = persistent ? counts.get(name) : undefined;
    return {
      ...{ name, persistent, messages, bytes, oldest, came: count?.in, went: count?.out },
      ...audience(durable, name),
    };
  };
  return {
    rows: [...queues].sort(byInterest).slice(0, most).map(rowOf),
    all: queues.length,
    sessions,
    messages: queues.reduce((sum, { messages }) => sum + messages, 0),
    bytes: queues.reduce((sum, { bytes }) => sum + bytes, 0),
    joined: joined.map(({ queue, path, state }) => ({
      ...{ queue, path, since: state.since },
      away: state.type === 'away' ? state.reason : undefined,
    })),
  };
}

/** Sessions of one queue that are named; the page shows fewer. */
const MOST_LISTENERS = 20;

function audience(durable: DurableSwitch | undefined, queue: string): Pick<QueueFact, 'listeners' | 'left'> {
  const { sessions, left } = durable?.audience(queue) ?? { sessions: [], left: undefined };
  return { listeners: sessions.slice(0, MOST_LISTENERS), left };
}

/** Services first, by name; reply queues where something waits before the others. */
const byInterest = (one: QueueMeasures, other: QueueMeasures): number =>
  Number(other.persistent) - Number(one.persistent) ||
  (one.persistent ? 0 : other.messages - one.messages) ||
  (one.name < other.name ? -1 : 1);

function storageFact({ view, known, running }: Shown, most: number): StorageFact {
  const devices = new Map<string, Backend>();
  for (const backend of view?.backends() ?? []) {
    devices.set(`${backend.frontendDomid}/${deviceName(backend.devid)}`, backend);
  }
  const datapaths = (known?.datapaths() ?? []).map((each) => datapathFact(each, devices));
  return {
    srs: listed(srFacts(view, known), most),
    datapaths: listed(datapaths, most),
    trouble: running.storage?.trouble,
  };
}

/** Those that are attached through the daemon, and those that others publish. */
function srFacts(view: SrView | undefined, known: KnownNow | undefined): SrFact[] {
  const domainsOf = (sr: string): readonly number[] => view?.domainsOf(sr) ?? [];
  const attached = (known?.srs() ?? []).map(({ sr, queue, taken_over: takenOver, published }) => ({
    ...{ sr, queue, attached: true, published, takenOver, domains: domainsOf(sr) },
  }));
  const own = new Set(attached.map(({ sr }) => sr));
  const others = (view?.uuids() ?? []).filter((sr) => !own.has(sr));
  return [
    ...attached,
    ...others.map((sr) => ({
      ...{ sr, queue: view?.get(sr)?.plugin ?? '', attached: false, published: true, takenOver: false },
      domains: domainsOf(sr),
    })),
  ];
}

/** What a toolstack calls the datapath of a guest's disk: `vbd/5/xvda`. */
const OF_DEVICE = /^vbd3?\/([0-9]+\/[a-z0-9]+)$/;

function datapathFact(report: DatapathReport, devices: ReadonlyMap<string, Backend>): DatapathFact {
  const { id, sr, vdi, scheme, domain, state, step, running, plugin, caching, reason } = report;
  const [implementation = 'nothing'] = [...report.offered, ...report.implementations];
  return {
    ...{ id, sr, vdi, scheme, domain, state, step, running, plugin, caching, reason, implementation },
    driverDomain: report.driver_domain.domid,
    holders: report.holders.map((holder) => ({
      ...holder,
      device: devices.get(OF_DEVICE.exec(holder.dp)?.[1] ?? '')?.state,
    })),
  };
}

function pluginFact(report: PluginReport, meter: PluginMeter): PluginFact {
  const { kind, name, directory, state, reason, since, version, description } = report;
  const { features, methods, warnings, running, waiting } = report;
  const counts = [...meter.counts].filter((count) => count.kind === kind && count.name === name);
  const sum = (outcomes: readonly string[]): number =>
    counts.reduce((all, { outcome, calls }) => all + (outcomes.includes(outcome) ? calls : 0), 0);
  return {
    ...{ kind, name, directory, state, reason, since, version, description },
    ...{ features, methods, warnings, running, waiting },
    calls: {
      all: sum(['result', 'error', 'failed', 'timed-out']),
      failed: sum(['error', 'failed']),
      timedOut: sum(['timed-out']),
    },
  };
}
