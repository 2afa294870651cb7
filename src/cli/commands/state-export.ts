import { DAEMON_OPTIONS, defineCommand } from '../command.ts';
import { withDaemon } from '../daemon.ts';
import { Failure } from '../exit.ts';
import { harmless, plural } from '../text.ts';

/** A command for a host that goes back to xapi-storage-script. It works over the switch. */

export const stateExportCommand = defineCommand({
  name: 'state export',
  summary: 'write the attached SRs as xapi-storage-script reads them',
  details: [
    'The daemon writes the file of its setting storage.stateDb, in one step. Stop it then, before anything else is attached or detached: what comes later is not in the file.',
    'The next start of datapathd takes over from that daemon again. What it did with disks is not known: they are let go of when xapi says so.',
  ],
  examples: ['datapathctl state export --state-db && systemctl stop datapathd'],
  arguments: {},
  options: {
    stateDb: { doc: 'the file of xapi-storage-script; the only one that is known' },
    ...DAEMON_OPTIONS,
  },
  run: async ({ stateDb, ...given }, context) => {
    if (!stateDb) throw new Failure('usage', 'say what to write: --state-db');
    return withDaemon(context, given, async (daemon) => {
      const { path, srs } = await daemon.datapathd('export_state_db');
      if (context.json) return context.printJson({ path, srs });
      return context.print(`${harmless(path)}: ${plural(srs.length, 'SR')}\n`);
    });
  },
});
