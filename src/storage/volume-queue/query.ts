import type { Implementation } from '../../rpc/interface.ts';
import { PluginInterface } from '../plugin.ts';
import type { Plugin } from '../plugins/plugin.ts';
import { runScript, scriptOf } from '../scripts.ts';
import type { QueryInterface } from '../smapiv2/query.ts';
import type { VolumeQueue } from './queue.ts';

const DIAGNOSTICS = scriptOf(PluginInterface, 'diagnostics');

/** What a plugin can do for SMAPIv2 when it has a script for it. */
const FEATURES_BY_SCRIPT: readonly (readonly [script: string, feature: string])[] = [
  ['SR.attach', 'SR_ATTACH'],
  ['SR.create', 'SR_CREATE'],
  ['SR.destroy', 'SR_DELETE'],
  ['SR.detach', 'SR_DETACH'],
  ['SR.ls', 'SR_SCAN'],
  ['SR.stat', 'SR_UPDATE'],
  ['SR.probe', 'SR_PROBE'],
  ['Volume.create', 'VDI_CREATE'],
  ['Volume.clone', 'VDI_CLONE'],
  ['Volume.snapshot', 'VDI_SNAPSHOT'],
  ['Volume.resize', 'VDI_RESIZE'],
  ['Volume.destroy', 'VDI_DELETE'],
  ['Volume.stat', 'VDI_UPDATE'],
];

/** What the datapath plugins do for every volume plugin. */
const FEATURES_ALWAYS = ['VDI_ATTACH', 'VDI_DETACH', 'VDI_ACTIVATE', 'VDI_DEACTIVATE', 'VDI_INTRODUCE'];

/** The features of a volume plugin as xapi names them, each once. */
function featuresOf({ query, has }: Plugin): string[] {
  const declared = query.features.map((feature) => (feature === 'VDI_DESTROY' ? 'VDI_DELETE' : feature));
  const found = FEATURES_BY_SCRIPT.filter(([script]) => has(script)).map(([, feature]) => feature);
  const all = new Set([...declared, ...found, ...FEATURES_ALWAYS]);
  // A disk that can be cloned can begin anew at each boot.
  return all.has('VDI_CLONE') ? ['VDI_RESET_ON_BOOT/2', ...all] : [...all];
}

export function queryImplementation({
  plugin,
}: VolumeQueue): Implementation<(typeof QueryInterface)['methods']> {
  return {
    query: () => {
      const current = plugin();
      const { plugin: driver, ...query } = current.query;
      return {
        driver,
        ...query,
        features: featuresOf(current),
        supported_image_formats: [],
        smapi_version: 'SMAPIv3',
      };
    },
    diagnostics: ({ dbg }) => runScript(plugin(), DIAGNOSTICS, { dbg }),
  };
}
