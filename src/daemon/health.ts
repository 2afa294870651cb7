import type { Config } from '../config.ts';
import { redactText } from '../redact.ts';
import { ago } from '../service/diagnostics.ts';
import type { LoopDelay } from '../service/metrics-loop.ts';
import type { ViewState } from '../xenstore/view.ts';
import type { Running } from './metrics.ts';

/**
 * Why the daemon is not as it should be; none: it is. Each is one line for the operator, without secrets: over TCP any user
 * of the host may read it. `now` is ms since the epoch.
 */
export function healthReasons(
  running: Running,
  delay: LoopDelay,
  limits: Config['health'],
  now: number,
): string[] {
  const { started, view, storage, joined } = running;
  const troubles = [running.switch?.trouble(), storage?.trouble].filter((trouble) => trouble !== undefined);
  return [
    ...troubles.map((trouble) => `nothing is accepted: ${trouble}`),
    ...(view === undefined ? [] : viewReasons(view.view, started, limits, now)),
    ...joined.flatMap(({ queue, path, state }) =>
      state.type === 'joined'
        ? []
        : [
            `${queue} is not served on the switch at ${path}, away for ${ago(state.since, now)}: ${state.reason}`,
          ],
    ),
    ...(storage?.plugins ?? []).flatMap(({ kind, name, refused }) =>
      refused === undefined ? [] : [`the ${kind} plugin ${name} is refused: ${refused}`],
    ),
    ...[...(storage?.unserved ?? [])].map(([queue, reason]) => `${queue} is not served: ${reason}`),
    ...(delay.max <= limits.maxLoopDelay
      ? []
      : [`the event loop was ${Math.round(delay.max)} ms late in the last minute (health.maxLoopDelay)`]),
  ].map(redactText);
}

function viewReasons(
  view: ViewState,
  started: number,
  { staleAfter }: Config['health'],
  now: number,
): string[] {
  const isLong = (since: number): boolean => now - since > staleAfter;
  switch (view.state) {
    case 'fresh':
      return [];
    case 'stale':
      return isLong(view.since)
        ? [`the view of xenstore is stale for ${ago(view.since, now)} (health.staleAfter): ${view.reason}`]
        : [];
    case 'connecting':
    case 'synchronising':
      return isLong(started)
        ? [`the view of xenstore was not fresh since the start, ${ago(started, now)} ago (health.staleAfter)`]
        : [];
  }
}
