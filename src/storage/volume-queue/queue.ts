import type { Static, TSchema } from 'typebox';
import type { Struct } from '../../wire/value.ts';
import type { AttachedSrs } from '../attached-srs.ts';
import type { Disks } from '../disks.ts';
import type { Plugin } from '../plugins/plugin.ts';
import { runScript, type Script, scriptOf } from '../scripts.ts';
import { SrInterface } from '../sr.ts';
import { VolumeInterface } from '../volume.ts';

/** What the methods of a volume plugin's queue stand on. */
export interface VolumeQueue {
  readonly queue: string;
  /** The plugin as it is now. */
  readonly plugin: () => Plugin;
  readonly srs: AttachedSrs;
  readonly disks: Disks;
  /** Runs a task when those on the same disks that came before are done. */
  readonly inOrder: InOrder;
  /** A clock, in ms since the epoch. */
  readonly now: () => number;
  readonly pause: (ms: number) => Promise<void>;
}

export type InOrder = <T>(sr: string, vdis: readonly string[], task: () => Promise<T>) => Promise<T>;

/** The names of the scripts, with what they answer. */
export const SR_SCRIPTS = {
  probe: scriptOf(SrInterface, 'probe'),
  create: scriptOf(SrInterface, 'create'),
  destroy: scriptOf(SrInterface, 'destroy'),
  stat: scriptOf(SrInterface, 'stat'),
  setName: scriptOf(SrInterface, 'set_name'),
  setDescription: scriptOf(SrInterface, 'set_description'),
  ls: scriptOf(SrInterface, 'ls'),
};

export const VOLUME_SCRIPTS = {
  create: scriptOf(VolumeInterface, 'create'),
  snapshot: scriptOf(VolumeInterface, 'snapshot'),
  clone: scriptOf(VolumeInterface, 'clone'),
  destroy: scriptOf(VolumeInterface, 'destroy'),
  revert: scriptOf(VolumeInterface, 'revert'),
  setName: scriptOf(VolumeInterface, 'set_name'),
  setDescription: scriptOf(VolumeInterface, 'set_description'),
  set: scriptOf(VolumeInterface, 'set'),
  unset: scriptOf(VolumeInterface, 'unset'),
  resize: scriptOf(VolumeInterface, 'resize'),
  stat: scriptOf(VolumeInterface, 'stat'),
  enableCbt: scriptOf(VolumeInterface, 'enable_cbt'),
  disableCbt: scriptOf(VolumeInterface, 'disable_cbt'),
  dataDestroy: scriptOf(VolumeInterface, 'data_destroy'),
  listChangedBlocks: scriptOf(VolumeInterface, 'list_changed_blocks'),
  compose: scriptOf(VolumeInterface, 'compose'),
};

/** Runs a script of the plugin on an attached SR. */
export function onSr<Result extends TSchema>(
  { queue, plugin, srs }: Pick<VolumeQueue, 'queue' | 'plugin' | 'srs'>,
  { dbg, sr }: { readonly dbg: string; readonly sr: string },
  script: Script<Result>,
  params: Struct = {},
): Promise<Static<Result>> {
  const { handle } = srs.get(queue, sr);
  return runScript(plugin(), script, { dbg, sr: handle, ...params });
}
