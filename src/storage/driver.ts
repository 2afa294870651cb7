import type { TSchema } from 'typebox';
import type { Struct } from '../wire/value.ts';
import type { DatapathDriver, Driven, DrivenChoice } from './datapaths.ts';
import { smapiv2Error } from './errors.ts';
import type { ScriptOutcome } from './plugins/outcome.ts';
import type { Plugin } from './plugins/plugin.ts';
import { readOutcome, type Script } from './scripts.ts';

/** Asks the datapath service of another domain: the call is made there by its plugin of the same scheme. */
export type AskDomain = <Result extends TSchema>(
  choice: DrivenChoice,
  script: Script<Result>,
  params: Struct,
) => Promise<Driven<Result>>;

/** Runs datapath scripts where the disk is served: here, or in a driver domain. */
export function createDriver(
  plugin: (scheme: string) => Plugin | undefined,
  askDomain: AskDomain,
): DatapathDriver {
  return {
    run: async (choice, script, params) => {
      if (choice.domid !== 0) return askDomain(choice, script, params);
      const here = plugin(choice.plugin);
      if (here === undefined) {
        const text = `the datapath plugin ${choice.plugin} is not there any more: put it back, the disk was attached with it`;
        return {
          type: 'failed',
          error: smapiv2Error('Backend_error', ['NO_DATAPATH_PLUGIN', [text]], text),
          isUndone: true,
        };
      }
      return driven(await here.call(script.name, params), here, script);
    },
  };
}

function driven<Result extends TSchema>(
  outcome: ScriptOutcome,
  plugin: Plugin,
  script: Script<Result>,
): Driven<Result> {
  try {
    return { type: 'answer', value: readOutcome(outcome, plugin, script) };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { type: 'failed', error, isUndone: isUndone(outcome) };
  }
}

/** The errors with which a script says that it has done nothing. */
export const REFUSALS: readonly string[] = ['Activated_on_another_host', 'Unimplemented'];

function isUndone(outcome: ScriptOutcome): boolean {
  switch (outcome.type) {
    case 'missing':
      return true;
    case 'error':
      return REFUSALS.includes(outcome.code);
    case 'failed':
      return !outcome.started;
    case 'result':
      return false;
  }
}
