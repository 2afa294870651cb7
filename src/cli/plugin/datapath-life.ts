import type { TSchema } from 'typebox';
import { DatapathInterface } from '../../storage/datapath.ts';
import { ATTACH } from '../../storage/datapaths.ts';
import { type Script, scriptOf } from '../../storage/scripts.ts';
import type { Struct } from '../../wire/value.ts';
import { Broken, type Trial } from './trial.ts';

/** The whole life of a disk on its way to a domain. */

const SCRIPTS = {
  open: scriptOf(DatapathInterface, 'open'),
  attach: ATTACH,
  activate: scriptOf(DatapathInterface, 'activate'),
  deactivate: scriptOf(DatapathInterface, 'deactivate'),
  detach: scriptOf(DatapathInterface, 'detach'),
  close: scriptOf(DatapathInterface, 'close'),
};

/** Leads that life; each step is made twice, as it may come again. What was made ready is given up, whatever comes. */
export async function leadDatapathLife(trial: Trial, uri: string, domain: string): Promise<void> {
  const params = { uri, domain };
  const twice = async <Result extends TSchema>(script: Script<Result>, given: Struct): Promise<void> => {
    await trial.must(script, given);
    await trial.must(script, given);
  };
  await trial.may(SCRIPTS.open, { uri, persistent: true });
  try {
    for (let time = 0; time < 2; time += 1) {
      await trial.must(SCRIPTS.attach, params, ({ implementations }) =>
        implementations.length === 0 ? 'implementations: expected at least one, got none' : undefined,
      );
    }
    await twice(SCRIPTS.activate, params);
    await twice(SCRIPTS.deactivate, params);
    await twice(SCRIPTS.detach, params);
  } catch (error) {
    if (!(error instanceof Broken)) throw error;
    await trial.may(SCRIPTS.deactivate, params);
    await trial.may(SCRIPTS.detach, params);
  }
  await trial.may(SCRIPTS.close, { uri });
}
