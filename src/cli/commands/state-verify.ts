import type { Repair, Trouble } from '../../storage/daemon-interface.ts';
import { DAEMON_OPTIONS, defineCommand } from '../command.ts';
import { withDaemon } from '../daemon.ts';
import { Failure } from '../exit.ts';
import { harmless, plural } from '../text.ts';

/** Commands that hold what the daemon knows of SRs and disks against what is. They work over the switch. */

export const stateVerifyCommand = defineCommand({
  name: 'state verify',
  summary: 'tell what of SRs and disks is not as it should be',
  details: [
    'Nothing is changed. Looked for are datapaths that nobody knows the state of, datapaths and opened disks of SRs that are not attached, SRs and datapaths whose plugin is gone, SRs that xenstore does not show, and SRs that are not well: each is asked, by SR.stat. Of each stands what state repair would do.',
    'The exit status is 1 when there is any trouble; a note alone is none.',
  ],
  arguments: {},
  options: { quick: { doc: 'do not ask the SRs' }, ...DAEMON_OPTIONS },
  run: ({ quick, ...given }, context) =>
    withDaemon(context, given, async (daemon) => {
      const found = await daemon.datapathd('verify', { ask: !quick });
      if (context.json) await context.printJson(found);
      else if (found.length === 0) await context.print('all is as it should be\n');
      else await context.print(found.map(troubleText).join(''));
      const troubles = found.filter(({ severity }) => severity === 'trouble');
      if (troubles.length === 0) return;
      const count = plural(troubles.length, 'trouble');
      const repairable = troubles.filter((trouble) => trouble.repairable).length;
      throw new Failure(
        'failed',
        repairable === 0
          ? `${count}, which state repair can do nothing about: see what stands with each`
          : `${count}: datapathctl state repair does something about ${repairable}`,
      );
    }),
});

const troubleText = ({ code, severity, found, repair, repairable }: Trouble): string =>
  harmless(
    `${severity === 'note' ? 'note: ' : ''}${code}: ${found}; ${repairable ? `repair: ${repair}` : repair}`,
  ).concat('\n');

export const stateRepairCommand = defineCommand({
  name: 'state repair',
  summary: 'finish what is half done with SRs and disks, and take back what has leaked',
  details: [
    'What state verify finds is mended as it says there: a step that was cut short is taken back or finished, a datapath that has leaked is deactivated and then detached, an SR is published again. What is left of an SR that is not attached is not taken from a domain that has disks in xenstore. It may be run again at any time.',
    'The exit status is 1 when something could not be repaired, or has to be seen to by an operator.',
  ],
  arguments: {},
  options: DAEMON_OPTIONS,
  run: (given, context) =>
    withDaemon(context, given, async (daemon) => {
      const repairs = await daemon.datapathd('repair');
      if (context.json) await context.printJson(repairs);
      else if (repairs.length === 0) await context.print('there is nothing to repair\n');
      else await context.print(repairs.map(repairText).join(''));
      const open = repairs.filter(({ outcome, code }) => outcome !== 'repaired' && code !== 'opened-unused');
      if (open.length > 0) {
        const count = plural(open.length, 'trouble');
        throw new Failure('failed', `${count} could not be repaired: see what stands with each`);
      }
    }),
});

const repairText = ({ code, outcome, text }: Repair): string =>
  `${harmless(`${outcome}: ${code}: ${text}`)}\n`;
