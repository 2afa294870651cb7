import type { Implementation } from '../../rpc/interface.ts';
import { DataInterface } from '../data.ts';
import { DatapathInterface } from '../datapath.ts';
import { answered, type DisksOptions, domainOf, heldBy, type VdiUse } from '../disks.ts';
import { smapiv2Error } from '../errors.ts';
import { scriptOf } from '../scripts.ts';
import type { Smapiv2DataInterface } from '../smapiv2/data.ts';
import type { DpInterface } from '../smapiv2/dp.ts';
import type { DiskImplementation } from '../types.ts';
import type { VolumeQueue } from './queue.ts';
import { volumesOf } from './volumes.ts';

/** What a datapath plugin must have to take in a mirror. */
const VDI_MIRROR_IN = 'VDI_MIRROR_IN';

const MIRROR = scriptOf(DataInterface, 'mirror');
const DATA_STAT = scriptOf(DataInterface, 'stat');
const IMPORT_ACTIVATE = scriptOf(DatapathInterface, 'import_activate');

type InUse = VdiUse & { readonly dp: string };

/** Told when a datapath is left behind that could not be let go of. */
export type Leaked = (use: InUse, error: unknown) => void;

export function dpImplementation(
  on: VolumeQueue,
  leaked: Leaked,
): Implementation<(typeof DpInterface)['methods']> {
  const { disks, inOrder } = on;
  return {
    destroy2: (params) =>
      inOrder(params.sr, [params.vdi], async () => {
        try {
          await disks.detach(heldBy(params), volumesOf(on, params));
        } catch (error) {
          if (!params.allow_leak) throw error;
          leaked(params, error);
        }
        return null;
      }),
    attach_info: (params) =>
      inOrder(params.sr, [params.vdi], () => disks.attach(heldBy(params), undefined, volumesOf(on, params))),
  };
}

export function dataImplementation(
  on: VolumeQueue,
  { driver, plugins }: Pick<DisksOptions, 'driver' | 'plugins'>,
): Implementation<(typeof Smapiv2DataInterface)['methods']> {
  const { disks, inOrder } = on;
  return {
    mirror: (params) =>
      inOrder(params.sr, [params.vdi], async () => {
        const { dbg, vm: domain, url: remote } = params;
        const choice = await disks.choiceFor(params, domain, volumesOf(on, params));
        return answered(driver, choice, MIRROR, { dbg, uri: choice.uri, domain, remote });
      }),
    // Progress is asked for while other calls on the disk are under way.
    stat: async (params) => {
      const { dbg, vm: domain, operation } = params;
      const choice = await disks.choiceFor(params, domain, volumesOf(on, params));
      return answered(driver, choice, DATA_STAT, { dbg, operation });
    },
    import_activate: (params) =>
      inOrder(params.sr, [params.vdi], async () => {
        const { dbg } = params;
        const domain = domainOf(params.vm, params.dp);
        const choice = await disks.choiceFor(params, domain, volumesOf(on, params));
        if (plugins.features(choice.plugin)?.has(VDI_MIRROR_IN) !== true) {
          throw smapiv2Error('Unimplemented', VDI_MIRROR_IN);
        }
        return answered(driver, choice, IMPORT_ACTIVATE, { dbg, uri: choice.uri, domain });
      }),
    get_nbd_server: (params) =>
      inOrder(params.sr, [params.vdi], async () => {
        const { implementations } = await disks.attach(heldBy(params), undefined, volumesOf(on, params));
        const socket = implementations.map(nbdSocket).find((path) => path !== undefined);
        if (socket !== undefined) return socket;
        throw smapiv2Error('Backend_error', [
          'NO_NBD_SERVER',
          ['the plugin offers no NBD server on a Unix socket'],
        ]);
      }),
  };
}

/** `nbd:unix:<socket>:exportname=<name>`. */
const NBD_URI = /^nbd:unix:(.+?)(?::exportname=.*)?$/;

const nbdSocket = (implementation: DiskImplementation): string | undefined =>
  implementation[0] === 'Nbd' ? NBD_URI.exec(implementation[1].uri)?.[1] : undefined;
