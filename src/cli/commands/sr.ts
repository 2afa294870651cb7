import type { DatapathReport, SrReport } from '../../storage/daemon-interface.ts';
import { asText, DAEMON_OPTIONS, defineCommand } from '../command.ts';
import { type Daemon, printValue, withDaemon } from '../daemon.ts';
import { Failure } from '../exit.ts';
import { factsText } from '../facts.ts';
import { harmless, plural, size, table } from '../text.ts';

/** Commands about the SRs that are attached through the daemon. */

export const srListCommand = defineCommand({
  name: 'sr list',
  summary: 'list the SRs that are attached through the daemon',
  details: [
    'Of each its uuid, the queue of its plugin, what the plugin calls it, its datapaths, and what is to be known of it: whether the daemon before this one has attached it, and whether xenstore shows it.',
  ],
  arguments: {},
  options: DAEMON_OPTIONS,
  run: (given, context) =>
    withDaemon(context, given, async (daemon) => {
      const srs = await daemon.datapathd('srs');
      const datapaths = await daemon.datapathd('datapaths');
      const counted = srs.map((sr) => ({ ...sr, datapaths: of(sr, datapaths).length }));
      if (context.json) return context.printJson(counted);
      if (counted.length === 0) return context.print('no SR is attached\n');
      const rows = counted.map((sr) => [
        ...[sr.sr, sr.queue, sr.handle].map(harmless),
        `${sr.datapaths}`,
        notesOf(sr).join(', '),
      ]);
      return context.print(table([['SR', 'QUEUE', 'HANDLE', 'DATAPATHS', 'NOTES'], ...rows], [3]));
    }),
});

const of = ({ sr }: SrReport, datapaths: readonly DatapathReport[]): DatapathReport[] =>
  datapaths.filter((datapath) => datapath.sr === sr);

const notesOf = ({ taken_over, published }: SrReport): string[] => [
  ...(taken_over ? ['taken over'] : []),
  ...(published ? [] : ['not in xenstore']),
];

export const srShowCommand = defineCommand({
  name: 'sr show',
  summary: 'tell how an attached SR is',
  details: ['The plugin is asked, by SR.stat.'],
  arguments: { sr: { doc: 'the uuid of the SR', read: asText } },
  options: DAEMON_OPTIONS,
  run: ({ sr: uuid, ...given }, context) =>
    withDaemon(context, given, async (daemon) => {
      const sr = await attachedSr(daemon, uuid);
      const { SrInfo } = await import('../../storage/smapiv2/types.ts');
      const stat = await daemon.ask(sr.queue, 'SR.stat', { sr: uuid }, SrInfo);
      const datapaths = of(sr, await daemon.datapathd('datapaths'));
      if (context.json) return printValue(context, { ...sr, stat, datapaths });
      return context.print(
        factsText([
          ['SR', uuid],
          ['name', stat.name_label],
          ['description', stat.name_description],
          ['health', stat.health],
          ['size', `${size(Number(stat.total_space))}, ${size(Number(stat.free_space))} free`],
          ['queue', sr.queue],
          ['handle', sr.handle],
          ['datasources', sr.datasources.join(', ')],
          ['notes', notesOf(sr).join(', ')],
          ['in use', plural(datapaths.length, 'datapath')],
        ]),
      );
    }),
});

/** What the daemon knows of an SR. Rejects with a `Failure` when it is not attached. */
export async function attachedSr(daemon: Daemon, uuid: string): Promise<SrReport> {
  const found = (await daemon.datapathd('srs')).find(({ sr }) => sr === uuid);
  if (found !== undefined) return found;
  throw new Failure('failed', `the SR ${uuid} is not attached here: datapathctl sr list tells which are`);
}
