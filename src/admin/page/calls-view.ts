import { createDetails } from './call-details.ts';
import { type Call, callerOf, callFilter, serverOf, stateOf, tookOf } from './calls.ts';
import { createDiagram, LEGEND } from './diagram.ts';
import { createList, h, type Shown, setAttribute, setClass, setText } from './dom.ts';
import { type Layout, layOut } from './layout.ts';
import type { Live } from './live.ts';
import { cell, chip, empty, field, setChip, table } from './parts.ts';
import type { Tone, View } from './view.ts';
import { clock, plural, shortQueue, span } from './words.ts';

/** Calls as they go: a diagram that draws itself, a list, and one call in full. */

const COLUMNS = {
  time: { name: 'Sent' },
  method: { name: 'Call' },
  state: { name: 'State' },
  took: { name: 'Took', isNumber: true },
} as const;

/** Rows of the list. */
const MOST_ROWS = 60;

export const callsView: View = (section) => {
  const queue = field('Queue', 'filter-queue', 'storage.*');
  const method = field('Method', 'filter-method', 'VDI.*');
  const sr = field('SR', 'filter-sr', 'uuid');
  const hold = h('button', { type: 'button' });
  const filter = h('form', { class: 'filter', role: 'search' }, queue.whole, method.whole, sr.whole, hold);
  const notice = h('p', { class: 'summary' });
  const loss = h('p', { class: 'loss', role: 'status' });
  const nothing = empty();
  const list = table('Calls, the newest first', Object.values(COLUMNS));
  const legend = LEGEND.map(([state, text]) => h('span', { class: `key ${state}` }, text));
  const canvas = h('div', { class: 'canvas' });
  const figure = h('figure', { class: 'box' }, canvas, h('figcaption', {}, ...legend));
  const listBox = h('div', { class: 'box list' }, list.whole);

  let selected: string | undefined;
  let held: readonly Call[] | undefined;
  let drawn = '';
  let drawnUpTo = -1;
  let current: Live | undefined;
  const again = (): void => {
    if (current !== undefined) update(current);
  };
  const select = (key: string | undefined): void => {
    selected = key === selected ? undefined : key;
    again();
    list.body.querySelector('.selected')?.scrollIntoView({ block: 'nearest' });
  };
  const details = createDetails(() => select(undefined));
  const diagram = createDiagram(select);
  const column = h('div', { class: 'column' }, listBox, details.element);
  canvas.append(diagram.element);
  section.append(
    ...[h('h2', {}, 'Calls'), notice, filter, loss, nothing],
    h('div', { class: 'beside' }, figure, column),
  );
  const rows = createList<Call>(
    list.body,
    ({ key }) => key,
    () => callRow({ select, isSelected: ({ key }) => key === selected, now: () => current?.now() ?? 0 }),
  );
  hold.addEventListener('click', () => {
    // A copy: calls that go on would change what is held.
    held = held === undefined ? structuredClone(current?.book.calls) : undefined;
    again();
  });
  filter.addEventListener('submit', (event) => event.preventDefault());
  filter.addEventListener('input', again);
  list.body.addEventListener('keydown', stepThrough);
  section.addEventListener('keydown', (event) => {
    if (event instanceof KeyboardEvent && event.key === 'Escape') select(undefined);
  });
  new ResizeObserver(again).observe(canvas);

  const draw = (calls: readonly Call[], now: number): Layout | undefined => {
    const width = canvas.clientWidth;
    if (width === 0 || calls.length === 0) return undefined;
    const layout = layOut(calls, { width, now, took: span });
    const text = JSON.stringify([layout.arrows, layout.bars, layout.lanes, width, selected]);
    if (text !== drawn) {
      drawn = text;
      diagram.draw(layout, selected, drawnUpTo);
      drawnUpTo = Math.max(drawnUpTo, ...layout.arrows.map(({ n }) => n));
    }
    return layout;
  };

  const update = (live: Live): void => {
    const { book } = live;
    current = live;
    const all = held ?? book.calls;
    const calls = all.filter(
      callFilter({ queue: queue.input.value, method: method.input.value, sr: sr.input.value }),
    );
    setAttribute(hold, 'aria-pressed', `${held !== undefined}`);
    setText(hold, held === undefined ? 'Hold' : 'Go on');
    const isSwitch = live.facts.about?.mode === 'serve';
    setText(nothing, isSwitch ? (all.length === 0 ? NO_CALLS : NONE_WANTED) : ELSEWHERE);
    nothing.hidden = calls.length > 0;
    figure.hidden = calls.length === 0;
    listBox.hidden = calls.length === 0;
    const layout = draw(calls, live.now());
    setText(notice, noticeText(calls.length, layout, held !== undefined));
    setText(
      loss,
      book.lost === 0
        ? ''
        : `${plural(book.lost, 'event')} ${book.lost === 1 ? 'was' : 'were'} lost: ${WHY_LOST}`,
    );
    loss.hidden = book.lost === 0;
    rows(calls.slice(-MOST_ROWS).reverse());
    const chosen = all.find(({ key }) => key === selected);
    setClass(column, chosen === undefined ? 'column' : 'column chosen');
    details.update(chosen, live.now());
    letOneBeReached(list.body);
  };
  return update;
};

const NO_CALLS = 'No message has gone through the switch yet, or none that its trace still has.';
const NONE_WANTED = 'No call that the trace has fits the filter.';
const ELSEWHERE =
  'This daemon is not the switch, and sees no messages but its own: datapathctl tail --follow asks the switch that there is.';
const WHY_LOST =
  'the trace went on before they were read. No message is ever held up for this page (switch.traceEntries, admin.maxEvents).';

function noticeText(calls: number, layout: Layout | undefined, isHeld: boolean): string {
  const drawn = layout?.drawn.length ?? calls;
  const leftOut = layout?.leftOut ?? 0;
  const texts = [
    isHeld ? 'Held: what goes on is noted, and shown when you go on.' : undefined,
    calls === 0
      ? undefined
      : drawn < calls
        ? `${drawn} of ${plural(calls, 'call')} are drawn.`
        : `${plural(calls, 'call')}.`,
    leftOut > 0
      ? `${plural(leftOut, 'newer one')} would want more room beside each other: a filter makes room.`
      : undefined,
  ];
  return texts.filter((text) => text !== undefined).join(' ');
}

const STATES: Readonly<Record<ReturnType<typeof stateOf>, readonly [Tone, string]>> = {
  waiting: ['warn', 'waits'],
  running: ['busy', 'under way'],
  ok: ['good', 'OK'],
  failed: ['bad', 'failed'],
  answered: ['calm', 'answered'],
};

export function setState(element: Element, call: Call): void {
  const [tone, text] = STATES[stateOf(call)];
  setChip(element, tone, text);
}

interface RowOptions {
  readonly select: (key: string) => void;
  readonly isSelected: (call: Call) => boolean;
  readonly now: () => number;
}

function callRow({ select, isSelected, now }: RowOptions): Shown<Call> {
  const time = h('span', { class: 'quiet mono' });
  const method = h('button', { type: 'button', class: 'plain mono' });
  const way = h('span', { class: 'quiet small block' });
  const state = chip();
  const took = h('span');
  const element = h(
    'tr',
    {},
    cell(COLUMNS.time, time),
    cell(COLUMNS.method, method, way),
    cell(COLUMNS.state, state),
    cell(COLUMNS.took, took),
  );
  let key = '';
  element.addEventListener('click', () => select(key));
  return {
    element,
    update: (call) => {
      key = call.key;
      const sent = call.moments.sent;
      setText(time, sent === undefined ? '–' : clock(sent.time));
      setText(method, call.method ?? 'a message');
      setText(way, wayText(call));
      setAttribute(
        way,
        'title',
        serverOf(call) === undefined ? call.queue : `${call.queue}, served by ${serverOf(call)}`,
      );
      setState(state, call);
      const ms = tookOf(call, now());
      setText(took, ms === undefined ? '–' : span(ms));
      setAttribute(method, 'aria-pressed', `${isSelected(call)}`);
      setAttribute(element, 'class', isSelected(call) ? 'selected' : undefined);
    },
  };
}

/** From whom to whom, and what it is about, as short as one can tell them apart. */
const wayText = (call: Call): string =>
  [
    `${callerOf(call) ?? 'somebody'} → ${shortQueue(call.queue)}`,
    call.sr && `SR ${call.sr.slice(0, 8)}`,
    call.vdi && `disk ${call.vdi.slice(0, 8)}`,
  ]
    .filter((part) => part !== undefined)
    .join(', ');

/** By the tabulator one row is reached, the one that was last in use; the others are reached from there. */
function letOneBeReached(body: Element): void {
  const buttons = [...body.querySelectorAll('button')];
  const first =
    buttons.find((button) => button.matches(':focus')) ??
    buttons.find((button) => button.getAttribute('aria-pressed') === 'true') ??
    buttons[0];
  for (const button of buttons) setAttribute(button, 'tabindex', button === first ? '0' : '-1');
}

/** From call to call by the arrow keys. */
function stepThrough(event: KeyboardEvent): void {
  const { target, key } = event;
  if (!(target instanceof Element) || (key !== 'ArrowDown' && key !== 'ArrowUp')) return;
  const row = target.closest('tr');
  const next = key === 'ArrowDown' ? row?.nextElementSibling : row?.previousElementSibling;
  const button = next?.querySelector('button');
  if (button === null || button === undefined) return;
  event.preventDefault();
  button.focus();
}
