import Type, { type Static } from 'typebox';
import { defineInterface } from '../../rpc/interface.ts';
import { SMAPIV2_ERRORS } from '../errors.ts';
import { Dbg, StringMap } from '../types.ts';

/** The `Query` interface of SMAPIv2: what xapi asks a storage service before all else. */

const Params = Type.Object({ dbg: Dbg });

export const DriverProperties = Type.Object({
  driver: Type.String({ description: 'The name of the plugin, which is SR.type in the XenAPI' }),
  name: Type.String({ description: 'A short name for people' }),
  description: Type.String({ description: 'A longer description for people' }),
  vendor: Type.String({ description: 'Who made the plugin' }),
  copyright: Type.String({ description: 'The copyright' }),
  version: Type.String({ description: 'The version of the plugin' }),
  required_api_version: Type.String({ description: 'The version of SMAPIv3 that the plugin needs' }),
  features: Type.Array(Type.String(), { description: 'What the plugin can do, as xapi names it' }),
  configuration: StringMap('The keys of device_config, each with a text that explains it'),
  required_cluster_stack: Type.Array(Type.String(), {
    description: 'The cluster stacks of which the plugin needs one',
  }),
  supported_image_formats: Type.Array(Type.String(), { description: 'The image formats that it knows' }),
  smapi_version: Type.Enum(['SMAPIv1', 'SMAPIv2', 'SMAPIv3'], {
    description: 'The interface that the plugin implements',
  }),
});
export type DriverProperties = Static<typeof DriverProperties>;

export const QueryInterface = defineInterface({
  name: 'Query',
  description: 'What a storage service is.',
  types: [{ name: 'driver_properties', description: 'Properties of a plugin', schema: DriverProperties }],
  errorType: 'error',
  errors: SMAPIV2_ERRORS,
  methods: {
    query: {
      aliases: [],
      description: 'Tells what the plugin behind the queue is and what it can do.',
      params: Params,
      result: {
        name: 'query_result',
        description: 'The properties of the plugin',
        schema: DriverProperties,
      },
    },
    diagnostics: {
      aliases: [],
      description: 'Gives a text about the state of the plugin for people.',
      params: Params,
      result: { name: 'diagnostics', description: 'The text', schema: Type.String() },
    },
  },
});
