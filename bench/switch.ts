import { join } from 'node:path';
import { DAEMON, unitEnvironment } from './daemon.ts';
import { benchDirectory, type Server, startServer } from './processes.ts';

const stateOf = (directory: string): string => join(directory, 'state');

/** Where a switch that runs in the folder has its journal. */
export const journalOf = (directory: string): string => join(stateOf(directory), 'switch');

/** The words that start a switch without storage in the folder. */
const switchWords = (directory: string, sync: 'always' | 'never'): string[] => [
  `--sockets.directory=${directory}`,
  `--switch.stateDirectory=${stateOf(directory)}`,
  `--journal.sync=${sync}`,
  '--storage.enabled=false',
  '--log.level=warn',
];

const switchSocket = (directory: string): string => join(directory, 'switch.sock');

export interface SwitchOptions {
  readonly sync: 'always' | 'never';
  /** Further settings, as flags. */
  readonly words?: readonly string[];
  /** A folder that holds a state already. */
  readonly directory?: string;
  /** Where Node keeps what it compiled, for more than one start. */
  readonly compiled?: string;
}

export function startSwitch(options: SwitchOptions): Promise<Server> {
  const { sync, words = [], directory = benchDirectory(), compiled = benchDirectory() } = options;
  const all = [...switchWords(directory, sync), ...words];
  return startServer(DAEMON, switchSocket(directory), all, unitEnvironment(compiled));
}
