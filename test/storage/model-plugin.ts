import type { ScriptOutcome } from '../../src/storage/plugins/outcome.ts';
import type { Plugin } from '../../src/storage/plugins/plugin.ts';
import type { Struct } from '../../src/wire/value.ts';

/** A volume plugin whose scripts are a function of the test. */
export const stubPlugin = (
  name: string,
  call: (method: string, params: Struct) => ScriptOutcome | Promise<ScriptOutcome>,
  version = '5.0',
): Plugin => ({
  ...{ kind: 'volume', name, directory: `/plugins/${name}`, methods: new Set() },
  query: {
    ...{ plugin: name, name, description: 'd', vendor: 'v', copyright: 'c', version: '1' },
    ...{ required_api_version: version, features: [], configuration: {}, required_cluster_stack: [] },
  },
  has: () => true,
  call: async (method, params) => call(method, params),
});
