import Type, { type Static } from 'typebox';
import type { NamedType } from '../rpc/interface.ts';
import { Int64 } from './int64.ts';

/** What more than one interface of SMAPIv3 speaks of. Names and members are those of its published description. */

export const Dbg = Type.String({ description: 'Debug context from the caller' });

/** A `(string * string) list`, which the wire writes as an object. */
export const StringMap = (description: string) => Type.Record(Type.String(), Type.String(), { description });

/** What a method gives that gives nothing: OCaml's unit. */
export const NOTHING = { name: 'unit', description: 'Nothing', schema: Type.Null() };

/** Where and how an SR is found: the text that explains the same map in several calls. */
export const Configuration = StringMap(
  'Plugin-specific keys that say where the storage is and how to reach it, such as a device, a server or a path',
);

export const Sr = Type.String({
  description: 'The handle that SR.attach gave; only the plugin knows its form',
});

export const Key = Type.String({ description: 'The key of the volume, unique in its SR' });

const XenDisk = Type.Object({
  params: Type.String({
    description: 'What the toolstack writes to the key params of the backend in xenstore',
  }),
  extra: StringMap('What it writes to the directory sm-data of the backend'),
  backend_type: Type.String({
    description: 'The name of the backend directory in xenstore: vbd, vbd3 or qdisk',
  }),
});

/** One way to reach the data of an attached disk. */
export const ImplementationType = Type.Union([
  Type.Tuple([Type.Literal('XenDisk'), XenDisk], {
    description: 'A block backend that serves the ring of a guest',
  }),
  Type.Tuple(
    [
      Type.Literal('BlockDevice'),
      Type.Object({ path: Type.String({ description: 'The path of the device' }) }),
    ],
    { description: 'A block device of the backend domain' },
  ),
  Type.Tuple(
    [Type.Literal('File'), Type.Object({ path: Type.String({ description: 'The path of the file' }) })],
    { description: 'A raw file of the backend domain' },
  ),
  Type.Tuple(
    [
      Type.Literal('Nbd'),
      Type.Object({
        uri: Type.String({ description: 'The server, as nbd:unix:<socket>:exportname=<name>' }),
      }),
    ],
    { description: 'An NBD server on a Unix socket of the backend domain' },
  ),
]);
export type DiskImplementation = Static<typeof ImplementationType>;

export const Backend = Type.Object({
  implementations: Type.Array(ImplementationType, {
    description: 'The ways to reach the data; the toolstack takes the one that it can use',
  }),
});
export type Backend = Static<typeof Backend>;

export const BACKEND_TYPES: readonly NamedType[] = [
  { name: 'xendisk', description: 'A block backend of Xen', schema: XenDisk },
  { name: 'implementation', description: 'One way to reach the data', schema: ImplementationType },
  { name: 'backend', description: 'How an attached disk is reached', schema: Backend },
];

/** The name of a long-running operation. */
export const Operation = Type.Union([
  Type.Tuple([Type.Literal('CopyV1'), Type.String()], { description: 'A copy, by its key' }),
  Type.Tuple([Type.Literal('MirrorV1'), Type.String()], { description: 'A mirror, by its key' }),
]);
export type Operation = Static<typeof Operation>;

export const OperationStatus = Type.Object({
  failed: Type.Boolean({ description: 'Whether the operation has failed' }),
  complete: Type.Boolean({ description: 'Whether the operation has ended' }),
  progress: Type.Optional(Type.Number({ description: 'How far it is, from 0 to 1, where that is known' })),
});
export type OperationStatus = Static<typeof OperationStatus>;

export const OPERATION_TYPES: readonly NamedType[] = [
  { name: 'operation', description: 'The name of a long-running operation', schema: Operation },
  { name: 'status', description: 'How far a long-running operation is', schema: OperationStatus },
];

export const Blocklist = Type.Object({
  blocksize: Int64({ description: 'The size of one block in bytes' }),
  ranges: Type.Array(Type.Tuple([Int64(), Int64()]), {
    description: 'Ranges of blocks, each its start and its length, counted in blocks',
  }),
});
export type Blocklist = Static<typeof Blocklist>;

export const BLOCKLIST_TYPE: NamedType = {
  name: 'blocklist',
  description: 'A list of blocks of a volume',
  schema: Blocklist,
};

const healthDescription = 'How the SR is, with a text for people';

export const Health = Type.Union(
  [
    Type.Tuple([Type.Literal('Healthy'), Type.String()], { description: 'The storage is all there' }),
    Type.Tuple([Type.Literal('Recovering'), Type.String()], {
      description: 'The storage is busy with a repair, such as building a mirror again',
    }),
    Type.Tuple([Type.Literal('Unreachable'), Type.String()], {
      description: 'The storage can not be reached now',
    }),
    Type.Tuple([Type.Literal('Unavailable'), Type.String()], { description: 'The storage is not there' }),
  ],
  { description: healthDescription },
);

export const SrStat = Type.Object({
  sr: Type.String({ description: 'The handle of the SR' }),
  name: Type.String({ description: 'A short name for people' }),
  uuid: Type.Optional(Type.String({ description: 'The uuid that SR.create was given, where it was kept' })),
  description: Type.String({ description: 'A longer description for people' }),
  free_space: Int64({ description: 'Free bytes on the storage' }),
  total_space: Int64({ description: 'Size of the storage in bytes' }),
  datasources: Type.Array(Type.String(), { description: 'URIs of values that change with time' }),
  clustered: Type.Boolean({ description: 'Whether the SR uses clustered local storage' }),
  health: Health,
});
export type SrStat = Static<typeof SrStat>;

export const Volume = Type.Object({
  key: Type.String({ description: 'The key of the volume, unique in its SR' }),
  uuid: Type.Optional(Type.String({ description: 'A uuid of the volume, where the storage has one' })),
  name: Type.String({ description: 'A short name for people' }),
  description: Type.String({ description: 'A longer description for people' }),
  read_write: Type.Boolean({ description: 'Whether the volume may be written to' }),
  sharable: Type.Boolean({ description: 'Whether several hosts may have it attached at once' }),
  virtual_size: Int64({ description: 'The size in bytes as a guest sees it' }),
  physical_utilisation: Int64({ description: 'The bytes that it takes on the storage now' }),
  uri: Type.Array(Type.String(), {
    description:
      'URIs of the data, most desirable first: the first one that a datapath plugin serves is opened',
  }),
  keys: StringMap('What Volume.set keeps with the volume; the plugin does not interpret it'),
  volume_type: Type.Optional(Type.String({ description: 'What the volume is for' })),
  cbt_enabled: Type.Optional(Type.Boolean({ description: 'Whether changed blocks are tracked' })),
});
export type Volume = Static<typeof Volume>;

export const HEALTH_TYPE: NamedType = { name: 'health', description: healthDescription, schema: Health };
export const SR_STAT_TYPE: NamedType = {
  name: 'sr_stat',
  description: 'Properties of an SR',
  schema: SrStat,
};
export const VOLUME_TYPE: NamedType = {
  name: 'volume',
  description: 'Properties of a volume',
  schema: Volume,
};
