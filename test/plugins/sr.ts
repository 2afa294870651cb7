import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Struct } from '../../src/wire/value.ts';
import { tempDirectory } from '../helpers/temp.ts';
import {
  good,
  goodStruct,
  type Run,
  type RunOptions,
  SR_UUID,
  scriptsOf,
  textOf,
  VOLUME_PLUGIN,
} from './helpers.ts';

/** An SR of raw files, and the scripts to work on it. */
export interface PreparedSr {
  readonly run: Run;
  /** Its handle. */
  readonly sr: string;
  readonly path: string;
  /** The file of a volume. */
  readonly data: (key: string) => string;
}

export interface SrOptions extends RunOptions {
  /** Gives the folder that it is made in. */
  readonly within?: (t: TestContext) => string;
}

export async function prepareSr(
  t: TestContext,
  { within = tempDirectory, ...options }: SrOptions = {},
): Promise<PreparedSr> {
  const run = scriptsOf(t, VOLUME_PLUGIN, options);
  const path = join(within(t), 'sr');
  const configuration = { path };
  await good(run('SR.create', { uuid: SR_UUID, configuration, name: 'n', description: 'd' }));
  const sr = textOf(await good(run('SR.attach', { configuration })));
  return { run, sr, path, data: (key) => join(path, key, 'data.raw') };
}

export const createVolume = (run: Run, sr: string, params: Struct = {}): Promise<Struct> =>
  goodStruct(
    run('Volume.create', { sr, name: 'n', description: 'd', size: 4096, sharable: false, ...params }),
  );
