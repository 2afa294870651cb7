import { createList, h, type Shown, setAttribute, setText } from './dom.ts';
import type { DatapathFact, HolderFact, SrFact } from './facts.ts';
import { cell, chip, empty, field, setChip, table } from './parts.ts';
import type { Tone, View } from './view.ts';
import { plural, shortQueue } from './words.ts';

/** The SRs, their disks on the way to domains, and why each goes its way. */

const COLUMNS = {
  disk: { name: 'Disk' },
  domain: { name: 'Domain' },
  state: { name: 'State' },
  way: { name: 'Carried by' },
  holders: { name: 'Held by' },
} as const;

/** An SR with its disks; no SR: disks by URIs that stand for themselves. */
interface Group {
  readonly sr: SrFact | undefined;
  readonly name: string;
  readonly datapaths: readonly DatapathFact[];
}

export const storageView: View = (section) => {
  const search = field('Look for', 'filter-storage', 'SR, disk or domain');
  const form = h('form', { class: 'filter', role: 'search' }, search.whole);
  const summary = h('p', { class: 'summary' });
  const trouble = h('p', { class: 'loss', role: 'status' });
  const nothing = empty();
  const groups = h('div', { class: 'groups' });
  section.append(h('h2', {}, 'Storage'), summary, form, trouble, nothing, groups);
  const list = createList<Group>(groups, ({ name }) => name, createGroup);
  let again = (): void => {};
  form.addEventListener('submit', (event) => event.preventDefault());
  form.addEventListener('input', () => again());
  return (live) => {
    const { storage, about } = live.facts;
    if (storage === undefined || about === undefined) return;
    again = () => {
      const shown = groupsOf(
        storage.srs.rows,
        storage.datapaths.rows,
        search.input.value.trim().toLowerCase(),
      );
      list(shown);
      nothing.hidden = shown.length > 0;
      setText(nothing, emptyText(about.storage, storage.srs.all));
    };
    again();
    const { srs, datapaths } = storage;
    const hidden = srs.all - srs.rows.length + datapaths.all - datapaths.rows.length;
    const rest = hidden > 0 ? ` ${plural(hidden, 'further row')} not shown (admin.maxRows).` : '';
    setText(
      summary,
      `${plural(srs.all, 'SR')}, ${plural(datapaths.all, 'disk')} on the way to a domain.${rest}`,
    );
    trouble.hidden = storage.trouble === undefined;
    setText(trouble, `Nothing can be attached at present: ${storage.trouble ?? ''}`);
  };
};

function emptyText(isServed: boolean, srs: number): string {
  if (!isServed) return 'This daemon serves no storage (storage.enabled).';
  return srs === 0 ? 'No SR is attached.' : 'Nothing here has that in its name.';
}

function groupsOf(srs: readonly SrFact[], datapaths: readonly DatapathFact[], wanted: string): Group[] {
  const bySr = Map.groupBy(datapaths, ({ sr }) => sr);
  const known = new Set(srs.map(({ sr }) => sr));
  const all: Group[] = [
    ...srs.map((sr) => ({ sr, name: sr.sr, datapaths: bySr.get(sr.sr) ?? [] })),
    ...[...bySr]
      .filter(([sr]) => !known.has(sr))
      .map(([sr, own]) => ({ sr: undefined, name: sr, datapaths: own })),
  ];
  return all.flatMap((group) => {
    if (`${group.name} ${group.sr?.queue ?? ''}`.toLowerCase().includes(wanted)) return [group];
    const own = group.datapaths.filter((each) => textOf(each).includes(wanted));
    return own.length === 0 ? [] : [{ ...group, datapaths: own }];
  });
}

const textOf = ({ vdi, scheme, domain, plugin, holders }: DatapathFact): string =>
  [vdi, scheme, `domain ${domain}`, plugin, ...holders.map(({ dp }) => dp)].join(' ').toLowerCase();

function createGroup(): Shown<Group> {
  const title = h('h3', { class: 'mono' });
  const plugin = h('span', { class: 'quiet' });
  const notes = h('span', { class: 'chips' });
  const body = table('Disks', Object.values(COLUMNS));
  const idle = h('p', { class: 'quiet idle' }, 'No disk of it is on its way to a domain.');
  const head = h('div', { class: 'head' }, title, plugin, notes);
  const list = createList<DatapathFact>(body.body, ({ id }) => id, createRow);
  const chips = createList<Note>(notes, ({ text }) => text, createNote);
  return {
    element: h('div', { class: 'box group' }, head, body.whole, idle),
    update: ({ sr, name, datapaths }) => {
      setText(title, name === '' ? 'Disks by URI, of no SR' : name);
      setText(plugin, sr === undefined ? '' : shortQueue(sr.queue));
      chips(sr === undefined ? [] : notesOf(sr));
      setAttribute(body.whole, 'aria-label', `Disks of ${name}`);
      list(datapaths);
      body.whole.hidden = datapaths.length === 0;
      idle.hidden = datapaths.length > 0;
    },
  };
}

interface Note {
  readonly tone: Tone;
  readonly text: string;
}

function createNote(): Shown<Note> {
  const element = chip();
  return { element, update: ({ tone, text }) => setChip(element, tone, text) };
}

function notesOf({ attached, published, takenOver, domains }: SrFact): Note[] {
  const others = domains.filter((domid) => domid !== 0);
  return [
    attached ? { tone: 'good', text: 'attached here' } : { tone: 'calm', text: 'published by others' },
    ...(published ? [] : [{ tone: 'warn', text: 'not in xenstore' } as const]),
    ...(takenOver ? [{ tone: 'calm', text: 'taken over' } as const] : []),
    ...(others.length === 0 ? [] : [{ tone: 'calm', text: `of domain ${others.join(', ')}` } as const]),
  ];
}

const TONES: Readonly<Record<DatapathFact['state'], Tone>> = {
  open: 'calm',
  attached: 'busy',
  activated: 'good',
  uncertain: 'bad',
};

function createRow(): Shown<DatapathFact> {
  const disk = h('code');
  const domain = h('span');
  const state = chip();
  const way = h('span');
  const reason = h('span', { class: 'reason' });
  const holders = h('span', { class: 'small' });
  const element = h(
    'tr',
    {},
    cell(COLUMNS.disk, disk),
    cell(COLUMNS.domain, domain),
    cell(COLUMNS.state, state),
    cell(COLUMNS.way, way, reason),
    cell(COLUMNS.holders, holders),
  );
  return {
    element,
    update: (datapath) => {
      const { vdi, scheme, plugin, driverDomain, implementation, caching, step, running } = datapath;
      // The rest of such a URI may hold secrets.
      setText(disk, vdi === '' ? `${scheme}:…` : vdi);
      setText(domain, datapath.domain);
      const words = [datapath.state, step, running ? 'running' : undefined];
      setChip(state, TONES[datapath.state], words.filter((word) => word !== undefined).join(', '));
      setText(way, `${implementation} of domain ${driverDomain}, by ${plugin}, caching ${caching}`);
      setText(reason, `because: ${datapath.reason}`);
      setText(holders, datapath.holders.map(holderText).join('; ') || '–');
    },
  };
}

const holderText = ({ dp, writes, active, device }: HolderFact): string =>
  [`${dp} ${writes ? 'writes' : 'reads'}`, active ? 'active' : undefined, device && `in xenstore ${device}`]
    .filter((part) => part !== undefined)
    .join(', ');
