import Type, { type Static } from 'typebox';
import type { NamedType } from '../../rpc/interface.ts';
import { SrHealth } from '../errors.ts';
import { Int64 } from '../int64.ts';
import { StringMap } from '../types.ts';

/** What more than one interface of SMAPIv2 speaks of, as xapi has it. */

/** The parameters that many calls share. */
export const SrUuid = Type.String({ description: 'The uuid of the SR' });
export const Vdi = Type.String({ description: 'The key of the disk in its SR' });
export const Dp = Type.String({ description: 'The name of the datapath: who uses the disk' });
export const Vm = Type.String({ description: 'The domid that the disk is for' });

/** What xapi may leave out of a disk in a call, and what it then is. */
const DEFAULTS = {
  content_id: '',
  name_description: '',
  ty: 'user',
  metadata_of_pool: '',
  is_a_snapshot: false,
  snapshot_time: '19700101T00:00:00Z',
  snapshot_of: '',
  read_only: false,
  cbt_enabled: false,
  virtual_size: 0,
  physical_utilisation: 0,
  persistent: true,
  sharable: false,
};

const optional = (name: keyof typeof DEFAULTS, description: string) => ({
  description,
  default: DEFAULTS[name],
});

const DEFAULTED = {
  content_id: Type.String(optional('content_id', 'What names the content of the disk')),
  name_description: Type.String(optional('name_description', 'A longer description for people')),
  ty: Type.String(optional('ty', 'What the disk is for')),
  metadata_of_pool: Type.String(optional('metadata_of_pool', 'The pool whose metadata is on the disk')),
  is_a_snapshot: Type.Boolean(optional('is_a_snapshot', 'Whether the disk is a snapshot')),
  snapshot_time: Type.String(
    optional('snapshot_time', 'When the snapshot was made, as in 20261124T19:51:42Z'),
  ),
  snapshot_of: Type.String(optional('snapshot_of', 'The key of the disk that it is a snapshot of')),
  read_only: Type.Boolean(optional('read_only', 'Whether the disk can not be written to')),
  cbt_enabled: Type.Boolean(optional('cbt_enabled', 'Whether changed blocks are tracked')),
  virtual_size: Int64(optional('virtual_size', 'The size in bytes as a guest sees it')),
  physical_utilisation: Int64(optional('physical_utilisation', 'The bytes that it takes on the storage now')),
  persistent: Type.Boolean(optional('persistent', 'Whether writes outlive the guest')),
  sharable: Type.Boolean(optional('sharable', 'Whether several hosts may have it attached at once')),
  sm_config: Type.Record(Type.String(), Type.String(), {
    description: 'What the storage keeps with the disk',
    default: {},
  }),
  tags: Type.Array(Type.String(), { description: 'Tags for people', default: [] }),
};

const REQUIRED = {
  vdi: Type.String({ description: 'The key of the disk in its SR; empty for one that is not there yet' }),
  uuid: Type.Optional(Type.String({ description: 'The uuid of the disk, where it has one' })),
  name_label: Type.String({ description: 'A short name for people' }),
};

/** A disk as it is answered. */
export const VdiInfo = Type.Object({ ...REQUIRED, ...DEFAULTED });
export type VdiInfo = Static<typeof VdiInfo>;

/** A disk as it comes in a call. */
export const GivenVdiInfo = Type.Object({ ...REQUIRED, ...Type.Partial(Type.Object(DEFAULTED)).properties });
export type GivenVdiInfo = Static<typeof GivenVdiInfo>;

/** Fills in what a call has left out. */
export const completeVdiInfo = (given: GivenVdiInfo): VdiInfo => ({
  ...DEFAULTS,
  sm_config: {},
  tags: [],
  ...given,
});

export const SrInfo = Type.Object({
  sr_uuid: Type.Optional(Type.String({ description: 'The uuid of the SR, where the storage keeps it' })),
  name_label: Type.String({ description: 'A short name for people' }),
  name_description: Type.String({ description: 'A longer description for people' }),
  total_space: Int64({ description: 'Size of the storage in bytes' }),
  free_space: Int64({ description: 'Free bytes on the storage' }),
  clustered: Type.Boolean({ description: 'Whether the SR uses clustered local storage' }),
  health: SrHealth,
});
export type SrInfo = Static<typeof SrInfo>;

export const Probe = Type.Object({
  configuration: StringMap('The keys that say where the storage is'),
  complete: Type.Boolean({
    description:
      'Whether SR.create or SR.attach can use the configuration; else SR.probe is asked again with it',
  }),
  sr: Type.Optional(SrInfo),
  extra_info: StringMap('What else the plugin tells of it'),
});
export type Probe = Static<typeof Probe>;

export const SMAPIV2_TYPES = {
  vdiInfo: { name: 'vdi_info', description: 'Properties of a disk', schema: VdiInfo },
  givenVdiInfo: {
    name: 'given_vdi_info',
    description: 'Properties of a disk in a call: what is left out has its default',
    schema: GivenVdiInfo,
  },
  srInfo: { name: 'sr_info', description: 'Properties of an SR', schema: SrInfo },
  srHealth: { name: 'sr_health', description: 'How an SR is', schema: SrHealth },
  probe: { name: 'probe', description: 'One thing that SR.probe found', schema: Probe },
} satisfies Record<string, NamedType>;
