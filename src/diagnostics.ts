import { type Config, renderDifferences } from './config.ts';
import type { StorageReport } from './daemon/storage-report.ts';
import { redactText } from './redact.ts';
import type { Service } from './rpc/service.ts';
import { ago, renderDiagnostics } from './service/diagnostics.ts';
import type { ConnectionCounters } from './socket/connection.ts';
import type { ListeningSocket } from './socket/listen.ts';
import type { PluginStatus } from './storage/plugins/registry.ts';
import type { DurableSwitch } from './switch/durable.ts';
import type { JoinReport } from './switch/join.ts';
import type { KindReport, LeftOut } from './xenstore/backend-table.ts';
import type { PublisherReport } from './xenstore/publisher.ts';
import type { ViewReport } from './xenstore/view.ts';

/** What the text of `Plugin.diagnostics` is made of. */
export interface DiagnosticsInput {
  readonly version: string;
  readonly config: Config;
  readonly places: ReadonlyMap<string, string>;
  /** ms since the epoch, as `now` */
  readonly started: number;
  readonly now: number;
  /** None when no storage interface is served. */
  readonly view: ViewReport | undefined;
  /** None when the daemon attaches no SRs. */
  readonly publisher?: PublisherReport | undefined;
  /** None when no storage interface is served. */
  readonly storage?: StorageReport | undefined;
  readonly services: readonly Service[];
  /** None unless the daemon is a switch. */
  readonly switch: DurableSwitch | undefined;
  /** The queues that are served on a switch in another process. */
  readonly joined: readonly JoinReport[];
  readonly sockets: readonly ListeningSocket[];
  readonly troubles: readonly string[];
}

/** The text for a bug report: nothing that identifies a person, no secrets. */
export function diagnosticsText(input: DiagnosticsInput): string {
  const { version, config, places, started, now, view, publisher, services, joined, sockets, troubles } =
    input;
  const { rss, heapUsed } = process.memoryUsage();
  const text = renderDiagnostics([
    {
      title: 'datapathd',
      lines: [
        `version ${version}, Node ${process.version}`,
        `up for ${ago(started, now)}`,
        `memory ${Math.round(rss / 1024)} KiB resident, ${Math.round(heapUsed / 1024)} KiB heap`,
      ],
    },
    { title: 'configuration that differs from the defaults', lines: renderDifferences(config, places) },
    ...(view === undefined ? [] : [{ title: 'view of the attached SRs', lines: viewLines(view, now) }]),
    ...(publisher === undefined ? [] : [{ title: 'SRs published', lines: publisherLines(publisher, now) }]),
    ...(input.storage === undefined ? [] : [{ title: 'storage', lines: storageLines(input.storage) }]),
    {
      title: 'queues',
      lines: services.map(
        ({ queue, counters }) => `${queue}: ${counters.calls} calls, ${counters.errors} errors`,
      ),
    },
    ...(input.switch === undefined ? [] : [{ title: 'switch', lines: switchLines(input.switch, now) }]),
    ...(joined.length === 0
      ? []
      : [{ title: 'switch', lines: joined.map((report) => joinLine(report, now)) }]),
    {
      title: 'sockets',
      lines: sockets.map(({ path, counters }) => `${path}: ${socketLine(counters)}`),
    },
    { title: 'last warnings and errors', lines: troubles },
  ]);
  // Paths and reasons come from elsewhere: whatever a person put into them stays out of a bug report.
  return redactText(text);
}

function socketLine({ open, accepted, refused, bytesIn, bytesOut, protocols }: ConnectionCounters): string {
  const spoken = [...protocols].map(([protocol, count]) => `${protocol} ${count}`).join(', ');
  return `${open} open, ${accepted} accepted (${spoken}), ${refused} refused, ${bytesIn} bytes in, ${bytesOut} bytes out`;
}

function switchLines({ heldBytes, trouble, unattended }: DurableSwitch, now: number): string[] {
  const reason = trouble();
  return [
    `${heldBytes()} bytes held`,
    ...(reason === undefined ? [] : [`nothing is accepted at present: ${reason}`]),
    ...unattended().map(
      ({ queue, waiting, oldest, callers }) =>
        `${queue}: ${waiting} waiting, the oldest for ${ago(oldest, now)}, from ${callers.join(', ')}; nobody listens`,
    ),
  ];
}

function joinLine({ queue, path, state }: JoinReport, now: number): string {
  const since = ago(state.since, now);
  return state.type === 'joined'
    ? `${queue} on ${path}: joined for ${since}`
    : `${queue} on ${path}: away for ${since}: ${state.reason}`;
}

function storageLines({ srs, opened, states, plugins, counters, waits, trouble }: StorageReport): string[] {
  const datapaths = [...states].map(([name, count]) => `${count} ${name}`).join(', ') || 'none';
  const { calls, errors, failures, timeouts } = counters;
  return [
    `${srs} SRs attached, ${opened} disks opened, datapaths: ${datapaths}`,
    ...(trouble === undefined ? [] : [`nothing can be attached at present: ${trouble}`]),
    `scripts: ${calls} calls, ${errors} errors, ${failures} failures, of these ${timeouts} timed out`,
    `times: ${Math.round(counters.ran)} ms run, ${Math.round(counters.waited)} ms waited for a place, ${Math.round(waits.ms)} ms for the same disk (${waits.calls} calls)`,
    ...plugins.map(pluginLine),
  ];
}

function pluginLine({ kind, name, plugin, refused, warnings, running, waiting }: PluginStatus): string {
  const version = plugin === undefined ? 'not registered' : `version ${plugin.query.version}`;
  const trouble = [...(refused === undefined ? [] : [`refused: ${refused}`]), ...warnings];
  return [`${kind} plugin ${name}: ${version}, ${running} running, ${waiting} waiting`, ...trouble].join(
    '; ',
  );
}

function viewLines(report: ViewReport, now: number): string[] {
  const { view, everFresh, shown, shownByDomain, ignored, followedDomains, events, synchronisations } =
    report;
  const byDomain = [...shownByDomain].map(([domid, count]) => `, ${count} of domain ${domid}`).join('');
  return [
    viewState(view, everFresh, now),
    `${shown} SRs shown${byDomain}`,
    `not shown: ${ignored.noUuid} whose name is no uuid, ${ignored.halfWritten} half written`,
    `domains followed: ${followedDomains.join(', ') || 'none'}`,
    ...report.backends.flatMap(backendLines),
    `${events} events, ${synchronisations} synchronisations`,
    ...(report.lastTrouble === undefined ? [] : [`last trouble: ${report.lastTrouble}`]),
  ];
}

function backendLines({ domid, kind, count, states, leftOut }: KindReport): string[] {
  const inStates = [...states].map(([state, number]) => `${number} ${state}`).join(', ');
  const without = [...leftOut].map(([reason, number]) => `${number} ${LEFT_OUT[reason]}`).join(', ');
  return [
    `${kind} of domain ${domid}: ${count} backends${inStates === '' ? '' : ` (${inStates})`}`,
    ...(without === '' ? [] : [`${kind} of domain ${domid}, not followed: ${without}`]),
  ];
}

const LEFT_OUT: Readonly<Record<LeftOut, string>> = {
  'no-room': 'over xenstore.maxBackends',
  'too-large': 'larger than xenstore.maxBackendBytes',
  'no-number': 'whose name is no number',
};

function publisherLines({ store, srs, waiting, lastTrouble }: PublisherReport, now: number): string[] {
  const since = ago(store.since, now);
  return [
    store.type === 'connected' ? `connected for ${since}` : `xenstore away for ${since}: ${store.reason}`,
    `${srs} SRs, ${waiting} changes not in xenstore yet`,
    ...(lastTrouble === undefined ? [] : [`last trouble: ${lastTrouble}`]),
  ];
}

function viewState(view: ViewReport['view'], everFresh: boolean, now: number): string {
  switch (view.state) {
    case 'fresh':
      return `fresh for ${ago(view.since, now)}`;
    case 'stale':
      return `stale for ${ago(view.since, now)}: ${view.reason}; answers come from what was last known`;
    case 'connecting':
    case 'synchronising':
      return `${view.state}${everFresh ? '' : '; never fresh since the start'}`;
  }
}
