import { callsView } from './calls-view.ts';
import { byId, setAttribute, setText } from './dom.ts';
import { follow, type Live } from './live.ts';
import { setChip } from './parts.ts';
import { pluginsView } from './plugins.ts';
import { queuesView } from './queues.ts';
import { stateView } from './state.ts';
import { storageView } from './storage.ts';
import type { View } from './view.ts';
import { age, plural } from './words.ts';

/** The views by the names of their sections. */
const VIEWS: Readonly<Record<string, View>> = {
  queues: queuesView,
  calls: callsView,
  storage: storageView,
  plugins: pluginsView,
  state: stateView,
};

/** Its id is not the name in the links: a browser would take the focus from the link that leads to it. */
const sectionOf = (view: string): HTMLElement => byId(`view-${view}`);

const [FIRST = ''] = Object.keys(VIEWS);
const links = [...byId('views').querySelectorAll('a')];
const nameOf = (link: HTMLAnchorElement): string => link.hash.slice(1);
const updates = new Map<string, (live: Live) => void>();

const live = follow(() => requestDraw());
let isDue = false;

function requestDraw(): void {
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(() => {
    isDue = false;
    draw();
  });
}

function draw(): void {
  const name = current();
  const update = updates.get(name) ?? VIEWS[name]?.(sectionOf(name));
  if (update === undefined) return;
  updates.set(name, update);
  update(live);
  drawTop();
}

const current = (): string => {
  const name = location.hash.slice(1);
  return Object.hasOwn(VIEWS, name) ? name : FIRST;
};

function drawTop(): void {
  const { about, health } = live.facts;
  const { connection } = live;
  const chip = byId('live');
  switch (connection.type) {
    case 'connecting':
      setChip(chip, 'calm', 'connecting');
      break;
    case 'live':
      setChip(chip, 'good', 'live');
      break;
    case 'away':
      setChip(chip, 'bad', `no word for ${age(Date.now() - connection.since)}`);
      break;
    case 'refused':
      setChip(chip, 'warn', connection.reason);
  }
  setAttribute(document.body, 'data-connection', connection.type);
  if (about === undefined || health === undefined) return;
  const troubles = health.reasons.length;
  setChip(
    byId('well'),
    troubles === 0 ? 'good' : 'bad',
    troubles === 0 ? 'all is well' : plural(troubles, 'trouble'),
  );
  setText(byId('host'), `on ${about.host}`);
  const up = age(live.now() - about.started);
  setText(
    byId('about'),
    `datapathd ${about.version}, pid ${about.pid}, up for ${up}. This page only looks: it changes nothing.`,
  );
}

function show(): void {
  const name = current();
  for (const each of Object.keys(VIEWS)) sectionOf(each).hidden = each !== name;
  for (const link of links) setAttribute(link, 'aria-current', nameOf(link) === name ? 'page' : undefined);
  document.title = `${links.find((link) => nameOf(link) === name)?.textContent ?? ''} – datapathd`;
  draw();
}

/** Between the views by the arrow keys, too. */
function step(event: KeyboardEvent): void {
  const steps: Readonly<Record<string, number>> = { ArrowLeft: -1, ArrowRight: 1 };
  const by = steps[event.key];
  const at = links.findIndex((link) => link.matches(':focus'));
  if (by === undefined || at < 0) return;
  event.preventDefault();
  const next = links.at((at + by) % links.length);
  next?.focus();
  next?.click();
}

/** A link to the content would be taken for the name of a view. */
byId('skip').addEventListener('click', (event) => {
  event.preventDefault();
  byId('main').focus();
});
byId('views').addEventListener('keydown', step);
window.addEventListener('hashchange', show);
setInterval(requestDraw, 1000);
show();
