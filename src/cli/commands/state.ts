import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError, loadConfig } from '../../config.ts';
import { JournalError } from '../../journal/replay.ts';
import { lockFile } from '../../posix.ts';
import { backUpMessages, type CopiedMessages, restoreMessages, STATE_LOCK_FILE } from '../../switch/state.ts';
import { asText, defineCommand } from '../command.ts';
import { Failure } from '../exit.ts';
import { plural, size } from '../text.ts';

/** Commands about what the daemon keeps on disk. They work on its files, not over its socket. */

const OPTIONS = {
  state: {
    doc: 'the state directory; by default what the configuration says, or ./run/state if that is there',
    value: 'directory',
    read: asText,
    completion: 'file',
  },
  config: {
    doc: 'the configuration file of datapathd that names the state directory',
    value: 'file',
    read: asText,
    completion: 'file',
  },
} as const;

export const stateBackupCommand = defineCommand({
  name: 'state backup',
  summary: 'copy all that the daemon has accepted into a new folder',
  details: [
    'The daemon may run meanwhile: what it accepted before the copy began is in it. The copy is read once, as a start would read it, before this ends.',
  ],
  examples: ['datapathctl state backup /root/datapathd-before-upgrade'],
  alone: true,
  arguments: { folder: { doc: 'the folder to make', read: asText, completion: 'file' } },
  options: OPTIONS,
  run: async ({ folder, state, config }, context) => {
    const copied = said(() => backUpMessages(stateDirectory(state, config), folder));
    await context.print(`${folder}: ${summary(copied)}\n`);
  },
});

export const stateRestoreCommand = defineCommand({
  name: 'state restore',
  summary: 'put a copy in the place of what the daemon keeps',
  details: ['The daemon must not run. What was there is set aside, beside it.'],
  examples: ['datapathctl state restore /root/datapathd-before-upgrade'],
  alone: true,
  arguments: { folder: { doc: 'the folder that backup made', read: asText, completion: 'file' } },
  options: OPTIONS,
  run: async ({ folder, state, config }, context) => {
    const directory = stateDirectory(state, config);
    const lock = said(() => lockFile(join(directory, STATE_LOCK_FILE), `${process.pid}`));
    if (lock.type === 'held') {
      throw new Failure('failed', `datapathd runs on ${directory}, with the pid ${lock.note}: stop it first`);
    }
    try {
      const { aside, ...copied } = said(() => restoreMessages(directory, folder));
      const before = aside === undefined ? '' : `; what was there is in ${aside}`;
      await context.print(`${directory}: ${summary(copied)}${before}\n`);
    } finally {
      lock.release();
    }
  },
});

const summary = ({ files, bytes, messages }: CopiedMessages): string =>
  `${plural(messages, 'message')} in ${plural(files, 'file')}, ${size(bytes)}`;

/** Does it; what is wrong becomes the one line that this ends with. */
function said<Result>(work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (error instanceof JournalError || (error instanceof Error && 'code' in error)) {
      throw new Failure('failed', error.message);
    }
    throw error;
  }
}

const DEVELOPMENT = './run/state';

function stateDirectory(given: string | undefined, file: string | undefined): string {
  const directory = given ?? configured(file);
  if (directory === '') throw new Failure('failed', 'switch.stateDirectory is empty: nothing is kept');
  if (!existsSync(directory)) throw new Failure('failed', `${directory} is not there: give --state`);
  return directory;
}

function configured(file: string | undefined): string {
  try {
    const { config, places } = loadConfig(file === undefined ? [] : [`--config=${file}`], process.env);
    const isSaid = file !== undefined || places.has('switch.stateDirectory');
    return !isSaid && existsSync(DEVELOPMENT) ? DEVELOPMENT : config.switch.stateDirectory;
  } catch (error) {
    if (error instanceof ConfigError) throw new Failure('failed', error.message);
    throw error;
  }
}
