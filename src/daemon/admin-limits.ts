import type { LimitFact } from '../admin/page/facts.ts';
import type { Config } from '../config.ts';
import type { Shown } from './admin-shown.ts';

type Unit = LimitFact['unit'];

/** The limits that something grows towards, and how near that is. */
export function limitFacts(shown: Shown): LimitFact[] {
  const { config, running, queues, delay, followers } = shown;
  const refused = (setting: string): number => queues.refusals.get(setting) ?? 0;
  const limit = (
    setting: string,
    now: number,
    most: number,
    unit: Unit = 'count',
    of?: string,
  ): LimitFact => ({
    ...{ setting, of, now, most, unit, refused: refused(setting) },
  });
  const connections = running.sockets.reduce((sum, { counters }) => sum + counters.open, 0);
  const turnedAway = running.sockets.reduce((sum, { counters }) => sum + counters.refused, 0);
  return [
    { ...limit('sockets.maxConnections', connections, config.sockets.maxConnections), refused: turnedAway },
    ...switchLimits(shown, limit),
    ...storageLimits(shown, limit),
    limit('health.maxLoopDelay', Math.round(delay.max), config.health.maxLoopDelay, 'ms'),
    limit('admin.maxFollowers', followers, config.admin.maxFollowers),
  ];
}

type MakeLimit = (setting: string, now: number, most: number, unit?: Unit, of?: string) => LimitFact;

function switchLimits({ running, config: { switch: limits } }: Shown, limit: MakeLimit): LimitFact[] {
  if (running.switch === undefined) return [];
  const { sessions, queues } = running.switch.measures();
  const [longest] = queues.toSorted((one, other) => other.messages - one.messages);
  const [largest] = queues.toSorted((one, other) => other.bytes - one.bytes);
  const letters = queues.find(({ name }) => limits.deadLetter !== '' && name === limits.deadLetter);
  const full = (of: { readonly messages: number; readonly name: string } | undefined): string | undefined =>
    of !== undefined && of.messages > 0 ? of.name : undefined;
  return [
    limit('switch.maxSessions', sessions, limits.maxSessions),
    limit('switch.maxQueues', queues.length, limits.maxQueues),
    limit('switch.maxQueueMessages', longest?.messages ?? 0, limits.maxQueueMessages, 'count', full(longest)),
    limit('switch.maxQueueBytes', largest?.bytes ?? 0, limits.maxQueueBytes, 'bytes', full(largest)),
    ...(letters === undefined
      ? []
      : [limit('switch.maxDeadLetters', letters.messages, limits.maxDeadLetters, 'count', letters.name)]),
  ];
}

function storageLimits({ running, config }: Shown, limit: MakeLimit): LimitFact[] {
  const { storage, view } = running;
  if (storage === undefined || view === undefined) return [];
  const { maxRunning, maxRunningPerPlugin }: Config['plugins'] = config.plugins;
  const scripts = storage.plugins.reduce((sum, { running: own }) => sum + own, 0);
  const [busiest] = [...storage.plugins].sort((one, other) => other.running - one.running);
  const backends = view.backends.reduce((sum, { count }) => sum + count, 0);
  const name = busiest !== undefined && busiest.running > 0 ? busiest.name : undefined;
  return [
    limit('plugins.maxRunning', scripts, maxRunning),
    limit('plugins.maxRunningPerPlugin', busiest?.running ?? 0, maxRunningPerPlugin, 'count', name),
    limit('xenstore.maxBackends', backends, config.xenstore.maxBackends),
  ];
}
