import { setTimeout as pause } from 'node:timers/promises';
import { readEvents, type SwitchState, type TraceEvent } from '../answers.ts';
import { askState, OLDEST } from '../ask-state.ts';
import { asCount, asSeconds, defineCommand } from '../command.ts';
import type { SwitchConnection } from '../connection.ts';
import { request, withConnection } from '../context.ts';
import { listenerJson, listenerOf } from '../listener.ts';
import { harmless, plural, span, table } from '../text.ts';
import { type Rates, type TopRow, topRows } from '../top-rows.ts';

export const topCommand = defineCommand({
  name: 'top',
  summary:
    'show the queues with what waits in them, for how long, how fast it comes and goes, and who listens',
  details: [
    'On a terminal the table is drawn anew until Ctrl-C; elsewhere one is printed as plain text, or as many as --count says. When so much waits in the switch that it takes long to tell, the tables come less often than --interval says. Queues with the most messages come first. Reply queues are shown when something is in them or passes through.',
    'IN/s are messages that were sent, ACKED/s those that were acknowledged, between this table and the one before. They are counted in the trace of the switch: when that has lost events, which is told above the table, there were more.',
  ],
  examples: ['datapathctl top', 'datapathctl top --count 3 --interval 0.5 --json'],
  arguments: {},
  options: {
    interval: { doc: 'time between two tables', value: 'seconds', read: asSeconds, default: 1 },
    count: { doc: 'end after so many tables', value: 'number', read: asCount },
  },
  run: ({ interval, count }, context) =>
    withConnection(context, undefined, async (connection) => {
      const live = process.stdout.isTTY && !context.json;
      const tables = count ?? (live ? Number.POSITIVE_INFINITY : 1);
      let events = await request(connection, 'GET', '/trace/-1/0').then(readEvents);
      let from = (events.at(-1)?.number ?? -1) + 1;
      let last = performance.now();
      let took = 0;
      for (let shown = 0; shown < tables; shown += 1) {
        await pause(Math.max(interval * 1000, REST * took));
        const asked = performance.now();
        const state = await askState(connection, OLDEST);
        events = await eventsFrom(connection, from);
        const now = performance.now();
        took = now - asked;
        const picture = pictureOf(state, events, from, (now - last) / 1000);
        from += picture.events;
        last = now;
        if (context.json) await context.printJson(asJson(picture));
        else if (live) await context.print(`${CLEAR}${render(picture, process.stdout.rows - 4)}`);
        else await context.print(`${shown === 0 ? '' : '\n'}${render(picture, Number.POSITIVE_INFINITY)}`);
      }
    }),
});

/**
 * A switch that is not ours tells all messages that wait with their payloads. Where there are so many that this takes long,
 * it is asked less often, so that it spends a small part of its time on it.
 */
const REST = 20;

/** The cursor goes home, and the screen is cleared from there. */
const CLEAR = '\x1b[H\x1b[J';

async function eventsFrom(connection: SwitchConnection, from: number): Promise<TraceEvent[]> {
  const events = readEvents(await request(connection, 'GET', `/trace/${from}/0`));
  return events.filter(({ number }) => number >= from);
}

interface Picture {
  readonly uptime: number;
  /** How many there were since the last one, lost ones too. */
  readonly events: number;
  readonly lost: number;
  readonly seconds: number;
  readonly waiting: number;
  readonly rows: readonly TopRow[];
}

function pictureOf(
  { uptime, queues }: SwitchState,
  events: readonly TraceEvent[],
  from: number,
  seconds: number,
): Picture {
  return {
    uptime,
    events: (events.at(-1)?.number ?? from - 1) + 1 - from,
    lost: (events[0]?.number ?? from) - from,
    seconds,
    waiting: queues.reduce((sum, { total }) => sum + total.messages, 0),
    rows: topRows(queues, events, seconds),
  };
}

const perSecond = (rate: number): string => rate.toFixed(rate < 100 ? 1 : 0);

const asJson = ({ uptime, events, lost, seconds, waiting, rows }: Picture): object => ({
  uptimeSeconds: uptime / 1e9,
  seconds,
  events,
  lost,
  waiting,
  queues: rows.map(({ queue, oldest, rates }) => ({
    name: queue.name,
    transient: queue.transient,
    depth: queue.total.messages,
    oldestSeconds: oldest === undefined ? undefined : oldest / 1e9,
    inPerSecond: rates.sent,
    ackedPerSecond: rates.acked,
    ...listenerJson(queue),
  })),
});

function render({ uptime, events, lost, seconds, waiting, rows }: Picture, most: number): string {
  const shown = rows.slice(0, Math.max(1, most));
  const title = [
    `up ${span(uptime / 1e6)}`,
    `${plural(waiting, 'message')} waiting`,
    `${perSecond(events / seconds)} events/s`,
    ...(lost === 0 ? [] : [`${plural(lost, 'event')} lost to us: IN/s and ACKED/s are too low`]),
  ];
  const body = table(
    [['QUEUE', 'DEPTH', 'OLDEST', 'IN/s', 'ACKED/s', 'LISTENER'], ...shown.map(cells)],
    [1, 2, 3, 4],
  );
  const rest = rows.length - shown.length;
  return `${title.join(', ')}\n${body}${rest === 0 ? '' : `and ${plural(rest, 'queue')} more\n`}`;
}

function cells({ queue, oldest, rates }: TopRow): string[] {
  const listener = listenerOf(queue);
  const { sent, acked }: Rates = rates;
  return [
    harmless(queue.name),
    `${queue.total.messages}`,
    oldest === undefined ? '-' : span(oldest / 1e6),
    perSecond(sent),
    perSecond(acked),
    listener.type === 'gone' ? `gone ${span(listener.since / 1e6)}` : listener.type,
  ];
}
