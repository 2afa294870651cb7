import type { Static } from 'typebox';
import type { SrInfo, VdiInfo } from './smapiv2/types.ts';
import type { SrStat, Volume } from './types.ts';

/** What SMAPIv2 calls a VDI and an SR, made from what SMAPIv3's plugins tell of a volume and an SR. */

/** The keys of a volume that hold what SMAPIv2 knows of a VDI and SMAPIv3 does not. */
export const KEYS = {
  type: 'vdi-type',
  contentId: 'content_id',
  snapshotTime: 'snapshot_time',
  isASnapshot: 'is_a_snapshot',
  snapshotOf: 'snapshot_of',
  /** The volume that stands for the disk until its epoch ends. */
  cloneOnBoot: 'clone-on-boot',
} as const;

const SM_CONFIG = '_sm_config_';
const TAGS = 'tags';

export const smConfigKey = (name: string): string => `${SM_CONFIG}${name}`;
export const tagKey = (tag: string): string => `${TAGS}${tag}`;

/** When nothing was ever snapshotted. */
const NEVER = '19700101T00:00:00Z';

export function vdiOf(volume: Static<typeof Volume>): Static<typeof VdiInfo> {
  const { keys } = volume;
  return {
    vdi: volume.key,
    ...(volume.uuid === undefined ? {} : { uuid: volume.uuid }),
    content_id: keys[KEYS.contentId] ?? '',
    name_label: volume.name,
    name_description: volume.description,
    ty: keys[KEYS.type] ?? '',
    metadata_of_pool: '',
    is_a_snapshot: keys[KEYS.isASnapshot] === 'true',
    snapshot_time: keys[KEYS.snapshotTime] ?? NEVER,
    snapshot_of: keys[KEYS.snapshotOf] ?? '',
    read_only: !volume.read_write,
    cbt_enabled: volume.cbt_enabled ?? false,
    virtual_size: volume.virtual_size,
    physical_utilisation: volume.physical_utilisation,
    persistent: true,
    sharable: volume.sharable,
    sm_config: Object.fromEntries(startingWith(SM_CONFIG, keys)),
    tags: startingWith(TAGS, keys).map(([, value]) => value),
  };
}

/** The keys that begin so, without their beginning. */
const startingWith = (prefix: string, keys: Readonly<Record<string, string>>): [string, string][] =>
  Object.entries(keys).flatMap(([key, value]): [string, string][] =>
    key.startsWith(prefix) ? [[key.slice(prefix.length), value]] : [],
  );

export function srInfoOf(stat: Static<typeof SrStat>): Static<typeof SrInfo> {
  return {
    ...(stat.uuid === undefined ? {} : { sr_uuid: stat.uuid }),
    name_label: stat.name,
    name_description: stat.description,
    total_space: stat.total_space,
    free_space: stat.free_space,
    clustered: stat.clustered,
    health: stat.health[0],
  };
}

/** A moment as xapi writes it: `20261124T19:51:42Z`. */
export const isoBasic = (ms: number): string =>
  `${new Date(ms).toISOString().slice(0, 19).replaceAll('-', '')}Z`;
