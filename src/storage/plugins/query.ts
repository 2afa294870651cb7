import type { Static } from 'typebox';
import { checker } from '../../rpc/validate.ts';
import { isStruct, type Value } from '../../wire/value.ts';
import { PluginInterface } from '../plugin.ts';

const schema = PluginInterface.methods.Query.result.schema;

/** What a plugin says of itself. */
export type QueryResult = Static<typeof schema>;

/** The versions of SMAPIv3 that scripts are called as. */
const KNOWN_VERSIONS: readonly string[] = ['3.0', '4.0', '5.0'];

/** The answer of a `Plugin.Query`, or why it is none. */
export function readQuery(
  value: Value,
):
  | { readonly type: 'query'; readonly query: QueryResult }
  | { readonly type: 'refused'; readonly reason: string } {
  const checked = check(withoutNulls(value));
  if (checked.type === 'invalid') return { type: 'refused', reason: checked.reason };
  const { required_api_version: version } = checked.value;
  if (KNOWN_VERSIONS.includes(version)) return { type: 'query', query: checked.value };
  const known = KNOWN_VERSIONS.join(', ');
  return {
    type: 'refused',
    reason: `Plugin.Query.required_api_version: expected one of ${known}, got ${JSON.stringify(version.slice(0, 40))}`,
  };
}

const check = checker(schema, 'Plugin.Query');

/** A script's `null` for a field is its absence. */
const withoutNulls = (value: Value): Value =>
  isStruct(value) ? Object.fromEntries(Object.entries(value).filter(([, field]) => field !== null)) : value;

/** The script behind each feature that needs one. */
const SCRIPTS: Readonly<Record<'volume' | 'datapath', Readonly<Record<string, string>>>> = {
  volume: {
    SR_ATTACH: 'SR.attach',
    SR_CREATE: 'SR.create',
    SR_DELETE: 'SR.destroy',
    SR_DETACH: 'SR.detach',
    SR_SCAN: 'SR.ls',
    SR_UPDATE: 'SR.stat',
    SR_PROBE: 'SR.probe',
    VDI_CREATE: 'Volume.create',
    VDI_CLONE: 'Volume.clone',
    VDI_RESET_ON_BOOT: 'Volume.clone',
    VDI_SNAPSHOT: 'Volume.snapshot',
    VDI_RESIZE: 'Volume.resize',
    VDI_DELETE: 'Volume.destroy',
    VDI_UPDATE: 'Volume.stat',
  },
  datapath: {
    NONPERSISTENT: 'Datapath.open',
    VDI_ACTIVATE_READONLY: 'Datapath.activate_readonly',
    VDI_MIRROR_IN: 'Datapath.import_activate',
    VDI_MIRROR: 'Data.mirror',
  },
};

/** The lines about features that a plugin lists without having what they need. */
export function missingScripts(
  kind: 'volume' | 'datapath',
  { features }: QueryResult,
  methods: { has(method: string): boolean },
): string[] {
  const scripts = SCRIPTS[kind];
  return features.flatMap((feature) => {
    // A feature may have a version: VDI_RESET_ON_BOOT/2.
    const [name = ''] = feature.split('/');
    const script = Object.hasOwn(scripts, name) ? scripts[name] : undefined;
    if (script === undefined || methods.has(script.toLowerCase())) return [];
    return [`it lists the feature ${feature.slice(0, 80)} and has no executable ${script}`];
  });
}
