import { createList, h, type Shown, setAttribute, setClass, setText } from './dom.ts';
import type { About, Health, LimitFact, ViewFact } from './facts.ts';
import { cell, chip, setChip, table } from './parts.ts';
import type { Tone, View } from './view.ts';
import { age, count, plural, size, span } from './words.ts';

/** How the daemon is: what is wrong, how fresh the view of xenstore is, and which limits are near. */

const COLUMNS = {
  limit: { name: 'Limit' },
  near: { name: 'How near' },
  now: { name: 'Now', isNumber: true },
  most: { name: 'At most', isNumber: true },
  refused: { name: 'Refused', isNumber: true },
} as const;

export const stateView: View = (section) => {
  const well = chip();
  const reasons = h('ul', { class: 'reasons' });
  const fresh = chip();
  const view = h('dl', { class: 'pairs' });
  const viewCard = card('View of xenstore', fresh, view);
  const loop = chip();
  const machine = h('dl', { class: 'pairs' });
  const limits = table('Limits, the nearest first', Object.values(COLUMNS));
  section.append(
    h('h2', {}, 'State'),
    h('div', { class: 'cards' }, card('Health', well, reasons), viewCard, card('Process', loop, machine)),
    h('h3', { class: 'apart' }, 'Limits, and how near they are'),
    h('div', { class: 'box' }, limits.whole),
  );
  const listReasons = createList<string>(reasons, (text) => text, reasonItem);
  const listView = pairs(view);
  const listMachine = pairs(machine);
  const listLimits = createList<LimitFact>(limits.body, ({ setting }) => setting, limitRow);
  return (live) => {
    const { health, limits: facts, about } = live.facts;
    if (health === undefined || facts === undefined || about === undefined) return;
    const now = live.now();
    const isWell = health.reasons.length === 0;
    setChip(well, isWell ? 'good' : 'bad', isWell ? 'all is well' : plural(health.reasons.length, 'trouble'));
    listReasons(isWell ? ['Nothing is wrong that the daemon knows of.'] : [...new Set(health.reasons)]);
    viewCard.hidden = health.view === undefined;
    if (health.view !== undefined) showView(health.view, now, fresh, listView);
    const isLate = health.reasons.some((reason) => reason.includes('event loop'));
    setChip(loop, isLate ? 'bad' : 'good', isLate ? 'late' : 'in time');
    listMachine(machinePairs(health, about, now));
    listLimits([...facts].sort((one, other) => other.now / other.most - one.now / one.most));
  };
};

function card(title: string, state: Element, body: Element): HTMLElement {
  return h('div', { class: 'box card' }, h('div', { class: 'head' }, h('h3', {}, title), state), body);
}

function reasonItem(): Shown<string> {
  const element = h('li');
  return { element, update: (text) => setText(element, text) };
}

type Pair = readonly [term: string, value: string];

function pairs(list: Element): (all: readonly Pair[]) => void {
  return createList<Pair>(
    list,
    ([term]) => term,
    ([term]) => {
      const value = h('dd');
      return { element: h('div', {}, h('dt', {}, term), value), update: ([, text]) => setText(value, text) };
    },
  );
}

const VIEW_TONES: Readonly<Record<ViewFact['state'], Tone>> = {
  fresh: 'good',
  synchronising: 'busy',
  connecting: 'warn',
  stale: 'bad',
};

function showView(fact: ViewFact, now: number, fresh: Element, list: (all: readonly Pair[]) => void): void {
  const { state, since, reason, srs, domains, backends, events, synchronisations, lastTrouble } = fact;
  setChip(fresh, VIEW_TONES[state], since === undefined ? state : `${state} for ${age(now - since)}`);
  list([
    ...(reason === undefined ? [] : [['Why', `${reason}; answers come from what was last known`] as const]),
    ['SRs shown', count(srs)],
    ['Backends', count(backends)],
    ['Domains', domains.join(', ') || 'none'],
    ['Events', count(events)],
    ['Became fresh', synchronisations === 1 ? 'once' : `${count(synchronisations)} times`],
    ...(lastTrouble === undefined ? [] : [['Last trouble', lastTrouble] as const]),
  ]);
}

const machinePairs = ({ late, memory }: Health, { started, pid }: About, now: number): Pair[] => [
  ['Up for', age(now - started)],
  ['Process', `${pid}`],
  ['Memory', `${size(memory.resident)}, heap ${size(memory.heap)}`],
  ['Event loop late', `${span(late.median)} mostly, ${span(late.max)} at worst`],
];

/** From this part on a limit is near. */
const NEAR = 0.8;

function limitRow(): Shown<LimitFact> {
  const setting = h('code');
  const of = h('span', { class: 'quiet small block' });
  const bar = h('progress', { max: '1' });
  const now = h('span');
  const most = h('span');
  const refused = h('span');
  const element = h(
    'tr',
    {},
    cell(COLUMNS.limit, setting, of),
    cell(COLUMNS.near, bar),
    cell(COLUMNS.now, now),
    cell(COLUMNS.most, most),
    cell(COLUMNS.refused, refused),
  );
  return {
    element,
    update: (limit) => {
      const part = Math.min(1, limit.now / limit.most);
      setText(setting, limit.setting);
      setText(of, limit.of ?? '');
      bar.value = part;
      const percent = `${Math.round(part * 100)} %`;
      setAttribute(bar, 'aria-label', `${limit.setting}: ${percent}`);
      setAttribute(bar, 'title', percent);
      setClass(bar, part >= 1 ? 'bad' : part >= NEAR ? 'warn' : 'good');
      setText(now, amount(limit.now, limit.unit));
      setText(most, amount(limit.most, limit.unit));
      setText(refused, limit.refused === 0 ? '–' : count(limit.refused));
      setClass(refused, limit.refused === 0 ? 'quiet' : 'bad');
    },
  };
}

function amount(number: number, unit: LimitFact['unit']): string {
  switch (unit) {
    case 'count':
      return count(number);
    case 'bytes':
      return size(number);
    case 'ms':
      return span(number);
  }
}
