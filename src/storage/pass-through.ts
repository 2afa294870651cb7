import { DeclaredError } from '../rpc/declared-error.ts';
import type { InterfaceDefinition } from '../rpc/interface.ts';
import { bind, type Method, type ServiceObserver } from '../rpc/service.ts';
import type { Struct } from '../wire/value.ts';
import { smapiv3Error } from './errors.ts';
import type { Plugin } from './plugins/plugin.ts';
import { runScript, scriptOf } from './scripts.ts';

/** Methods that are what a plugin's scripts are, for people and tools: the parameters go to the script as they came. */
export function passThrough(
  definition: InterfaceDefinition,
  plugin: () => Plugin,
  observer: ServiceObserver,
  prefix = '',
): Method[] {
  return Object.entries(definition.methods).flatMap(([key, { aliases, params }]) => {
    const script = scriptOf(definition, key);
    const run = (_checked: unknown, _context: unknown, given: Struct) =>
      inSmapiv3(() => runScript(plugin(), script, given));
    return [key, ...aliases].map((spelling) =>
      bind(`${prefix}${definition.name}.${spelling}`, params, definition.errors, run, observer),
    );
  });
}

/** Fails with the errors of SMAPIv3. */
export async function inSmapiv3<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw asSmapiv3(error);
  }
}

/** The errors that SMAPIv3 has names for, which scripts tell of as codes. */
const NAMED = [
  'Sr_not_attached',
  'SR_does_not_exist',
  'Volume_does_not_exist',
  'Unimplemented',
  'Cancelled',
] as const;

/** What a script failed with in SMAPIv3's own words, where it has any. */
function asSmapiv3(error: unknown): unknown {
  if (!(error instanceof DeclaredError) || error.tag !== 'Backend_error_with_backtrace') return error;
  const [code, params] = Array.isArray(error.value) ? error.value : [];
  const named = NAMED.find((name) => name === code);
  const [, text = ''] = Array.isArray(params) ? params : [];
  return named === undefined ? error : smapiv3Error(named, typeof text === 'string' ? text : '');
}
