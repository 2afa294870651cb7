import Type from 'typebox';
import { defineInterface, type Implementation } from '../rpc/interface.ts';
import type { Patience } from '../xenstore/view.ts';
import { PLUGIN_ERRORS, SMAPIV3_ERRORS } from './errors.ts';
import { Dbg } from './types.ts';

/**
 * The `Plugin` interface of SMAPIv3: what every implementation must have for xapi to recognise it. Names, members
 * and their order are those of the interface's published description.
 */

const QueryResult = Type.Object({
  plugin: Type.String({ description: 'plugin name, used in the XenAPI as SR.type' }),
  name: Type.String({ description: 'short name' }),
  description: Type.String({ description: 'description' }),
  vendor: Type.String({
    description: 'entity (e.g. company, project, group) which produced this implementation',
  }),
  copyright: Type.String({ description: 'copyright' }),
  version: Type.String({ description: 'version' }),
  required_api_version: Type.String({ description: 'minimum required API version' }),
  features: Type.Array(Type.String(), { description: 'features supported by this plugin' }),
  configuration: Type.Record(Type.String(), Type.String(), {
    description: 'key/description pairs describing required device_config parameters',
  }),
  required_cluster_stack: Type.Array(Type.String(), {
    description: 'the plugin requires one of these cluster stacks to be active',
  }),
});

const Srs = Type.Array(Type.String());

const Params = Type.Object({ dbg: Dbg });

export const PluginInterface = defineInterface({
  name: 'Plugin',
  description:
    'Discover properties of this implementation. Every implementation must support the query interface or it will ' +
    'not be recognised as a storage plugin by xapi.',
  types: [
    { name: 'query_result', description: 'Properties of this implementation', schema: QueryResult },
    { name: 'srs', description: '', schema: Srs },
  ],
  errorType: 'exnt',
  errors: PLUGIN_ERRORS,
  methods: {
    Query: {
      aliases: ['query'],
      description:
        'Query this implementation and return its properties. This is called by xapi to determine whether it is ' +
        'compatible with xapi and to discover the supported features.',
      params: Params,
      result: {
        name: 'unnamed',
        description: 'Properties of this implementation',
        schema: QueryResult,
      },
    },
    ls: {
      aliases: [],
      description: '[ls dbg]: returns a list of attached SRs',
      params: Params,
      result: { name: 'srs', description: 'The attached SRs', schema: Srs },
    },
    diagnostics: {
      aliases: [],
      description:
        'Returns a printable set of backend diagnostic information. Implementations are encouraged to include any ' +
        'data which will be useful to diagnose problems. Note this data should not include personally-identifiable ' +
        'data as it is intended to be automatically included in bug reports.',
      params: Params,
      result: {
        name: 'diagnostics',
        description: 'A string containing loggable human-readable diagnostics information',
        schema: Type.String(),
      },
    },
  },
});

/** The same, where a plugin's scripts answer: they may fail in more ways. */
export const VolumePluginInterface: typeof PluginInterface = { ...PluginInterface, errors: SMAPIV3_ERRORS };

/** The little that `Plugin.ls` needs of the view of attached SRs. */
export interface AttachedSrs {
  /** The uuids, sorted. The array's identity changes only when its content does. */
  uuids(): readonly string[];
  /** Settles when every change that is known of is in what is shown, or patience is over; nothing: it is now. */
  settled(patience: Patience): Promise<void> | undefined;
}

export interface PluginOptions {
  readonly version: string;
  readonly srs: AttachedSrs;
  /** How long `Plugin.ls` waits for the view. */
  readonly patience: Patience;
  /** The text of `Plugin.diagnostics`. */
  readonly diagnostics: () => string;
}

/** The `Plugin` interface of the datapath service itself. */
export function pluginImplementation(
  options: PluginOptions,
): Implementation<(typeof PluginInterface)['methods']> {
  const { version, srs, patience, diagnostics } = options;
  const properties = Object.freeze({
    plugin: 'datapath',
    name: 'datapathd',
    description:
      'Chooses the driver domain, the blkback implementation and the caching strategy of virtual disks',
    vendor: 'datapathd',
    copyright: 'the datapathd authors',
    version,
    required_api_version: '5.0',
    features: [],
    configuration: {},
    required_cluster_stack: [],
  });
  return {
    Query: () => properties,
    ls: () => srs.settled(patience)?.then(() => srs.uuids()) ?? srs.uuids(),
    diagnostics,
  };
}
