import type { SelectResult } from '../../storage/datapath.ts';
import { asText, DAEMON_OPTIONS, defineCommand } from '../command.ts';
import { withDaemon } from '../daemon.ts';
import { driverDomainText, holderText, stateText, wayText } from '../datapath-text.ts';
import { Failure } from '../exit.ts';
import { factsText, listText } from '../facts.ts';
import { harmless, table } from '../text.ts';

/** Commands about the ways of disks to domains. */

export const datapathListCommand = defineCommand({
  name: 'datapath list',
  summary: 'list the disks that are on their way to a domain',
  details: [
    'The state is open, attached, activated, or uncertain: then a step was begun, which stands behind it, and nobody knows what it has done. state repair takes it to a state that is certain.',
    'Of a URI that belongs to no SR, only the scheme is shown, as it may hold secrets.',
  ],
  arguments: {},
  options: {
    sr: { doc: 'only disks of this SR', value: 'uuid', read: asText },
    domain: { doc: 'only those of this domain', value: 'domain', read: asText },
    ...DAEMON_OPTIONS,
  },
  run: ({ sr, domain, ...given }, context) =>
    withDaemon(context, given, async (daemon) => {
      const datapaths = (await daemon.datapathd('datapaths')).filter(
        (datapath) =>
          (sr === undefined || datapath.sr === sr) && (domain === undefined || datapath.domain === domain),
      );
      if (context.json) return context.printJson(datapaths);
      if (datapaths.length === 0) return context.print('no disk is on its way to a domain\n');
      const rows = datapaths.map((datapath) =>
        [
          datapath.id,
          datapath.sr === '' ? '-' : datapath.sr,
          datapath.sr === '' ? `${datapath.scheme}:…` : datapath.vdi,
          datapath.domain,
          stateText(datapath),
          wayText(datapath),
        ].map(harmless),
      );
      return context.print(table([['ID', 'SR', 'VDI', 'DOMAIN', 'STATE', 'BY'], ...rows]));
    }),
});

export const datapathShowCommand = defineCommand({
  name: 'datapath show',
  summary: 'tell of one datapath who holds it, what was chosen, and why',
  details: [],
  arguments: { id: { doc: 'the id, as datapath list tells it; its beginning is enough', read: asText } },
  options: DAEMON_OPTIONS,
  run: ({ id, ...given }, context) =>
    withDaemon(context, given, async (daemon) => {
      const found = (await daemon.datapathd('datapaths')).filter((datapath) => datapath.id.startsWith(id));
      const [datapath, second] = found;
      if (datapath === undefined || second !== undefined) {
        const what = second === undefined ? 'no datapath has' : `${found.length} datapaths have`;
        throw new Failure('failed', `${what} the id ${id}: datapathctl datapath list tells which there are`);
      }
      if (context.json) return context.printJson(datapath);
      const { driver_domain: domain } = datapath;
      const facts = factsText([
        ['id', datapath.id],
        ['SR', datapath.sr],
        ['VDI', datapath.vdi],
        ['scheme', datapath.scheme],
        ['domain', datapath.domain],
        ['state', stateText(datapath)],
        ['plugin', datapath.plugin],
        ['driver domain', driverDomainText(domain.domid, domain.uuid)],
        ['implementations', datapath.implementations.join(', ')],
        ['offered', datapath.offered.join(', ') || 'nothing yet'],
        ['caching', datapath.caching],
        ['reason', datapath.reason],
      ]);
      return context.print(`${facts}${listText('held by', datapath.holders.map(holderText))}`);
    }),
});

export const datapathSelectCommand = defineCommand({
  name: 'datapath select',
  summary: 'tell what would be chosen for a URI or for a disk, and why',
  details: [
    'Nothing is opened: it is what would be done now, by the plugins, the rules and what xenstore shows. A disk that is attached keeps what was chosen for it: datapath show tells that.',
    'The exit status is 1 when nothing can be chosen.',
  ],
  examples: [
    'datapathctl datapath select raw+file:///srv/disk.img --domain 5',
    'datapathctl datapath select --sr 7c1d9a52-3c4b-4d4e-9a37-6f0e8f6a2b11 --volume 6ef2f31c-0b7a-4d8e-9a0e-2f4c5b6d7e80',
  ],
  arguments: { uri: { doc: 'the URI; without it --sr and --volume', read: asText, optional: true } },
  options: {
    sr: { doc: 'the uuid of an attached SR', value: 'uuid', read: asText },
    volume: { doc: 'the key of the disk in it', value: 'key', read: asText },
    domain: { doc: 'the domain that the disk is for', value: 'domain', read: asText, default: '0' },
    nonpersistent: { doc: 'for a disk whose writes are not to be kept' },
    ...DAEMON_OPTIONS,
  },
  run: ({ uri, sr, volume, domain, nonpersistent, ...given }, context) =>
    withDaemon(context, given, async (daemon) => {
      const { SelectResult } = await import('../../storage/datapath.ts');
      const params = { ...subject(uri, sr, volume), domain, persistent: !nonpersistent };
      const selected = await daemon.ask(given.queue, 'Datapath.select', params, SelectResult);
      if (context.json) await context.printJson(selected);
      else await context.print(selectionText(selected));
      if (selected.selection === undefined) {
        throw new Failure('failed', 'nothing can be chosen: plugin list tells which schemes are served');
      }
    }),
});

function subject(uri: string | undefined, sr: string | undefined, volume: string | undefined) {
  if (uri !== undefined && sr === undefined && volume === undefined) return { uri };
  if (uri === undefined && sr !== undefined && volume !== undefined) return { sr, volume };
  if (uri !== undefined && sr !== undefined && volume === undefined) return { uri, sr };
  throw new Failure('usage', 'give a URI, or --sr and --volume');
}

function selectionText({ selection, candidates }: SelectResult): string {
  const facts =
    selection === undefined
      ? ''
      : factsText([
          ['URI', selection.uri],
          ['plugin', selection.plugin],
          ['driver domain', driverDomainText(selection.backend_domid, selection.domain_uuid)],
          ['implementation', selection.implementation],
          ['caching', selection.caching],
          ['reason', selection.reason],
        ]);
  const lines = candidates.map(({ uri, outcome, reason }) => harmless(`${uri}: ${outcome}: ${reason}`));
  return `${facts}${listText('candidates', lines)}`;
}
