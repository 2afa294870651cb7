import type { Plugin } from '../../storage/plugins/plugin.ts';
import { Failure } from '../exit.ts';
import { leadDatapathLife } from './datapath-life.ts';
import { openPlugin, type TrialWays } from './directory.ts';
import { createRecording } from './recording.ts';
import { SCRATCH, withScratch } from './scratch.ts';
import { type Step, Trial } from './trial.ts';
import { leadVolumeLife } from './volume-life.ts';

export interface TestWays extends TrialWays {
  readonly directory: string;
  readonly configuration: Readonly<Record<string, string>>;
  readonly uri: string | undefined;
  readonly domain: string;
  /** The file that keeps the calls. */
  readonly record: string | undefined;
}

export interface Tested {
  readonly plugin: string;
  readonly kind: Plugin['kind'];
  readonly failed: number;
  readonly skipped: number;
  readonly calls: readonly Step[];
}

/** Tries the plugin in a directory. Rejects with a `Failure` when it can't be begun. */
export async function testPlugin(ways: TestWays, tell: (step: Step) => Promise<void>): Promise<Tested> {
  const alone = await openPlugin(ways.directory, ways);
  try {
    const query = await alone.query();
    if ('refused' in query) {
      throw new Failure(
        'failed',
        `the plugin can't be used: ${query.refused}; datapathctl plugin lint tells more`,
      );
    }
    const { plugin } = query;
    const lead = lifeOf(plugin, ways);
    const trial = await withScratch(async (directory) => {
      const keep = ways.record === undefined ? undefined : createRecording(ways.record, directory);
      const trial = new Trial({ plugin, tell, keep });
      await lead(trial, directory);
      return trial;
    });
    const count = (outcome: Step['outcome']): number =>
      trial.steps.filter((step) => step.outcome === outcome).length;
    return {
      plugin: plugin.name,
      kind: plugin.kind,
      failed: count('failed'),
      skipped: count('skipped'),
      calls: trial.steps,
    };
  } finally {
    await alone.close();
  }
}

type Lead = (trial: Trial, scratch: string) => Promise<void>;

/** What is to be done with a plugin. Throws a `Failure` when something for it is not given. */
function lifeOf({ kind, name, query }: Plugin, { configuration, uri, domain }: TestWays): Lead {
  if (kind === 'datapath') {
    if (uri === undefined)
      throw new Failure('usage', `a datapath plugin is tried with a disk: give --uri ${name}:...`);
    return (trial) => leadDatapathLife(trial, uri, domain);
  }
  const wanted = Object.entries(query.configuration);
  if (Object.keys(configuration).length === 0 && wanted.length > 0) {
    const keys = wanted.map(([key, doc]) => `${key} (${doc})`).join(', ');
    throw new Failure('usage', `give --device-config key=value for what the plugin asks for: ${keys}`);
  }
  return (trial, scratch) => {
    const values = Object.entries(configuration).map(([key, value]) => [
      key,
      value.replaceAll(SCRATCH, scratch),
    ]);
    return leadVolumeLife(trial, Object.fromEntries(values));
  };
}
