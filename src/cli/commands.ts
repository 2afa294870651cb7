import type { Command } from './command.ts';
import { benchCommand } from './commands/bench.ts';
import { callCommand } from './commands/call.ts';
import { ackCommand, destroyCommand, shutdownCommand } from './commands/change.ts';
import { diagnosticsCommand } from './commands/diagnostics.ts';
import { listCommand } from './commands/list.ts';
import { mscgenCommand } from './commands/mscgen.ts';
import { queuePurgeCommand, queueRequeueCommand, queueShowCommand } from './commands/queue.ts';
import { completionCommand, manCommand } from './commands/self.ts';
import { serveCommand } from './commands/serve.ts';
import { stateBackupCommand, stateRestoreCommand } from './commands/state.ts';
import { statusCommand } from './commands/status.ts';
import { tailCommand } from './commands/tail.ts';
import { topCommand } from './commands/top.ts';
import { traceCommand } from './commands/trace.ts';

/** The commands whose names are two words, by the first. */
export const GROUPS: Readonly<Record<string, string>> = {
  queue: 'look at what waits in a queue, and change it',
  state: 'copy what the daemon keeps on disk, and put it back',
};

/** Every command, in the order in which they are shown. */
export const COMMANDS: readonly Command[] = [
  statusCommand,
  topCommand,
  listCommand,
  callCommand,
  serveCommand,
  tailCommand,
  traceCommand,
  mscgenCommand,
  diagnosticsCommand,
  queueShowCommand,
  queuePurgeCommand,
  queueRequeueCommand,
  ackCommand,
  destroyCommand,
  benchCommand,
  shutdownCommand,
  stateBackupCommand,
  stateRestoreCommand,
  completionCommand(() => COMMANDS),
  manCommand(() => COMMANDS),
];
