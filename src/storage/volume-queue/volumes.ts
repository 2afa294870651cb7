import type { Volumes } from '../disks.ts';
import { smapiv2Error } from '../errors.ts';
import { onSr, VOLUME_SCRIPTS, type VolumeQueue } from './queue.ts';

/** The volumes of an attached SR, through the scripts of its plugin. */
export function volumesOf(
  on: Pick<VolumeQueue, 'queue' | 'plugin' | 'srs'>,
  where: { readonly dbg: string; readonly sr: string },
): Volumes {
  return {
    stat: (key) => onSr(on, where, VOLUME_SCRIPTS.stat, { key }),
    clone: async (key) => {
      const { name } = VOLUME_SCRIPTS.set;
      // An old plugin may lack it, and then nobody would know of the clone: what is to be thrown away would be kept.
      if (!on.plugin().has(name)) throw smapiv2Error('Unimplemented', name);
      return onSr(on, where, VOLUME_SCRIPTS.clone, { key });
    },
    destroy: async (key) => {
      await onSr(on, where, VOLUME_SCRIPTS.destroy, { key });
    },
    set: async (key, name, value) => {
      await onSr(on, where, VOLUME_SCRIPTS.set, { key, k: name, v: value });
    },
    unset: async (key, name) => {
      await onSr(on, where, VOLUME_SCRIPTS.unset, { key, k: name });
    },
  };
}
