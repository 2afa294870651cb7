import type { Command } from './command.ts';
import { benchCommand } from './commands/bench.ts';
import { callCommand } from './commands/call.ts';
import { ackCommand, destroyCommand, shutdownCommand } from './commands/change.ts';
import { datapathListCommand, datapathSelectCommand, datapathShowCommand } from './commands/datapath.ts';
import { diagnosticsCommand } from './commands/diagnostics.ts';
import { healthCommand } from './commands/health.ts';
import { listCommand } from './commands/list.ts';
import { logLevelCommand } from './commands/log.ts';
import { mscgenCommand } from './commands/mscgen.ts';
import { pluginCallCommand, pluginListCommand, pluginShowCommand } from './commands/plugin.ts';
import { pluginLintCommand, pluginNewCommand, pluginTestCommand } from './commands/plugin-check.ts';
import { pluginRecordCommand, pluginReplayCommand } from './commands/plugin-record.ts';
import { queuePurgeCommand, queueRequeueCommand, queueShowCommand } from './commands/queue.ts';
import { completionCommand, manCommand } from './commands/self.ts';
import { serveCommand } from './commands/serve.ts';
import { srListCommand, srShowCommand } from './commands/sr.ts';
import { stateBackupCommand, stateRestoreCommand } from './commands/state.ts';
import { stateExportCommand } from './commands/state-export.ts';
import { stateRepairCommand, stateVerifyCommand } from './commands/state-verify.ts';
import { statusCommand } from './commands/status.ts';
import { tailCommand } from './commands/tail.ts';
import { topCommand } from './commands/top.ts';
import { traceCommand } from './commands/trace.ts';
import { vbdExplainCommand, vbdListCommand } from './commands/vbd.ts';
import { vdiListCommand, vdiShowCommand } from './commands/vdi.ts';

/** The commands whose names are two words, by the first. */
export const GROUPS: Readonly<Record<string, string>> = {
  log: 'look at what is logged, and change it',
  queue: 'look at what waits in a queue, and change it',
  plugin: 'look at the plugins of the daemon, and help those who write them',
  sr: 'look at the SRs that are attached',
  vdi: 'look at the disks of an SR',
  datapath: 'look at the ways of disks to domains, and ask what would be chosen',
  vbd: 'look at disks as xenstore has them',
  state:
    'copy what the daemon keeps on disk and put it back, see whether it is true, mend it, and hand it over',
};

/** Every command, in the order in which they are shown. */
export const COMMANDS: readonly Command[] = [
  statusCommand,
  healthCommand,
  topCommand,
  listCommand,
  callCommand,
  serveCommand,
  tailCommand,
  traceCommand,
  mscgenCommand,
  diagnosticsCommand,
  logLevelCommand,
  queueShowCommand,
  queuePurgeCommand,
  queueRequeueCommand,
  ackCommand,
  destroyCommand,
  benchCommand,
  shutdownCommand,
  pluginListCommand,
  pluginShowCommand,
  pluginCallCommand,
  pluginLintCommand,
  pluginTestCommand,
  pluginNewCommand,
  pluginRecordCommand,
  pluginReplayCommand,
  srListCommand,
  srShowCommand,
  vdiListCommand,
  vdiShowCommand,
  datapathListCommand,
  datapathShowCommand,
  datapathSelectCommand,
  vbdListCommand,
  vbdExplainCommand,
  stateVerifyCommand,
  stateRepairCommand,
  stateBackupCommand,
  stateRestoreCommand,
  stateExportCommand,
  completionCommand(() => COMMANDS),
  manCommand(() => COMMANDS),
];
