import type { DatapathReport } from '../../storage/daemon-interface.ts';
import type { VdiInfo } from '../../storage/smapiv2/types.ts';
import { asText, DAEMON_OPTIONS, defineCommand } from '../command.ts';
import { printValue, withDaemon } from '../daemon.ts';
import { datapathLine } from '../datapath-text.ts';
import { factsText, listText } from '../facts.ts';
import { harmless, size, table } from '../text.ts';
import { attachedSr } from './sr.ts';

/** Commands about the disks of an SR, as xapi sees them. */

const SR = { doc: 'the uuid of an attached SR', read: asText };

export const vdiListCommand = defineCommand({
  name: 'vdi list',
  summary: 'list the disks of an SR',
  details: ['The plugin is asked, by SR.scan. USED BY are the domains that have a disk attached.'],
  arguments: { sr: SR },
  options: DAEMON_OPTIONS,
  run: ({ sr, ...given }, context) =>
    withDaemon(context, given, async (daemon) => {
      const { queue } = await attachedSr(daemon, sr);
      const { Smapiv2SrInterface } = await import('../../storage/smapiv2/sr.ts');
      const { schema } = Smapiv2SrInterface.methods.scan.result;
      const vdis = await daemon.ask(queue, 'SR.scan', { sr }, schema);
      if (context.json) return printValue(context, vdis);
      if (vdis.length === 0) return context.print('the SR has no disks\n');
      const datapaths = await daemon.datapathd('datapaths');
      const rows = vdis.map((vdi) => [
        harmless(vdi.vdi),
        harmless(vdi.name_label),
        size(Number(vdi.virtual_size)),
        size(Number(vdi.physical_utilisation)),
        kindOf(vdi),
        usesOf(datapaths, sr, vdi.vdi)
          .map(({ domain }) => domain)
          .join(', '),
      ]);
      return context.print(table([['VDI', 'NAME', 'SIZE', 'ON DISK', 'KIND', 'USED BY'], ...rows], [2, 3]));
    }),
});

export const vdiShowCommand = defineCommand({
  name: 'vdi show',
  summary: 'tell the properties of a disk, and who uses it',
  details: ['The plugin is asked, by VDI.stat.'],
  arguments: { sr: SR, vdi: { doc: 'the key of the disk, as vdi list tells it', read: asText } },
  options: DAEMON_OPTIONS,
  run: ({ sr, vdi, ...given }, context) =>
    withDaemon(context, given, async (daemon) => {
      const { queue } = await attachedSr(daemon, sr);
      const { VdiInfo } = await import('../../storage/smapiv2/types.ts');
      const info = await daemon.ask(queue, 'VDI.stat', { sr, vdi }, VdiInfo);
      const datapaths = usesOf(await daemon.datapathd('datapaths'), sr, vdi);
      if (context.json) return printValue(context, { ...info, datapaths });
      return context.print(`${vdiText(info)}${listText('datapaths', datapaths.map(datapathLine))}`);
    }),
});

const usesOf = (datapaths: readonly DatapathReport[], sr: string, vdi: string): DatapathReport[] =>
  datapaths.filter((datapath) => datapath.sr === sr && datapath.vdi === vdi);

const kindOf = ({ ty, is_a_snapshot, read_only, sharable }: VdiInfo): string =>
  [ty, is_a_snapshot && 'snapshot', read_only && 'read-only', sharable && 'sharable']
    .filter((word) => word !== false && word !== '')
    .join(', ');

function vdiText(info: VdiInfo): string {
  const pairs = Object.entries(info.sm_config).map(([key, value]) => `${key}=${value}`);
  return factsText([
    ['VDI', info.vdi],
    ['uuid', info.uuid ?? ''],
    ['name', info.name_label],
    ['description', info.name_description],
    ['size', size(Number(info.virtual_size))],
    ['on disk', size(Number(info.physical_utilisation))],
    ['kind', kindOf(info)],
    ['snapshot of', info.snapshot_of],
    ['snapshot time', info.is_a_snapshot ? info.snapshot_time : ''],
    ['changed blocks', info.cbt_enabled ? 'tracked' : ''],
    ['sm_config', pairs.join(', ')],
    ['tags', info.tags.join(', ')],
  ]);
}
