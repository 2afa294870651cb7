import { isStruct, type Struct, type Value } from '../wire/value.ts';
import { smapiv2Error } from './errors.ts';
import type { ScriptOutcome } from './plugins/outcome.ts';
import type { Plugin } from './plugins/plugin.ts';

/**
 * Plugins of version 3.0 of the interface: the SR's URI stands beside its configuration, `SR.create` may answer with
 * nothing, volumes are not sharable and do not say so, and who has no keys has no scripts for them.
 */
const OLD = '3.0';

const TAKES_URI = ['SR.create', 'SR.attach'];
const GIVES_VOLUME = ['Volume.create', 'Volume.stat', 'Volume.snapshot', 'Volume.clone', 'Volume.copy'];
const MAY_BE_MISSING = ['Volume.set', 'Volume.unset'];

/** Runs a script of a plugin, whatever its version. Throws `MISSING_URI` when the configuration lacks what it needs. */
export async function callScript(plugin: Plugin, method: string, params: Struct): Promise<ScriptOutcome> {
  if (plugin.query.required_api_version !== OLD) return plugin.call(method, params);
  const outcome = await plugin.call(method, TAKES_URI.includes(method) ? withUri(params) : params);
  switch (outcome.type) {
    case 'missing':
      return MAY_BE_MISSING.includes(method) ? { type: 'result', value: null, waited: 0, ran: 0 } : outcome;
    case 'result':
      return { ...outcome, value: modern(method, params, outcome.value) };
    case 'error':
    case 'failed':
      return outcome;
  }
}

function withUri(params: Struct): Struct {
  const { configuration } = params;
  const uri = isStruct(configuration) ? configuration.uri : undefined;
  if (typeof uri === 'string') return { ...params, uri };
  throw smapiv2Error('Backend_error', ['MISSING_URI', ['Please include a URI in the device-config']]);
}

function modern(method: string, params: Struct, value: Value): Value {
  if (method === 'SR.create') return value ?? params.configuration ?? null;
  if (method === 'SR.ls') return Array.isArray(value) ? value.map(withSharable) : value;
  return GIVES_VOLUME.includes(method) ? withSharable(value) : value;
}

const withSharable = (value: Value): Value => (isStruct(value) ? { sharable: false, ...value } : value);
