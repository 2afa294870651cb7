import Type, { type Static } from 'typebox';
import { defineInterface } from '../rpc/interface.ts';
import { SMAPIV3_ERRORS } from './errors.ts';
import {
  Configuration,
  Dbg,
  HEALTH_TYPE,
  NOTHING,
  SR_STAT_TYPE,
  Sr,
  SrStat,
  StringMap,
  VOLUME_TYPE,
  Volume,
} from './types.ts';

/** The `SR` interface of SMAPIv3, version 5: storage repositories, as a volume plugin has them. */

const ProbeResult = Type.Object({
  configuration: Configuration,
  complete: Type.Boolean({
    description:
      'Whether SR.create or SR.attach can use the configuration; else SR.probe is asked again with it',
  }),
  sr: Type.Optional(SrStat),
  extra_info: StringMap('What else the plugin tells of it, such as a LUN or a WWPN'),
});
export type ProbeResult = Static<typeof ProbeResult>;

const ProbeResults = Type.Array(ProbeResult);

const Volumes = Type.Array(Volume);

const SrOnly = Type.Object({ dbg: Dbg, sr: Sr });

export const SrInterface = defineInterface({
  name: 'SR',
  description: 'Operations on storage repositories.',
  types: [
    { name: 'configuration', description: 'Where the storage is', schema: Configuration },
    { name: 'probe_result', description: 'One thing that SR.probe found', schema: ProbeResult },
    { name: 'probe_results', description: 'What SR.probe found', schema: ProbeResults },
    SR_STAT_TYPE,
    HEALTH_TYPE,
    VOLUME_TYPE,
    { name: 'volumes', description: 'A list of volumes', schema: Volumes },
  ],
  errorType: 'exns',
  errors: SMAPIV3_ERRORS,
  methods: {
    probe: {
      aliases: [],
      description:
        'Looks for SRs, and for places where one could be, that the configuration leads to. Its answers may be used ' +
        'to ask again, more narrowly.',
      params: Type.Object({ dbg: Dbg, configuration: Configuration }),
      result: { name: 'probe_result', description: 'What was found', schema: ProbeResults },
    },
    create: {
      aliases: [],
      description: 'Makes a new SR. The configuration that it answers is the one to attach it with.',
      params: Type.Object({
        dbg: Dbg,
        uuid: Type.String({ description: 'The uuid that the SR is to have' }),
        configuration: Configuration,
        name: Type.String({ description: 'A short name for people' }),
        description: Type.String({ description: 'A longer description for people' }),
      }),
      result: {
        name: 'configuration',
        description: 'The configuration to attach it with',
        schema: Configuration,
      },
    },
    attach: {
      aliases: [],
      description: 'Attaches the SR to this host, so that its volumes can be used.',
      params: Type.Object({ dbg: Dbg, configuration: Configuration }),
      result: { name: 'sr', description: 'The handle of the SR in all other calls', schema: Type.String() },
    },
    detach: {
      aliases: [],
      description: 'Detaches the SR and gives up what was held for it.',
      params: SrOnly,
      result: NOTHING,
    },
    destroy: {
      aliases: [],
      description: 'Destroys an attached SR with all of its volumes.',
      params: SrOnly,
      result: NOTHING,
    },
    stat: {
      aliases: [],
      description: 'Tells the properties of the SR, without its volumes.',
      params: SrOnly,
      result: { name: 'sr', description: 'The properties of the SR', schema: SrStat },
    },
    set_name: {
      aliases: [],
      description: 'Changes the name of the SR.',
      params: Type.Object({ dbg: Dbg, sr: Sr, new_name: Type.String({ description: 'The new name' }) }),
      result: NOTHING,
    },
    set_description: {
      aliases: [],
      description: 'Changes the description of the SR.',
      params: Type.Object({
        dbg: Dbg,
        sr: Sr,
        new_description: Type.String({ description: 'The new description' }),
      }),
      result: NOTHING,
    },
    ls: {
      aliases: [],
      description: 'Lists the volumes of the SR.',
      params: SrOnly,
      result: { name: 'volumes', description: 'The volumes of the SR', schema: Volumes },
    },
  },
});
