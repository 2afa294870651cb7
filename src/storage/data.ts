import Type from 'typebox';
import { defineInterface } from '../rpc/interface.ts';
import { Domain, Uri } from './datapath.ts';
import { SMAPIV3_ERRORS } from './errors.ts';
import {
  BLOCKLIST_TYPE,
  Blocklist,
  Dbg,
  NOTHING,
  OPERATION_TYPES,
  Operation,
  OperationStatus,
} from './types.ts';

/** The `Data` interface of SMAPIv3, version 5: copies and mirrors, which go on after the call that began them. */

const Remote = Type.String({
  description: 'A URI under which the other volume is reached, with all that is needed to log in',
});

const OperationOnly = Type.Object({ dbg: Dbg, operation: Operation });

const Operations = Type.Array(Operation);

export const DataInterface = defineInterface({
  name: 'Data',
  description:
    'Copy and mirror the data of volumes. The operations go on after the call that began them: stat tells how far ' +
    'they are.',
  types: [
    ...OPERATION_TYPES,
    { name: 'operations', description: 'A list of operations', schema: Operations },
    BLOCKLIST_TYPE,
  ],
  errorType: 'exnt',
  errors: SMAPIV3_ERRORS,
  methods: {
    copy: {
      aliases: [],
      description:
        'Begins to copy blocks of a disk to a remote one. It may run beside a mirror of the same disk, whose writes ' +
        'it must not undo.',
      params: Type.Object({ dbg: Dbg, uri: Uri, domain: Domain, remote: Remote, blocklist: Blocklist }),
      result: { name: 'operation', description: 'The copy that began', schema: Operation },
    },
    mirror: {
      aliases: [],
      description: 'Begins to send every new write of a disk to a remote one as well.',
      params: Type.Object({ dbg: Dbg, uri: Uri, domain: Domain, remote: Remote }),
      result: { name: 'operation', description: 'The mirror that began', schema: Operation },
    },
    stat: {
      aliases: [],
      description: 'Tells how far an operation is.',
      params: OperationOnly,
      result: { name: 'status', description: 'How far the operation is', schema: OperationStatus },
    },
    cancel: {
      aliases: [],
      description: 'Ends an operation early. It may answer before the operation has ended.',
      params: OperationOnly,
      result: NOTHING,
    },
    destroy: {
      aliases: [],
      description: 'Forgets an operation. It fails while the operation runs.',
      params: OperationOnly,
      result: NOTHING,
    },
    ls: {
      aliases: [],
      description: 'Lists the operations.',
      params: Type.Object({ dbg: Dbg }),
      result: { name: 'operations', description: 'The operations there are', schema: Operations },
    },
  },
});
