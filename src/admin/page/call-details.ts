import { type Call, type Moment, STEPS, type Step, stateOf, tookOf } from './calls.ts';
import { h, setText } from './dom.ts';
import { pretty } from './payload.ts';
import { clock, span } from './words.ts';

/** One call in full: its steps in time, and what was asked and answered. */

export interface Details {
  readonly element: HTMLElement;
  update(call: Call | undefined, now: number): void;
}

export function createDetails(close: () => void): Details {
  const title = h('h3', { class: 'mono' });
  const key = h('p', { class: 'quiet small' });
  const steps = h('ol', { class: 'steps' });
  const waits = h('p', { class: 'quiet small' });
  const request = payloadBox('Request');
  const answer = payloadBox('Answer');
  const button = h('button', { type: 'button' }, 'Close');
  button.addEventListener('click', close);
  const head = h('div', { class: 'head' }, title, button);
  const element = h('div', {
    class: 'box details',
    role: 'region',
    'aria-label': 'The call that is selected',
  });
  element.append(head, key, steps, waits, request.element, answer.element);
  let shown = '';
  return {
    element,
    update: (call, now) => {
      element.hidden = call === undefined;
      if (call === undefined) return;
      setText(title, call.method ?? 'a message');
      setText(key, keyText(call));
      setText(waits, waitsText(call, now));
      request.update(call.request);
      answer.update(call.answer);
      const moments = momentsOf(call);
      const text = JSON.stringify(moments);
      if (text === shown) return;
      shown = text;
      steps.replaceChildren(
        ...moments.map(([step, moment], index) => stepItem(step, moment, moments[index - 1]?.[1])),
      );
    },
  };
}

const momentsOf = ({ moments }: Call): (readonly [Step, Moment])[] =>
  STEPS.flatMap((step) => {
    const moment = moments[step];
    return moment === undefined ? [] : [[step, moment] as const];
  }).sort(([, one], [, other]) => one.n - other.n);

const keyText = ({ key, sr, vdi, domain }: Call): string =>
  [key, sr && `SR ${sr}`, vdi && `disk ${vdi}`, domain && `domain ${domain}`]
    .filter((part) => part !== undefined)
    .join(' · ');

function stepItem(step: Step, { time, by = 'somebody' }: Moment, before: Moment | undefined): Element {
  const since = before === undefined ? '' : `+${span(time - before.time)}`;
  return h(
    'li',
    {},
    h('span', { class: 'quiet mono' }, clock(time)),
    h('span', { class: 'quiet mono number' }, since),
    h('span', {}, `${WORDS[step]} by `, h('b', {}, by)),
  );
}

const WORDS: Readonly<Record<Step, string>> = {
  sent: 'sent',
  fetched: 'fetched',
  acked: 'acknowledged',
  answered: 'answered',
  'answer fetched': 'answer fetched',
  'answer acked': 'answer acknowledged',
};

function waitsText(call: Call, now: number): string {
  const { sent, fetched, answered } = call.moments;
  const took = tookOf(call, now);
  const wait = (from: Moment | undefined, to: Moment | undefined, what: string): string | undefined =>
    from === undefined || to === undefined ? undefined : `${span(to.time - from.time)} ${what}`;
  const isOver = stateOf(call) !== 'waiting' && stateOf(call) !== 'running';
  return [
    wait(sent, fetched, 'in the queue'),
    wait(fetched, answered, 'until the answer'),
    took === undefined
      ? 'its beginning is no longer in the trace'
      : `${span(took)} ${isOver ? 'in all' : 'so far'}`,
  ]
    .filter((part) => part !== undefined)
    .join(', ');
}

function payloadBox(name: string): { element: HTMLElement; update(payload: string | undefined): void } {
  const text = h('pre', { tabindex: '0', 'aria-label': name });
  const element = h('div', {}, h('h4', {}, name), text);
  let shown: string | undefined;
  return {
    element,
    update: (payload) => {
      element.hidden = payload === undefined;
      if (payload === undefined || payload === shown) return;
      shown = payload;
      setText(text, pretty(payload));
    },
  };
}
