import Type from 'typebox';
import { defineInterface } from '../../rpc/interface.ts';
import { SMAPIV2_ERRORS } from '../errors.ts';
import { Int64 } from '../int64.ts';
import { BACKEND_TYPES, Backend, Dbg, NOTHING, StringMap } from '../types.ts';
import { Dp, GivenVdiInfo, SMAPIV2_TYPES, SrUuid, Vdi, VdiInfo, Vm } from './types.ts';

/** The `VDI` interface of SMAPIv2: disks, from their making to their use by a domain. */

const VdiOnly = Type.Object({ dbg: Dbg, sr: SrUuid, vdi: Vdi });

const WithInfo = Type.Object({ dbg: Dbg, sr: SrUuid, vdi_info: GivenVdiInfo });

const InUse = Type.Object({ dbg: Dbg, dp: Dp, sr: SrUuid, vdi: Vdi, vm: Vm });

const Persistent = Type.Boolean({ description: 'Whether writes outlive the guest' });

const StoredKey = Type.String({ description: 'The key in sm_config' });
const Tag = Type.Object({ dbg: Dbg, sr: SrUuid, vdi: Vdi, key: Type.String({ description: 'The tag' }) });

const infoResult = (description: string) => ({ name: 'vdi_info', description, schema: VdiInfo });

export const VdiInterface = defineInterface({
  name: 'VDI',
  description:
    'Operations on disks. The order of those of a datapath is epoch_begin, attach3, activate3, deactivate, detach, ' +
    'epoch_end; each may be called again with the same effect.',
  types: [SMAPIV2_TYPES.vdiInfo, SMAPIV2_TYPES.givenVdiInfo, ...BACKEND_TYPES],
  errorType: 'error',
  errors: SMAPIV2_ERRORS,
  methods: {
    create: {
      aliases: [],
      description: 'Makes a new disk. It may be larger than was asked for, never smaller.',
      params: WithInfo,
      result: infoResult('The new disk'),
    },
    snapshot: {
      aliases: [],
      description: 'Makes a snapshot of the disk that vdi_info tells of.',
      params: WithInfo,
      result: infoResult('The snapshot'),
    },
    clone: {
      aliases: [],
      description: 'Makes a clone of the disk that vdi_info tells of.',
      params: WithInfo,
      result: infoResult('The clone'),
    },
    destroy: {
      aliases: [],
      description: 'Removes the disk from its SR.',
      params: VdiOnly,
      result: NOTHING,
    },
    stat: {
      aliases: [],
      description: 'Tells the properties of the disk.',
      params: VdiOnly,
      result: infoResult('The disk'),
    },
    resize: {
      aliases: [],
      description: 'Makes the disk at least as large as asked for.',
      params: Type.Object({
        dbg: Dbg,
        sr: SrUuid,
        vdi: Vdi,
        new_size: Int64({ description: 'The least new size in bytes' }),
      }),
      result: { name: 'new_size', description: 'The size that it has now, in bytes', schema: Int64() },
    },
    introduce: {
      aliases: [],
      description: 'Finds a disk that is on the storage already.',
      params: Type.Object({
        dbg: Dbg,
        sr: SrUuid,
        uuid: Type.String({ description: 'The uuid that the disk is to have in the XenAPI' }),
        sm_config: StringMap('What the storage is to keep with the disk'),
        location: Type.String({ description: 'The key of the disk on the storage' }),
      }),
      result: infoResult('The disk'),
    },
    set_name_label: {
      aliases: [],
      description: 'Changes the name of the disk.',
      params: Type.Object({
        dbg: Dbg,
        sr: SrUuid,
        vdi: Vdi,
        new_name_label: Type.String({ description: 'The new name' }),
      }),
      result: NOTHING,
    },
    set_name_description: {
      aliases: [],
      description: 'Changes the description of the disk.',
      params: Type.Object({
        dbg: Dbg,
        sr: SrUuid,
        vdi: Vdi,
        new_name_description: Type.String({ description: 'The new description' }),
      }),
      result: NOTHING,
    },
    set_persistent: {
      aliases: [],
      description: 'Says whether the writes to the disk are to outlive the guest.',
      params: Type.Object({ dbg: Dbg, sr: SrUuid, vdi: Vdi, persistent: Persistent }),
      result: NOTHING,
    },
    epoch_begin: {
      aliases: [],
      description:
        'Says that the guest of the disk is about to start. It is not called when a guest is resumed or migrated.',
      params: Type.Object({ dbg: Dbg, sr: SrUuid, vdi: Vdi, vm: Vm, persistent: Persistent }),
      result: NOTHING,
    },
    attach3: {
      aliases: [],
      description: 'Makes the disk ready for a domain and tells how to reach it.',
      params: Type.Object({
        dbg: Dbg,
        dp: Dp,
        sr: SrUuid,
        vdi: Vdi,
        vm: Vm,
        read_write: Type.Boolean({ description: 'Whether the domain has to be able to write' }),
      }),
      result: { name: 'backend', description: 'How the disk is reached', schema: Backend },
    },
    activate3: {
      aliases: [],
      description: 'Says that the domain reads and writes from now on. The disk has to be attached.',
      params: InUse,
      result: NOTHING,
    },
    activate_readonly: {
      aliases: [],
      description: 'Says that the domain reads from now on. The disk has to be attached.',
      params: InUse,
      result: NOTHING,
    },
    deactivate: {
      aliases: [],
      description: 'Says that the domain does not read or write any more.',
      params: InUse,
      result: NOTHING,
    },
    detach: {
      aliases: [],
      description: 'Gives up what attach3 made ready.',
      params: InUse,
      result: NOTHING,
    },
    epoch_end: {
      aliases: [],
      description: 'Says that the guest of the disk has ended. Writes that were not to stay are thrown away.',
      params: Type.Object({ dbg: Dbg, sr: SrUuid, vdi: Vdi, vm: Vm }),
      result: NOTHING,
    },
    enable_cbt: {
      aliases: [],
      description: 'Begins to track which blocks of the disk change.',
      params: VdiOnly,
      result: NOTHING,
    },
    disable_cbt: {
      aliases: [],
      description: 'Ends to track which blocks of the disk change.',
      params: VdiOnly,
      result: NOTHING,
    },
    data_destroy: {
      aliases: [],
      description: 'Removes the data of a snapshot and keeps what is known of its changed blocks.',
      params: VdiOnly,
      result: NOTHING,
    },
    list_changed_blocks: {
      aliases: [],
      description: 'Tells the blocks that have changed from one disk to another.',
      params: Type.Object({
        dbg: Dbg,
        sr: SrUuid,
        vdi_from: Type.String({ description: 'The key of the earlier disk' }),
        // This is how xapi spells it.
        vdi_tp: Type.String({ description: 'The key of the later disk; the name is really spelled so' }),
      }),
      result: {
        name: 'bitmap',
        description: 'The bitmap in base64: a bit is set where the data has changed',
        schema: Type.String(),
      },
    },
    compose: {
      aliases: [],
      description: 'Lays the changes of the second disk over the first one.',
      params: Type.Object({
        dbg: Dbg,
        sr: SrUuid,
        vdi1: Type.String({ description: 'The key of the parent' }),
        vdi2: Type.String({ description: 'The key of the child' }),
      }),
      result: NOTHING,
    },
    set_content_id: {
      aliases: [],
      description: 'Gives the content of the disk a new name.',
      params: Type.Object({
        dbg: Dbg,
        sr: SrUuid,
        vdi: Vdi,
        content_id: Type.String({ description: 'What names the content from now on' }),
      }),
      result: NOTHING,
    },
    add_to_sm_config: {
      aliases: [],
      description: 'Adds a key to sm_config of the disk.',
      params: Type.Object({
        dbg: Dbg,
        sr: SrUuid,
        vdi: Vdi,
        key: StoredKey,
        value: Type.String({ description: 'The value of the key' }),
      }),
      result: NOTHING,
    },
    remove_from_sm_config: {
      aliases: [],
      description: 'Removes a key from sm_config of the disk.',
      params: Type.Object({ dbg: Dbg, sr: SrUuid, vdi: Vdi, key: StoredKey }),
      result: NOTHING,
    },
    add_tags: {
      aliases: [],
      description: 'Adds a tag to the disk.',
      params: Tag,
      result: NOTHING,
    },
    remove_tags: {
      aliases: [],
      description: 'Removes a tag from the disk.',
      params: Tag,
      result: NOTHING,
    },
    similar_content: {
      aliases: [],
      description: 'Lists disks whose data is like that of the disk.',
      params: VdiOnly,
      result: { name: 'vdis', description: 'The disks', schema: Type.Array(VdiInfo) },
    },
    revert: {
      aliases: [],
      description: 'Gives a disk the data of its snapshot again: snapshot_info is the snapshot.',
      params: Type.Object({ dbg: Dbg, sr: SrUuid, snapshot_info: GivenVdiInfo }),
      result: NOTHING,
    },
  },
});
