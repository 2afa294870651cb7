import type { Static, TSchema } from 'typebox';
import { DeclaredError } from '../rpc/declared-error.ts';
import type { InterfaceDefinition, MethodDefinition } from '../rpc/interface.ts';
import { type Checked, checker } from '../rpc/validate.ts';
import type { Struct, Value } from '../wire/value.ts';
import { smapiv2Error } from './errors.ts';
import { callScript } from './old-api.ts';
import type { ScriptError, ScriptFailure, ScriptOutcome } from './plugins/outcome.ts';
import type { Plugin } from './plugins/plugin.ts';
import { withoutNulls } from './without-nulls.ts';

/** The scripts of plugins as functions: what they answer is read once, and how they fail is put in the interface's words. */

/** A script by its name, with the type of its answer. */
export interface Script<Result extends TSchema = TSchema> {
  readonly name: string;
  readonly check: (value: Value) => Checked<Result>;
}

/** The script behind a method of an interface. */
export function scriptOf<
  Methods extends Record<string, MethodDefinition>,
  Name extends keyof Methods & string,
>(definition: InterfaceDefinition<Methods>, method: Name): Script<Methods[Name]['result']['schema']> {
  const defined: Methods[Name] = definition.methods[method];
  const schema: Methods[Name]['result']['schema'] = defined.result.schema;
  let check: ((value: Value) => Checked<typeof schema>) | undefined;
  return {
    name: `${definition.name}.${method}`,
    // Compiled when it is first needed: a start has no use for all of them.
    check: (value) => {
      check ??= checker(schema, 'result');
      return check(withoutNulls(schema, value));
    },
  };
}

/** Runs a script and gives its answer. Throws an error of SMAPIv2. */
export async function runScript<Result extends TSchema>(
  plugin: Plugin,
  script: Script<Result>,
  params: Struct,
): Promise<Static<Result>> {
  return readOutcome(await callScript(plugin, script.name, params), plugin, script);
}

/** The answer of a run. Throws an error of SMAPIv2. */
export function readOutcome<Result extends TSchema>(
  outcome: ScriptOutcome,
  plugin: Plugin,
  script: Script<Result>,
): Static<Result> {
  switch (outcome.type) {
    case 'missing':
      throw smapiv2Error('Unimplemented', script.name, `${plugin.name} has no script ${script.name}`);
    case 'error':
      throw scriptError(outcome);
    case 'failed':
      throw scriptFailure(outcome);
    case 'result': {
      const checked = script.check(outcome.value);
      if (checked.type === 'valid') return checked.value;
      throw smapiv2Error('Backend_error', [
        SCRIPT_FAILED,
        [`${plugin.directory}/${script.name}`, `an answer of another type: ${checked.reason}`],
      ]);
    }
  }
}

const SCRIPT_FAILED = 'SCRIPT_FAILED';

/** xapi wants the backtrace before the parameters; that a volume is active elsewhere it knows by an error of its own. */
function scriptError({ code, params, backtrace }: ScriptError): Error {
  if (code === 'Activated_on_another_host') return smapiv2Error(code, params[0] ?? '');
  return smapiv2Error('Backend_error_with_backtrace', [code, [backtrace, ...params]]);
}

const scriptFailure = ({ script, status, stdout, stderr, reason }: ScriptFailure): Error =>
  smapiv2Error('Backend_error', [SCRIPT_FAILED, [script, status, stdout, stderr, reason]], reason);

/** Lets the error of this name pass that a script told of, and throws every other one on: for a `catch`. */
export const unlessScriptError =
  (code: string) =>
  (error: unknown): void => {
    if (!isScriptError(error, code)) throw error;
  };

const isScriptError = (error: unknown, code: string): boolean =>
  error instanceof DeclaredError &&
  error.tag === 'Backend_error_with_backtrace' &&
  Array.isArray(error.value) &&
  error.value[0] === code;
