import Type, { type Static } from 'typebox';
import { defineInterface } from '../rpc/interface.ts';
import { SMAPIV3_ERRORS } from './errors.ts';
import { Int64 } from './int64.ts';
import { BLOCKLIST_TYPE, Blocklist, Dbg, Key, NOTHING, Sr, VOLUME_TYPE, Volume } from './types.ts';

/** The `Volume` interface of SMAPIv3, version 5: the volumes of an SR, as a volume plugin has them. */

export const ChangedBlocks = Type.Object({
  granularity: Int64({ description: 'The bytes that one bit of the bitmap stands for' }),
  bitmap: Type.String({ description: 'The bitmap in base64: a bit is set where the data has changed' }),
});
export type ChangedBlocks = Static<typeof ChangedBlocks>;

const Keys = Type.Array(Type.String());

const VolumeOnly = Type.Object({ dbg: Dbg, sr: Sr, key: Key });

const Key2 = Type.String({ description: 'The key of the second volume' });
const TwoVolumes = Type.Object({ dbg: Dbg, sr: Sr, key: Key, key2: Key2 });

const volumeResult = (description: string) => ({ name: 'volume', description, schema: Volume });

const StoredKey = Type.String({ description: 'The name of what is kept with the volume' });

export const VolumeInterface = defineInterface({
  name: 'Volume',
  description: 'Operations on volumes, which xapi calls virtual disk images.',
  types: [
    VOLUME_TYPE,
    { name: 'key_list', description: 'A list of keys of volumes', schema: Keys },
    BLOCKLIST_TYPE,
    { name: 'changed_blocks', description: 'Which blocks of a volume have changed', schema: ChangedBlocks },
  ],
  errorType: 'exns',
  errors: SMAPIV3_ERRORS,
  methods: {
    create: {
      aliases: [],
      description: 'Makes a new volume. It may be larger than was asked for, never smaller.',
      params: Type.Object({
        dbg: Dbg,
        sr: Sr,
        name: Type.String({ description: 'A short name for people' }),
        description: Type.String({ description: 'A longer description for people' }),
        size: Int64({ description: 'The least size in bytes' }),
        sharable: Type.Boolean({ description: 'Whether several hosts may have it attached at once' }),
      }),
      result: volumeResult('The new volume'),
    },
    snapshot: {
      aliases: [],
      description:
        'Makes a snapshot of the volume, which is never written to. Name and description are copied, what set keeps ' +
        'is not.',
      params: VolumeOnly,
      result: volumeResult('The snapshot'),
    },
    clone: {
      aliases: [],
      description:
        'Makes a clone of the volume, which can be written to. Name and description are copied, what set keeps is not.',
      params: VolumeOnly,
      result: volumeResult('The clone'),
    },
    copy: {
      aliases: [],
      description:
        'Makes a copy of the volume in an SR, faster than block by block. Who is refused has to copy the blocks. It ' +
        'needs the feature VDI_COPY of the plugin.',
      params: Type.Object({
        dbg: Dbg,
        sr: Sr,
        key: Key,
        dest_sr: Type.String({ description: 'The handle of the SR that the copy is made in' }),
      }),
      result: volumeResult('The copy'),
    },
    destroy: {
      aliases: [],
      description: 'Removes the volume from its SR.',
      params: VolumeOnly,
      result: NOTHING,
    },
    revert: {
      aliases: [],
      description: 'Gives the volume the data of a snapshot again.',
      params: Type.Object({
        dbg: Dbg,
        sr: Sr,
        snapshot: Type.String({ description: 'The key of the snapshot' }),
        key: Key,
      }),
      result: NOTHING,
    },
    set_name: {
      aliases: [],
      description: 'Changes the name of the volume.',
      params: Type.Object({
        dbg: Dbg,
        sr: Sr,
        key: Key,
        new_name: Type.String({ description: 'The new name' }),
      }),
      result: NOTHING,
    },
    set_description: {
      aliases: [],
      description: 'Changes the description of the volume.',
      params: Type.Object({
        dbg: Dbg,
        sr: Sr,
        key: Key,
        new_description: Type.String({ description: 'The new description' }),
      }),
      result: NOTHING,
    },
    set: {
      aliases: [],
      description: 'Keeps a text with the volume under a name. The plugin does not interpret either.',
      params: Type.Object({
        dbg: Dbg,
        sr: Sr,
        key: Key,
        k: StoredKey,
        v: Type.String({ description: 'The text' }),
      }),
      result: NOTHING,
    },
    unset: {
      aliases: [],
      description: 'Forgets what set has kept under a name.',
      params: Type.Object({ dbg: Dbg, sr: Sr, key: Key, k: StoredKey }),
      result: NOTHING,
    },
    resize: {
      aliases: [],
      description: 'Makes the volume at least as large as asked for.',
      params: Type.Object({
        dbg: Dbg,
        sr: Sr,
        key: Key,
        new_size: Int64({ description: 'The least new size in bytes' }),
      }),
      result: NOTHING,
    },
    stat: {
      aliases: [],
      description: 'Tells the properties of the volume.',
      params: VolumeOnly,
      result: volumeResult('The volume'),
    },
    compare: {
      aliases: [],
      description:
        'Tells the blocks in which two volumes differ. For volumes that have nothing to do with each other these are ' +
        'the blocks in use of the first.',
      params: TwoVolumes,
      result: { name: 'blocklist', description: 'The blocks that differ', schema: Blocklist },
    },
    similar_content: {
      aliases: [],
      description: 'Lists volumes whose data is like that of the volume, most alike first.',
      params: VolumeOnly,
      result: { name: 'key_list', description: 'The keys of the volumes', schema: Keys },
    },
    enable_cbt: {
      aliases: [],
      description: 'Begins to track which blocks of the volume change.',
      params: VolumeOnly,
      result: NOTHING,
    },
    disable_cbt: {
      aliases: [],
      description: 'Ends to track which blocks of the volume change.',
      params: VolumeOnly,
      result: NOTHING,
    },
    data_destroy: {
      aliases: [],
      description: 'Removes the data of a snapshot and keeps what is known of its changed blocks.',
      params: VolumeOnly,
      result: NOTHING,
    },
    list_changed_blocks: {
      aliases: [],
      description:
        'Tells the blocks that have changed from one volume to the other within an extent. The bitmap covers whole ' +
        'blocks, so it may begin before the extent and end behind it.',
      params: Type.Object({
        dbg: Dbg,
        sr: Sr,
        key: Key,
        key2: Key2,
        offset: Int64({ description: 'The first byte of the extent' }),
        length: Int64({ description: 'The length of the extent in bytes; -1: to the end of the volume' }),
      }),
      result: { name: 'changed_blocks', description: 'The blocks that have changed', schema: ChangedBlocks },
    },
    compose: {
      aliases: [],
      description: 'Lays the changes of the second volume, the child, over the first one, its parent.',
      params: TwoVolumes,
      result: NOTHING,
    },
  },
});
