import { createList, h, type Shown, s, setAttribute, setText } from './dom.ts';
import type { JoinedFact, QueueFact } from './facts.ts';
import { cell, chip, empty, setChip, table } from './parts.ts';
import type { Tone, View } from './view.ts';
import { age, count, plural, shortQueue, size } from './words.ts';

/** The queues, who listens on them, and what waits. */

const COLUMNS = {
  queue: { name: 'Queue' },
  listeners: { name: 'Who listens' },
  waiting: { name: 'Waiting', isNumber: true },
  oldest: { name: 'Oldest', isNumber: true },
  flow: { name: 'Messages', isNumber: true },
} as const;

export const queuesView: View = (section) => {
  const summary = h('p', { class: 'summary' });
  const nothing = empty();
  const services = table('Services', Object.values(COLUMNS));
  const replies = table('Reply queues', Object.values(COLUMNS));
  const repliesTitle = h('summary');
  const others = h('details', { class: 'box' }, repliesTitle, replies.whole);
  const joined = h('ul', { class: 'facts' });
  section.append(
    h('h2', {}, 'Queues'),
    summary,
    joined,
    h('div', { class: 'box' }, services.whole),
    nothing,
    others,
  );
  const now = { time: 0 };
  const create = (): Shown<QueueFact> => queueRow(() => now.time);
  const listServices = createList<QueueFact>(services.body, ({ name }) => name, create);
  const listReplies = createList<QueueFact>(replies.body, ({ name }) => name, create);
  const listJoined = createList<JoinedFact>(
    joined,
    ({ queue }) => queue,
    joinedRow(() => now.time),
  );
  return (live) => {
    now.time = live.now();
    const { queues, about } = live.facts;
    if (queues === undefined || about === undefined) return;
    const { rows, all, sessions, messages, bytes } = queues;
    const persistent = rows.filter((row) => row.persistent);
    const transient = rows.filter((row) => !row.persistent);
    setText(summary, summaryText(about.mode, { sessions, messages, bytes, more: all - rows.length }));
    services.whole.hidden = persistent.length === 0;
    nothing.hidden = persistent.length > 0 || about.mode !== 'serve';
    setText(nothing, 'No service has a queue yet.');
    others.hidden = transient.length === 0;
    setText(repliesTitle, plural(transient.length, 'reply queue'));
    listServices(persistent);
    listReplies(transient);
    listJoined(queues.joined);
  };
};

function summaryText(
  mode: 'serve' | 'join' | 'off',
  { sessions, messages, bytes, more }: { sessions: number; messages: number; bytes: number; more: number },
): string {
  if (mode === 'join')
    return 'The switch is another process: here are the queues that this daemon serves on it.';
  if (mode === 'off') return 'This daemon is no switch (switch.mode is off).';
  const rest = more > 0 ? ` ${plural(more, 'further queue')} not shown (admin.maxRows).` : '';
  return `${plural(messages, 'message')} held, ${size(bytes)}, for ${plural(sessions, 'session')}.${rest}`;
}

const joinedRow = (now: () => number) => (): Shown<JoinedFact> => {
  const state = chip();
  const text = h('span');
  return {
    element: h('li', {}, state, text),
    update: ({ queue, path, since, away }) => {
      setChip(state, away === undefined ? 'good' : 'bad', away === undefined ? 'served' : 'away');
      setText(
        text,
        ` ${queue} on ${path}, for ${age(now() - since)}${away === undefined ? '' : `: ${away}`}`,
      );
    },
  };
};

function queueRow(now: () => number): Shown<QueueFact> {
  const name = h('code');
  const listeners = chip();
  const sessions = h('span', { class: 'quiet names' });
  const waiting = h('span');
  const oldest = h('span');
  const flow = h('span', { class: 'quiet' });
  const chart = createChart();
  const element = h(
    'tr',
    {},
    cell(COLUMNS.queue, name),
    cell(COLUMNS.listeners, listeners, sessions),
    cell(COLUMNS.waiting, waiting),
    cell(COLUMNS.oldest, oldest),
    cell(COLUMNS.flow, chart.element, flow),
  );
  return {
    element,
    update: (queue) => {
      setText(name, shortQueue(queue.name));
      setAttribute(name, 'title', queue.name);
      const { tone, text } = audience(queue, now());
      setChip(listeners, tone, text);
      setText(
        sessions,
        queue.listeners.slice(0, MOST_NAMED).join(', ') + more(queue.listeners.length - MOST_NAMED),
      );
      setText(waiting, queue.messages === 0 ? '–' : `${count(queue.messages)} (${size(queue.bytes)})`);
      setText(oldest, queue.oldest === undefined ? '–' : age(now() - queue.oldest));
      setText(flow, queue.came === undefined ? '' : count(queue.came));
      chart.note(queue.came, now());
    },
  };
}

const MOST_NAMED = 4;
const more = (number: number): string => (number > 0 ? ` and ${number} more` : '');

function audience(
  { persistent, listeners, left, messages }: QueueFact,
  now: number,
): { tone: Tone; text: string } {
  if (listeners.length > 0) return { tone: 'good', text: 'listening' };
  if (left !== undefined) return { tone: messages > 0 ? 'bad' : 'warn', text: `gone for ${age(now - left)}` };
  if (!persistent) return { tone: 'calm', text: 'not yet' };
  return { tone: messages > 0 ? 'bad' : 'calm', text: 'nobody ever' };
}

/** Seconds that the small chart of a row shows, each as a bar. */
const CHART_SECONDS = 40;
const CHART_HEIGHT = 18;

/** How many messages came in each of the last seconds. */
function createChart(): { element: Element; note(came: number | undefined, now: number): void } {
  const path = s('path');
  const element = s(
    'svg',
    { class: 'chart', viewBox: `0 0 ${CHART_SECONDS * 2} ${CHART_HEIGHT}`, 'aria-hidden': 'true' },
    path,
  );
  let before: number | undefined;
  const bars = new Map<number, number>();
  return {
    element,
    note: (came, now) => {
      element.classList.toggle('none', came === undefined);
      if (came === undefined) return;
      const second = Math.floor(now / 1000);
      bars.set(second, (bars.get(second) ?? 0) + Math.max(0, came - (before ?? came)));
      before = came;
      for (const old of bars.keys()) if (old <= second - CHART_SECONDS) bars.delete(old);
      const highest = Math.max(1, ...bars.values());
      const lines = [...bars].flatMap(([at, value]) => {
        const x = (CHART_SECONDS - 1 - (second - at)) * 2 + 1;
        const height = (value / highest) * (CHART_HEIGHT - 1);
        return value === 0 ? [] : [`M${x} ${CHART_HEIGHT}V${Math.round((CHART_HEIGHT - height) * 10) / 10}`];
      });
      setAttribute(path, 'd', lines.join('') || 'M0 0');
    },
  };
}
