import { type Config, renderDifferences } from './config.ts';
import { redactText } from './redact.ts';
import type { Service } from './rpc/service.ts';
import { ago, renderDiagnostics } from './service/diagnostics.ts';
import type { ConnectionCounters } from './socket/connection.ts';
import type { ListeningSocket } from './socket/listen.ts';
import type { DurableSwitch } from './switch/durable.ts';
import type { JoinReport } from './switch/join.ts';
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
  const { version, config, places, started, now, view, services, joined, sockets, troubles } = input;
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

function viewLines(report: ViewReport, now: number): string[] {
  const { view, everFresh, shown, shownByDomain, ignored, followedDomains, events, synchronisations } =
    report;
  const byDomain = [...shownByDomain].map(([domid, count]) => `, ${count} of domain ${domid}`).join('');
  return [
    viewState(view, everFresh, now),
    `${shown} SRs shown${byDomain}`,
    `not shown: ${ignored.noUuid} whose name is no uuid, ${ignored.halfWritten} half written`,
    `domains followed: ${followedDomains.join(', ') || 'none'}`,
    `${events} events, ${synchronisations} synchronisations`,
    ...(report.lastTrouble === undefined ? [] : [`last trouble: ${report.lastTrouble}`]),
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
