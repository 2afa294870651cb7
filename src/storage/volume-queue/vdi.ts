import type { Implementation } from '../../rpc/interface.ts';
import { destroyClone, heldBy, orDestroyed, type Volumes } from '../disks.ts';
import { completeVdiInfo, type VdiInfo } from '../smapiv2/types.ts';
import type { VdiInterface } from '../smapiv2/vdi.ts';
import { isoBasic, KEYS, smConfigKey, tagKey, vdiOf } from '../vdi-info.ts';
import { onSr, VOLUME_SCRIPTS as SCRIPTS, type VolumeQueue } from './queue.ts';
import { volumesOf } from './volumes.ts';

type Methods = Implementation<(typeof VdiInterface)['methods']>;

/** A call on one disk. */
interface OnVdi {
  readonly dbg: string;
  readonly sr: string;
  readonly vdi: string;
}

/** Operations on disks: on volumes, and on their way to a domain. */
export const vdiImplementation = (on: VolumeQueue): Methods => ({ ...volumes(on), ...keys(on), ...use(on) });

type VolumeMethods =
  | 'create'
  | 'snapshot'
  | 'clone'
  | 'destroy'
  | 'stat'
  | 'resize'
  | 'introduce'
  | 'set_name_label'
  | 'set_name_description'
  | 'enable_cbt'
  | 'disable_cbt'
  | 'data_destroy'
  | 'list_changed_blocks'
  | 'compose'
  | 'revert'
  | 'similar_content';

function volumes(on: VolumeQueue): Pick<Methods, VolumeMethods> {
  const { inOrder } = on;
  const onVolume = <T>({ sr, vdi }: OnVdi, task: () => Promise<T>): Promise<T> => inOrder(sr, [vdi], task);
  return {
    create: async ({ dbg, sr, vdi_info }) => {
      const { name_label, name_description, virtual_size, sharable, ty } = completeVdiInfo(vdi_info);
      const params = { name: name_label, description: name_description, size: virtual_size, sharable };
      const volume = await onSr(on, { dbg, sr }, SCRIPTS.create, params);
      if (ty === '') return vdiOf(volume);
      await setKeys(volumesOf(on, { dbg, sr }), volume.key, { [KEYS.type]: ty });
      return vdiOf({ ...volume, keys: { ...volume.keys, [KEYS.type]: ty } });
    },
    snapshot: ({ dbg, sr, vdi_info }) =>
      inOrder(sr, [vdi_info.vdi], () => snapshot(on, { dbg, sr }, completeVdiInfo(vdi_info))),
    clone: ({ dbg, sr, vdi_info }) =>
      inOrder(sr, [vdi_info.vdi], async () =>
        vdiOf(await onSr(on, { dbg, sr }, SCRIPTS.clone, { key: vdi_info.vdi })),
      ),
    destroy: (params) => onVolume(params, () => destroy(on, params)),
    stat: (params) =>
      onVolume(params, async () => vdiOf(await onSr(on, params, SCRIPTS.stat, { key: params.vdi }))),
    resize: (params) =>
      onVolume(params, async () => {
        const { vdi: key, new_size } = params;
        await onSr(on, params, SCRIPTS.resize, { key, new_size });
        return (await onSr(on, params, SCRIPTS.stat, { key })).virtual_size;
      }),
    introduce: (params) =>
      inOrder(params.sr, [params.location], async () =>
        vdiOf(await onSr(on, params, SCRIPTS.stat, { key: params.location })),
      ),
    set_name_label: (params) =>
      onVolume(params, () =>
        onSr(on, params, SCRIPTS.setName, { key: params.vdi, new_name: params.new_name_label }),
      ),
    set_name_description: (params) =>
      onVolume(params, () =>
        onSr(on, params, SCRIPTS.setDescription, {
          key: params.vdi,
          new_description: params.new_name_description,
        }),
      ),
    enable_cbt: (params) => onVolume(params, () => onSr(on, params, SCRIPTS.enableCbt, { key: params.vdi })),
    disable_cbt: (params) =>
      onVolume(params, () => onSr(on, params, SCRIPTS.disableCbt, { key: params.vdi })),
    data_destroy: (params) =>
      onVolume(params, async () => {
        await onSr(on, params, SCRIPTS.dataDestroy, { key: params.vdi });
        await volumesOf(on, params).set(params.vdi, KEYS.type, 'cbt_metadata');
        return null;
      }),
    list_changed_blocks: (params) =>
      inOrder(params.sr, [params.vdi_from, params.vdi_tp], async () => {
        const { vdi_from: key, vdi_tp: key2 } = params;
        // A length below 0 is all of it.
        const range = { offset: 0, length: -1 };
        return (await onSr(on, params, SCRIPTS.listChangedBlocks, { key, key2, ...range })).bitmap;
      }),
    compose: (params) =>
      inOrder(params.sr, [params.vdi1, params.vdi2], () =>
        onSr(on, params, SCRIPTS.compose, { key: params.vdi1, key2: params.vdi2 }),
      ),
    revert: ({ dbg, sr, snapshot_info: { vdi: snapshot, snapshot_of: key = '' } }) =>
      inOrder(sr, [snapshot, key], () => onSr(on, { dbg, sr }, SCRIPTS.revert, { snapshot, key })),
    similar_content: () => [],
  };
}

/** What SMAPIv2 knows of a snapshot is kept in its keys. */
async function snapshot(
  on: VolumeQueue,
  where: { readonly dbg: string; readonly sr: string },
  { vdi, content_id, ty, tags }: VdiInfo,
): Promise<VdiInfo> {
  const volume = await onSr(on, where, SCRIPTS.snapshot, { key: vdi });
  const told = {
    [KEYS.snapshotTime]: isoBasic(on.now()),
    [KEYS.isASnapshot]: 'true',
    [KEYS.snapshotOf]: vdi,
  };
  const kept = { [KEYS.contentId]: content_id, [KEYS.type]: ty };
  const tagged = Object.fromEntries(tags.map((tag) => [tagKey(tag), tag]));
  await setKeys(volumesOf(on, where), volume.key, { ...told, ...kept, ...tagged });
  return vdiOf({ ...volume, keys: { ...volume.keys, ...told, ...tagged } });
}

/** Gives a new volume its keys. */
const setKeys = (volumes: Volumes, volume: string, keys: Readonly<Record<string, string>>): Promise<void> =>
  orDestroyed(volumes, volume, async () => {
    for (const [name, value] of Object.entries(keys)) await volumes.set(volume, name, value);
  });

/** The clone that stands for a disk goes with it. */
async function destroy(on: VolumeQueue, params: OnVdi): Promise<null> {
  const volumes = volumesOf(on, params);
  const { keys } = await volumes.stat(params.vdi);
  const clone = keys[KEYS.cloneOnBoot];
  if (clone !== undefined) await destroyClone(volumes, clone);
  await volumes.destroy(params.vdi);
  return null;
}

type KeyMethods =
  | 'set_persistent'
  | 'set_content_id'
  | 'add_to_sm_config'
  | 'remove_from_sm_config'
  | 'add_tags'
  | 'remove_tags';

function keys(on: VolumeQueue): Pick<Methods, KeyMethods> {
  const set = (params: OnVdi, name: string, value: string): Promise<null> =>
    on.inOrder(params.sr, [params.vdi], async () => {
      await volumesOf(on, params).set(params.vdi, name, value);
      return null;
    });
  const unset = (params: OnVdi, name: string): Promise<null> =>
    on.inOrder(params.sr, [params.vdi], async () => {
      await volumesOf(on, params).unset(params.vdi, name);
      return null;
    });
  return {
    // Whether a disk is kept is said when an epoch begins.
    set_persistent: () => null,
    set_content_id: (params) => set(params, KEYS.contentId, params.content_id),
    add_to_sm_config: (params) => set(params, smConfigKey(params.key), params.value),
    remove_from_sm_config: (params) => unset(params, smConfigKey(params.key)),
    add_tags: (params) => set(params, tagKey(params.key), params.key),
    remove_tags: (params) => unset(params, tagKey(params.key)),
  };
}

type UseMethods =
  | 'epoch_begin'
  | 'epoch_end'
  | 'attach3'
  | 'activate3'
  | 'activate_readonly'
  | 'deactivate'
  | 'detach';

function use(on: VolumeQueue): Pick<Methods, UseMethods> {
  const { disks, inOrder } = on;
  const inTurn = (params: OnVdi, task: () => Promise<void>): Promise<null> =>
    inOrder(params.sr, [params.vdi], async () => {
      await task();
      return null;
    });
  return {
    epoch_begin: (params) =>
      inTurn(params, () => disks.epochBegin(params, params.persistent, volumesOf(on, params))),
    epoch_end: (params) => inTurn(params, () => disks.epochEnd(params, volumesOf(on, params))),
    attach3: (params) =>
      inOrder(params.sr, [params.vdi], () =>
        disks.attach(heldBy(params), params.read_write, volumesOf(on, params)),
      ),
    activate3: (params) =>
      inTurn(params, () => disks.activate(heldBy(params), 'activate', volumesOf(on, params))),
    activate_readonly: (params) =>
      inTurn(params, () => disks.activate(heldBy(params), 'activate_readonly', volumesOf(on, params))),
    deactivate: (params) => inTurn(params, () => disks.deactivate(heldBy(params), volumesOf(on, params))),
    detach: (params) => inTurn(params, () => disks.detach(heldBy(params), volumesOf(on, params))),
  };
}
