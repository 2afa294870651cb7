import Type, { type Static } from 'typebox';
import { defineInterface } from '../rpc/interface.ts';
import { CACHINGS, IMPLEMENTATIONS } from './datapath-rules.ts';
import { SMAPIV3_ERRORS } from './errors.ts';
import { BACKEND_TYPES, Backend, Dbg, NOTHING } from './types.ts';

/**
 * The `Datapath` interface of SMAPIv3, version 5: what brings the data of a volume to a domain. `select` is ours: it
 * tells what would be chosen and does nothing.
 */

export const Uri = Type.String({
  description: 'A URI of the data of the volume; its scheme names the datapath plugin',
});

export const Domain = Type.String({
  description: 'The domain that the disk is for: any text, the same in each call',
});

const UriAndDomain = Type.Object({ dbg: Dbg, uri: Uri, domain: Domain });

const Candidate = Type.Object({
  uri: Type.String({ description: 'The URI that was looked at' }),
  outcome: Type.Enum(['chosen', 'rejected', 'not needed'], { description: 'What came of it' }),
  reason: Type.String({ description: 'Why' }),
});

const Selection = Type.Object({
  plugin: Type.String({ description: 'The datapath plugin' }),
  uri: Type.String({ description: 'The URI that is opened' }),
  domain_uuid: Type.Optional(
    Type.String({ description: 'The uuid of the driver domain, where xenstore tells it' }),
  ),
  backend_domid: Type.Integer({ description: 'The domid of the driver domain' }),
  implementation: Type.Enum([...IMPLEMENTATIONS], {
    description: 'What carries the disk: a block backend of Xen, or what domain 0 itself can open',
  }),
  caching: Type.Enum([...CACHINGS], {
    description: 'The caching strategy, as tapdisk and QEMU name it',
  }),
  reason: Type.String({ description: 'Why this was chosen' }),
});

export const SelectResult = Type.Object({
  selection: Type.Optional(Selection),
  candidates: Type.Array(Candidate, { description: 'Each URI in order of preference, and what came of it' }),
});
export type SelectResult = Static<typeof SelectResult>;

export const DatapathInterface = defineInterface({
  name: 'Datapath',
  description:
    'Bring the data of a volume to a domain. The order is open, attach, activate, deactivate, detach, close. Every ' +
    'method may be called again with the same effect.',
  types: [
    ...BACKEND_TYPES,
    { name: 'candidate', description: 'A URI that could be opened', schema: Candidate },
    { name: 'selection', description: 'What serves a disk', schema: Selection },
    { name: 'select_result', description: 'What would be chosen, and why', schema: SelectResult },
  ],
  errorType: 'exnt',
  errors: SMAPIV3_ERRORS,
  methods: {
    open: {
      aliases: [],
      description:
        'Says that a disk is about to be used, and whether its writes are to stay. Called before the domain starts; ' +
        'several hosts may have the same disk open.',
      params: Type.Object({
        dbg: Dbg,
        uri: Uri,
        persistent: Type.Boolean({
          description: 'Whether writes are kept; else they go when the disk is closed',
        }),
      }),
      result: NOTHING,
    },
    attach: {
      aliases: [],
      description:
        'Makes the data ready for a domain and tells how to reach it. Several domains and hosts may have the same ' +
        'disk attached.',
      params: Type.Object({
        ...UriAndDomain.properties,
        sharable: Type.Optional(
          Type.Boolean({
            description:
              'Whether several domains may write the disk at once; without it they may not. No part of SMAPIv3: one ' +
              'datapathd tells it to another',
          }),
        ),
        writes: Type.Optional(
          Type.Boolean({
            description:
              'Whether the domain writes the disk; without it it does. No part of SMAPIv3: one datapathd tells it to another',
          }),
        ),
      }),
      result: { name: 'backend', description: 'How the disk is reached', schema: Backend },
    },
    activate: {
      aliases: [],
      description:
        'Called just before the domain reads or writes: the place to take the disk over from another host. It is in ' +
        'the downtime of a migration, so it has to be fast.',
      params: UriAndDomain,
      result: NOTHING,
    },
    activate_readonly: {
      aliases: [],
      description:
        'The same for a domain that only reads; several may. It needs the feature VDI_ACTIVATE_READONLY of the plugin.',
      params: UriAndDomain,
      result: NOTHING,
    },
    import_activate: {
      aliases: [],
      description:
        'Makes the disk ready to take in the writes of a mirror, over NBD. It needs the feature VDI_MIRROR_IN of the ' +
        'plugin.',
      params: UriAndDomain,
      result: {
        name: 'socket',
        description: 'The path of the Unix socket that takes NBD connections',
        schema: Type.String(),
      },
    },
    deactivate: {
      aliases: [],
      description:
        'Called as soon as the domain has stopped to read and write. It is in the downtime of a migration, so it has ' +
        'to be fast.',
      params: UriAndDomain,
      result: NOTHING,
    },
    detach: {
      aliases: [],
      description: 'Gives up what attach made ready. It may be slow, and it must not fail.',
      params: UriAndDomain,
      result: NOTHING,
    },
    close: {
      aliases: [],
      description: 'Called after the domain has ended: writes that were not to stay are thrown away.',
      params: Type.Object({ dbg: Dbg, uri: Uri }),
      result: NOTHING,
    },
    select: {
      aliases: [],
      description:
        'Tells what would be chosen for a URI, or for a volume of an SR, and why. Nothing is opened. No part of SMAPIv3.',
      params: Type.Object({
        dbg: Dbg,
        uri: Type.Optional(
          Type.String({ description: 'The URI; without it the volume is asked for its URIs' }),
        ),
        sr: Type.Optional(Type.String({ description: 'The uuid of the SR of the volume' })),
        volume: Type.Optional(Type.String({ description: 'The key of the volume' })),
        domain: Type.Optional(Type.String({ description: 'The domid that the disk is for; without it 0' })),
        persistent: Type.Optional(
          Type.Boolean({ description: 'Whether writes are kept; without it they are' }),
        ),
      }),
      result: { name: 'select_result', description: 'What would be chosen', schema: SelectResult },
    },
  },
});
