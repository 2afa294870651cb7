import Type from 'typebox';
import { defineInterface } from '../../rpc/interface.ts';
import { SMAPIV2_ERRORS } from '../errors.ts';
import { BACKEND_TYPES, Backend, Dbg, NOTHING } from '../types.ts';
import { Dp, SrUuid, Vdi, Vm } from './types.ts';

/** The `DP` interface of SMAPIv2: the datapaths themselves, by their names. */

export const DpInterface = defineInterface({
  name: 'DP',
  description: 'Operations on datapaths. A datapath is one use of a disk.',
  types: BACKEND_TYPES,
  errorType: 'error',
  errors: SMAPIV2_ERRORS,
  methods: {
    destroy2: {
      aliases: [],
      description: 'Deactivates and detaches the disk if need be, and forgets the datapath.',
      params: Type.Object({
        dbg: Dbg,
        dp: Dp,
        sr: SrUuid,
        vdi: Vdi,
        vm: Vm,
        allow_leak: Type.Boolean({
          description: 'Whether it may succeed though something could not be undone',
        }),
      }),
      result: NOTHING,
    },
    attach_info: {
      aliases: [],
      description: 'Tells again what VDI.attach3 has answered. The disk has to be attached.',
      params: Type.Object({ dbg: Dbg, sr: SrUuid, vdi: Vdi, dp: Dp, vm: Vm }),
      result: { name: 'backend', description: 'How the disk is reached', schema: Backend },
    },
  },
});
