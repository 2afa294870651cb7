import type { CallState } from './calls.ts';
import { s } from './dom.ts';
import { type Arrow, type Bar, HEAD, type Lane, type Layout } from './layout.ts';
import { beginOf, endOf, shortQueue } from './words.ts';

/** Draws a layout as SVG. */

export interface Diagram {
  readonly element: SVGSVGElement;
  /** `selected`: the call that stands out. What happened after the event `before` draws itself. */
  draw(layout: Layout, selected: string | undefined, before: number): void;
}

/** How wide a letter is about, of names and labels. */
const LETTER = 6.95;
const HEAD_LETTER = 6.65;
const SMALL_LETTER = 5.95;
const BAR = 7;

export function createDiagram(select: (call: string) => void): Diagram {
  const element = s('svg', { class: 'diagram', role: 'img' });
  element.addEventListener('click', ({ target }) => {
    const call =
      target instanceof Element ? target.closest('[data-call]')?.getAttribute('data-call') : undefined;
    if (call !== undefined && call !== null) select(call);
  });
  return {
    element,
    draw: (layout, selected, before) => {
      const { width, height, lanes, arrows, bars, drawn } = layout;
      element.setAttribute('viewBox', `0 0 ${width} ${height}`);
      element.setAttribute('width', `${width}`);
      element.setAttribute('height', `${height}`);
      const names = lanes.map(({ name }) => shortQueue(name)).join(', ');
      element.setAttribute('aria-label', `Sequence diagram of ${drawn.length} calls between ${names}`);
      const of = (call: string): string => (call === selected ? ' selected' : '');
      element.replaceChildren(
        ...lanes.map((lane) => laneLine(lane, height)),
        ...bars.map((bar) => barShape(bar, of(bar.call))),
        ...arrows.map((arrow) => arrowShape(arrow, layout, of(arrow.call), before)),
        ...lanes.map((lane) => laneHead(lane, layout)),
      );
    },
  };
}

const laneLine = ({ x, kind }: Lane, height: number): Element =>
  s('line', { class: `lane ${kind}`, x1: x, x2: x, y1: HEAD - 8, y2: height });

function laneHead(lane: Lane, { laneWidth }: Layout): Element {
  const { x, kind, by } = lane;
  const width = laneWidth - 6;
  const room = width - 8;
  const [name, below] = headTexts(lane);
  return s(
    'g',
    { class: `head ${kind}` },
    s('title', {}, by === undefined ? lane.name : `${lane.name}, served by ${by}`),
    s('rect', { x: x - width / 2, y: 6, width, height: 38, rx: 8 }),
    s(
      'text',
      { class: 'name', x, y: below === '' ? 29.5 : 22.5 },
      endOf(name, Math.floor(room / HEAD_LETTER)),
    ),
    s('text', { class: 'by', x, y: 36.5 }, endOf(below, Math.floor(room / SMALL_LETTER))),
  );
}

/** A session mostly is a program's name and the number of its process. */
function headTexts({ kind, name, by = '' }: Lane): readonly [name: string, below: string] {
  if (kind === 'queue') return [shortQueue(name), by];
  const [, program = name, pid = ''] = /^(.+):([0-9]+)$/.exec(name) ?? [];
  return [program, pid];
}

function barShape({ call, kind, state, x, from, to, isOpen }: Bar, selected: string): Element {
  const width = kind === 'works' ? BAR : BAR - 2;
  const classes = `bar ${kind.replace(' ', '-')} ${state}${isOpen ? ' open' : ''}${selected}`;
  const height = Math.max(3, to - from);
  return s('rect', { class: classes, 'data-call': call, x: x - width / 2, y: from, width, height, rx: 2.5 });
}

function arrowShape(arrow: Arrow, { width }: Layout, selected: string, before: number): Element {
  const { call, kind, state, from, to, y, label, n } = arrow;
  const fresh = n > before ? ' fresh' : '';
  const direction = to < from ? -1 : 1;
  const tip = to - direction * (BAR / 2 + 1);
  const start = from + direction * (BAR / 2);
  const isLoop = Math.abs(tip - start) < 12;
  const line = isLoop ? `M${start} ${y}h${direction * 14}` : `M${start} ${y}H${tip}`;
  return s(
    'g',
    { class: `arrow ${kind} ${state}${fresh}${selected}`, 'data-call': call },
    s('path', { class: 'hit', d: line }),
    s('path', { class: 'line', d: line, pathLength: kind === 'request' ? 1 : undefined }),
    s('path', { class: 'tip', d: `M${tip} ${y}l${-direction * 8} -4.2v8.4z` }),
    labelShape(label, { from: Math.min(start, tip), to: Math.max(start, tip), y, width }),
  );
}

/** In the midst of its arrow, or beginning with it where it is longer: nothing else stands in its row. */
function labelShape(
  label: string,
  {
    from,
    to,
    y,
    width,
  }: { readonly from: number; readonly to: number; readonly y: number; readonly width: number },
): Element {
  const text = beginOf(label, Math.floor(width / LETTER) - 2);
  const length = text.length * LETTER;
  const middle = Math.min(Math.max((from + to) / 2, length / 2 + 4), width - length / 2 - 4);
  return s('text', { class: 'label', x: Math.round(middle), y: y - 5.5 }, text);
}

/** The colours' meaning, for the legend. */
export const LEGEND: readonly (readonly [CallState, string])[] = [
  ['waiting', 'waits in its queue'],
  ['running', 'is worked on'],
  ['ok', 'answered'],
  ['failed', 'failed'],
];
