import Type from 'typebox';
import { defineInterface } from '../../rpc/interface.ts';
import { SMAPIV2_ERRORS } from '../errors.ts';
import { Int64 } from '../int64.ts';
import { Dbg, NOTHING, StringMap } from '../types.ts';
import { Probe, SMAPIV2_TYPES, SrInfo, SrUuid, VdiInfo } from './types.ts';

/** The `SR` interface of SMAPIv2: storage repositories, by their uuids. */

const DeviceConfig = StringMap('Keys of the plugin that say where the storage is');

const SrOnly = Type.Object({ dbg: Dbg, sr: SrUuid });

const VdiInfos = Type.Array(VdiInfo);

const Scanned = Type.Tuple([VdiInfos, SrInfo]);

const Probed = Type.Tuple([Type.Literal('Probe'), Type.Array(Probe)]);

export const Smapiv2SrInterface = defineInterface({
  name: 'SR',
  description: 'Operations on storage repositories.',
  types: [
    SMAPIV2_TYPES.srInfo,
    SMAPIV2_TYPES.srHealth,
    SMAPIV2_TYPES.vdiInfo,
    SMAPIV2_TYPES.probe,
    { name: 'probed', description: 'What SR.probe found', schema: Probed },
  ],
  errorType: 'error',
  errors: SMAPIV2_ERRORS,
  methods: {
    create: {
      aliases: [],
      description: 'Makes a new SR. The device_config that it answers is the one to attach it with.',
      params: Type.Object({
        dbg: Dbg,
        sr: SrUuid,
        name_label: Type.String({ description: 'A short name for people' }),
        name_description: Type.String({ description: 'A longer description for people' }),
        device_config: DeviceConfig,
        physical_size: Int64({ description: 'The size in bytes, for storage that has to be told' }),
      }),
      result: {
        name: 'device_config',
        description: 'The device_config to attach it with',
        schema: DeviceConfig,
      },
    },
    attach: {
      aliases: [],
      description: 'Attaches the SR to this host, so that its disks can be used.',
      params: Type.Object({ dbg: Dbg, sr: SrUuid, device_config: DeviceConfig }),
      result: NOTHING,
    },
    detach: {
      aliases: [],
      description: 'Detaches the SR. One that is not attached is detached already.',
      params: SrOnly,
      result: NOTHING,
    },
    destroy: {
      aliases: [],
      description: 'Destroys an attached SR with all of its disks.',
      params: SrOnly,
      result: NOTHING,
    },
    reset: {
      aliases: [],
      description: 'Says that what served the SR has started afresh, so that nothing is attached any more.',
      params: SrOnly,
      result: NOTHING,
    },
    scan: {
      aliases: [],
      description: 'Lists the disks of the SR.',
      params: SrOnly,
      result: { name: 'result', description: 'The disks', schema: VdiInfos },
    },
    scan2: {
      aliases: [],
      description: 'Lists the disks of the SR and tells its properties.',
      params: SrOnly,
      result: { name: 'result', description: 'The disks, and the SR', schema: Scanned },
    },
    stat: {
      aliases: [],
      description: 'Tells the properties of the SR.',
      params: SrOnly,
      result: { name: 'result', description: 'The properties of the SR', schema: SrInfo },
    },
    list: {
      aliases: [],
      description: 'Lists the SRs that are attached.',
      params: Type.Object({ dbg: Dbg }),
      result: { name: 'result', description: 'The uuids of the SRs', schema: Type.Array(Type.String()) },
    },
    probe: {
      aliases: [],
      description: 'Looks for SRs, and for places where one could be, that device_config leads to.',
      params: Type.Object({
        dbg: Dbg,
        queue: Type.String({ description: 'The queue of the plugin' }),
        device_config: DeviceConfig,
        sm_config: StringMap('Keys of the storage itself'),
      }),
      result: { name: 'result', description: 'What was found', schema: Probed },
    },
    set_name_label: {
      aliases: [],
      description: 'Changes the name of the SR.',
      params: Type.Object({
        dbg: Dbg,
        sr: SrUuid,
        new_name_label: Type.String({ description: 'The new name' }),
      }),
      result: NOTHING,
    },
    set_name_description: {
      aliases: [],
      description: 'Changes the description of the SR.',
      params: Type.Object({
        dbg: Dbg,
        sr: SrUuid,
        new_name_description: Type.String({ description: 'The new description' }),
      }),
      result: NOTHING,
    },
  },
});
