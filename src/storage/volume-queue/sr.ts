import type { Implementation } from '../../rpc/interface.ts';
import { smapiv2Error } from '../errors.ts';
import { runScript } from '../scripts.ts';
import type { Smapiv2SrInterface } from '../smapiv2/sr.ts';
import type { Probe } from '../smapiv2/types.ts';
import type { ProbeResult } from '../sr.ts';
import type { SrStat, Volume } from '../types.ts';
import { KEYS, srInfoOf, vdiOf } from '../vdi-info.ts';
import { onSr, SR_SCRIPTS, type VolumeQueue } from './queue.ts';

/** How often an SR that can't be reached is asked, and the pause between. */
const UNREACHABLE_TRIES = 4;
const UNREACHABLE_PAUSE_MS = 1000;

export function srImplementation(on: VolumeQueue): Implementation<(typeof Smapiv2SrInterface)['methods']> {
  const { queue, plugin, srs, inOrder } = on;
  return {
    create: ({ dbg, sr, name_label, name_description, device_config }) =>
      inOrder(sr, [], () =>
        runScript(plugin(), SR_SCRIPTS.create, {
          dbg,
          uuid: sr,
          configuration: device_config,
          name: name_label,
          description: name_description,
        }),
      ),
    attach: ({ dbg, sr, device_config }) =>
      inOrder(sr, [], async () => {
        await srs.attach(plugin(), sr, device_config, dbg);
        return null;
      }),
    detach: ({ dbg, sr }) =>
      inOrder(sr, [], async () => {
        await srs.detach(plugin(), sr, dbg);
        return null;
      }),
    destroy: (params) => inOrder(params.sr, [], () => onSr(on, params, SR_SCRIPTS.destroy)),
    reset: () => null,
    scan: async (params) => withoutClones(await onSr(on, params, SR_SCRIPTS.ls)).map(vdiOf),
    scan2: async (params) => {
      const stat = await statWhenReachable(on, params);
      const [health] = stat.health;
      if (health !== 'Healthy') throw smapiv2Error('Sr_unhealthy', [params.sr, health]);
      const volumes = await onSr(on, params, SR_SCRIPTS.ls);
      return [withoutClones(volumes).map(vdiOf), srInfoOf(stat)];
    },
    stat: async (params) => srInfoOf(await onSr(on, params, SR_SCRIPTS.stat)),
    list: () => srs.list(queue),
    probe: async ({ dbg, device_config }) => {
      const found = await runScript(plugin(), SR_SCRIPTS.probe, { dbg, configuration: device_config });
      return ['Probe', found.map(probed)];
    },
    set_name_label: (params) => onSr(on, params, SR_SCRIPTS.setName, { new_name: params.new_name_label }),
    set_name_description: (params) =>
      onSr(on, params, SR_SCRIPTS.setDescription, { new_description: params.new_name_description }),
  };
}

/** A storage that comes and goes is given some time. */
async function statWhenReachable(
  on: VolumeQueue,
  params: { readonly dbg: string; readonly sr: string },
): Promise<SrStat> {
  for (let tries = 1; ; tries += 1) {
    const stat = await onSr(on, params, SR_SCRIPTS.stat);
    if (stat.health[0] !== 'Unreachable' || tries === UNREACHABLE_TRIES) return stat;
    await on.pause(UNREACHABLE_PAUSE_MS);
  }
}

/** A clone that stands for a disk while a guest runs is no disk of its own. */
function withoutClones(volumes: readonly Volume[]): Volume[] {
  const clones = new Set(volumes.map(({ keys }) => keys[KEYS.cloneOnBoot]));
  return volumes.filter(({ key }) => !clones.has(key));
}

function probed({ configuration, complete, sr, extra_info }: ProbeResult): Probe {
  return { configuration, complete, ...(sr === undefined ? {} : { sr: srInfoOf(sr) }), extra_info };
}
