import fc from 'fast-check';
import { CACHINGS, IMPLEMENTATIONS } from '../../src/storage/datapath-rules.ts';
import type { Choice, Datapath, Holder, UnderWay } from '../../src/storage/datapath-state.ts';
import type { AttachedSr, Opened, StorageOperation } from '../../src/storage/operations.ts';
import type { DiskImplementation } from '../../src/storage/types.ts';
import { name, text } from '../helpers/values.ts';

/** Any operation that can be kept. */

/** Of plain objects, as what is read from JSON is. */
const record = <T>(members: { [Key in keyof T]: fc.Arbitrary<T[Key]> }): fc.Arbitrary<T> =>
  fc.record(members, { noNullPrototype: true });

const implementations = fc.subarray([...IMPLEMENTATIONS]);
const orNull = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary);

export const choice: fc.Arbitrary<Choice> = record({
  plugin: text,
  uri: text,
  volume: fc.constantFrom('a', 'b', '["a"'),
  sharable: fc.boolean(),
  domid: fc.maxSafeNat(),
  domainUuid: orNull(text),
  implementations,
  forbidden: implementations,
  caching: fc.constantFrom(...CACHINGS),
  ruled: fc.boolean(),
  reason: text,
});

const disk: fc.Arbitrary<DiskImplementation> = fc.oneof(
  record({
    params: text,
    extra: fc.dictionary(name, text, { maxKeys: 3, noNullPrototype: true }),
    backend_type: text,
  }).map((made): DiskImplementation => ['XenDisk', made]),
  record({ path: text }).map((made): DiskImplementation => ['BlockDevice', made]),
  record({ path: text }).map((made): DiskImplementation => ['File', made]),
  record({ uri: text }).map((made): DiskImplementation => ['Nbd', made]),
);
const backend = orNull(
  fc.record(
    { implementations: fc.array(disk, { maxLength: 3 }), domain_uuid: text },
    { requiredKeys: ['implementations'], noNullPrototype: true },
  ),
);

const holder: fc.Arbitrary<Holder> = record({ dp: text, writes: fc.boolean(), isActive: fc.boolean() });
const by = fc.constantFrom('activate', 'activate_readonly');
const underWay: fc.Arbitrary<UnderWay> = record({
  step: fc.constantFrom('attach', 'activate', 'activate_readonly', 'deactivate', 'detach'),
  writing: fc.boolean(),
});

/** Few keys, so that operations meet. */
const key = {
  sr: fc.constantFrom('sr', 'other', '"'),
  vdi: fc.constantFrom('a', 'b', ''),
};
const datapathKey = record({ ...key, domain: fc.constantFrom('7', '8', 'u0_a') });
const openedKey = record({ ...key, vm: fc.constantFrom('7', '8', '') });

const phase = fc.oneof(
  record({ phase: fc.constant('chosen') }),
  record({ phase: fc.constant('attached'), backend }),
  record({ phase: fc.constant('activated'), backend, by, writing: fc.boolean() }),
);

export const datapath: fc.Arbitrary<Datapath> = fc
  .tuple(
    datapathKey,
    record({ choice, holders: fc.array(holder, { maxLength: 3 }), underWay: orNull(underWay) }),
    phase,
  )
  .map(([where, what, how]) => ({ ...where, ...what, ...how }));

const attachedSr: fc.Arbitrary<AttachedSr> = record({
  sr: key.sr,
  queue: text,
  handle: text,
  datasources: fc.array(text, { maxLength: 3 }),
  takenOver: fc.boolean(),
});

const opened: fc.Arbitrary<Opened> = fc
  .tuple(openedKey, record({ choice, persistent: fc.boolean() }))
  .map(([where, what]) => ({ ...where, ...what }));

/** What is done between two boots. */
export const change: fc.Arbitrary<StorageOperation> = fc.oneof(
  record({ type: fc.constant('sr-attached'), attached: attachedSr }),
  record({ type: fc.constant('sr-detached'), sr: key.sr }),
  record({ type: fc.constant('opened'), opened }),
  record({ type: fc.constant('closed'), key: openedKey }),
  record({ type: fc.constantFrom('datapath-changed', 'datapath-lowered'), datapath }),
  record({ type: fc.constant('datapath-closed'), key: datapathKey }),
);

export const operation: fc.Arbitrary<StorageOperation> = fc.oneof(
  { weight: 1, arbitrary: record({ type: fc.constant('booted'), boot: text }) },
  { weight: 9, arbitrary: change },
);
