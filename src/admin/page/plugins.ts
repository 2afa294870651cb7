import { createList, h, type Shown, setAttribute, setText } from './dom.ts';
import type { PluginFact } from './facts.ts';
import { cell, chip, empty, setChip, table } from './parts.ts';
import type { Tone, View } from './view.ts';
import { age, count, plural } from './words.ts';

/** The plugins, and what became of each. */

const COLUMNS = {
  plugin: { name: 'Plugin' },
  state: { name: 'State' },
  scripts: { name: 'Scripts now', isNumber: true },
  calls: { name: 'Calls', isNumber: true },
  since: { name: 'In use for', isNumber: true },
} as const;

export const pluginsView: View = (section) => {
  const summary = h('p', { class: 'summary' });
  const nothing = empty();
  const list = table('Plugins', Object.values(COLUMNS));
  const box = h('div', { class: 'box' }, list.whole);
  section.append(h('h2', {}, 'Plugins'), summary, nothing, box);
  const now = { time: 0 };
  const rows = createList<PluginFact>(
    list.body,
    ({ kind, name }) => `${kind} ${name}`,
    () => pluginRow(() => now.time),
  );
  return (live) => {
    const { plugins, about } = live.facts;
    if (plugins === undefined || about === undefined) return;
    now.time = live.now();
    const used = plugins.rows.filter(({ state }) => state === 'registered' || state === 'kept').length;
    const hidden = plugins.all - plugins.rows.length;
    setText(
      summary,
      `${used} of ${plural(plugins.all, 'plugin')} in use.${hidden > 0 ? ` ${hidden} not shown (admin.maxRows).` : ''}`,
    );
    nothing.hidden = plugins.all > 0;
    box.hidden = plugins.all === 0;
    setText(
      nothing,
      about.storage
        ? 'There are no plugins: plugins.root says where they are looked for.'
        : 'This daemon serves no storage (storage.enabled).',
    );
    rows(plugins.rows);
  };
};

const STATES: Readonly<Record<PluginFact['state'], readonly [Tone, string]>> = {
  registered: ['good', 'in use'],
  kept: ['warn', 'an earlier one is in use'],
  refused: ['bad', 'refused'],
  pending: ['busy', 'is being asked'],
};

function pluginRow(now: () => number): Shown<PluginFact> {
  const name = h('code');
  const kind = h('span', { class: 'quiet small block' });
  const state = chip();
  const reason = h('span', { class: 'reason' });
  const scripts = h('span');
  const calls = h('span');
  const wrong = h('span', { class: 'small block bad' });
  const since = h('span');
  const facts = h('dl', { class: 'pairs' });
  const more = h('details', {}, h('summary', {}, 'What it is and can do'), facts);
  const element = h(
    'tr',
    {},
    cell(COLUMNS.plugin, name, kind, more),
    cell(COLUMNS.state, state, reason),
    cell(COLUMNS.scripts, scripts),
    cell(COLUMNS.calls, calls, wrong),
    cell(COLUMNS.since, since),
  );
  let told = '';
  return {
    element,
    update: (plugin) => {
      setText(name, plugin.name);
      setText(
        kind,
        [`${plugin.kind} plugin`, plugin.version && `version ${plugin.version}`].filter(Boolean).join(', '),
      );
      const [tone, text] = STATES[plugin.state];
      setChip(state, tone, text);
      setText(reason, [plugin.reason, ...plugin.warnings].filter((part) => part !== undefined).join('; '));
      setText(
        scripts,
        plugin.waiting === 0 ? `${plugin.running}` : `${plugin.running}, ${plugin.waiting} wait`,
      );
      const { all, failed, timedOut } = plugin.calls;
      setText(calls, count(all));
      setText(wrong, wrongText(failed, timedOut));
      setText(since, plugin.since === undefined ? '–' : age(now() - Date.parse(plugin.since)));
      const pairs = pairsOf(plugin);
      const shown = JSON.stringify(pairs);
      if (shown === told) return;
      told = shown;
      facts.replaceChildren(...pairs.flatMap(([term, value]) => [h('dt', {}, term), h('dd', {}, value)]));
      setAttribute(more, 'aria-label', plugin.name);
    },
  };
}

const wrongText = (failed: number, timedOut: number): string =>
  [failed > 0 ? `${count(failed)} failed` : '', timedOut > 0 ? `${count(timedOut)} timed out` : '']
    .filter((part) => part !== '')
    .join(', ');

const pairsOf = ({ description, directory, features, methods }: PluginFact): (readonly [string, string])[] =>
  [
    ['It says', description ?? ''] as const,
    ['Features', features.join(', ')] as const,
    ['Scripts', methods.join(', ')] as const,
    ['Directory', directory] as const,
  ].filter(([, value]) => value !== '');
