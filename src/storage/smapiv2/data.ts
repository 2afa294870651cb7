import Type from 'typebox';
import { defineInterface } from '../../rpc/interface.ts';
import { SMAPIV2_ERRORS } from '../errors.ts';
import { Dbg, OPERATION_TYPES, Operation, OperationStatus } from '../types.ts';
import { Dp, SrUuid, Vdi, Vm } from './types.ts';

/** The `DATA` interface of SMAPIv2: mirrors of disks, and what takes one in. */

const DatapathParams = Type.Object({ dbg: Dbg, dp: Dp, sr: SrUuid, vdi: Vdi, vm: Vm });

export const Smapiv2DataInterface = defineInterface({
  name: 'DATA',
  description: 'Mirror the data of disks.',
  types: OPERATION_TYPES,
  errorType: 'error',
  errors: SMAPIV2_ERRORS,
  methods: {
    mirror: {
      aliases: [],
      description: 'Begins to send every new write of the disk to a remote one as well.',
      params: Type.Object({
        dbg: Dbg,
        sr: SrUuid,
        vdi: Vdi,
        image_format: Type.String({ description: 'The image format of the remote disk' }),
        vm: Vm,
        url: Type.String({ description: 'Where the remote disk is reached' }),
      }),
      result: { name: 'operation', description: 'The mirror that began', schema: Operation },
    },
    stat: {
      aliases: [],
      description: 'Tells how far a mirror is.',
      params: Type.Object({ dbg: Dbg, sr: SrUuid, vdi: Vdi, vm: Vm, operation: Operation }),
      result: { name: 'status', description: 'How far it is', schema: OperationStatus },
    },
    import_activate: {
      aliases: [],
      description: 'Makes the disk ready to take in the writes of a mirror.',
      params: DatapathParams,
      result: {
        name: 'sock_path',
        description: 'The path of the Unix socket that takes NBD connections',
        schema: Type.String(),
      },
    },
    get_nbd_server: {
      aliases: [],
      description: 'Tells where the NBD server of an attached disk is.',
      params: DatapathParams,
      result: {
        name: 'sock_path',
        description: 'The path of the Unix socket of the NBD server',
        schema: Type.String(),
      },
    },
  },
});
