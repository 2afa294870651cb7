import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SrStat, Volume } from '../../src/storage/types.ts';
import { isoBasic, KEYS, smConfigKey, srInfoOf, tagKey, vdiOf } from '../../src/storage/vdi-info.ts';

/** The least that a plugin says of a volume. */
const PLAIN: Volume = {
  ...{ key: 'k', name: 'n', description: 'd', read_write: true, sharable: false },
  ...{ virtual_size: 1, physical_utilisation: 2, uri: ['raw:///a'], keys: {} },
};

test('a volume without keys has the defaults of a disk, each field of it', () => {
  assert.deepEqual(vdiOf(PLAIN), {
    vdi: 'k',
    content_id: '',
    name_label: 'n',
    name_description: 'd',
    ty: '',
    metadata_of_pool: '',
    is_a_snapshot: false,
    snapshot_time: '19700101T00:00:00Z',
    snapshot_of: '',
    read_only: false,
    cbt_enabled: false,
    virtual_size: 1,
    physical_utilisation: 2,
    persistent: true,
    sharable: false,
    sm_config: {},
    tags: [],
  });
});

type Field = keyof ReturnType<typeof vdiOf>;
const MEMBERS: readonly (readonly [Partial<Volume>, Field, unknown])[] = [
  [{ uuid: 'u' }, 'uuid', 'u'],
  [{ read_write: false }, 'read_only', true],
  [{ sharable: true }, 'sharable', true],
  [{ cbt_enabled: true }, 'cbt_enabled', true],
  [{ cbt_enabled: false }, 'cbt_enabled', false],
  [{ virtual_size: 2n ** 62n }, 'virtual_size', 2n ** 62n],
  [{ physical_utilisation: 2n ** 62n }, 'physical_utilisation', 2n ** 62n],
];
for (const [given, field, value] of MEMBERS) {
  test(`${field} is ${value} from the volume's ${Object.keys(given).join()}`, () => {
    const plain = vdiOf(PLAIN);
    assert.deepEqual(vdiOf({ ...PLAIN, ...given }), { ...plain, [field]: value });
  });
}

const FROM_KEYS: readonly (readonly [string, string, Field, unknown])[] = [
  ['vdi-type', 'system', 'ty', 'system'],
  ['content_id', 'c', 'content_id', 'c'],
  ['snapshot_time', '20261124T19:51:42Z', 'snapshot_time', '20261124T19:51:42Z'],
  ['is_a_snapshot', 'true', 'is_a_snapshot', true],
  ['is_a_snapshot', 'false', 'is_a_snapshot', false],
  ['snapshot_of', 'other', 'snapshot_of', 'other'],
  ['_sm_config_vhd-parent', 'p', 'sm_config', { 'vhd-parent': 'p' }],
  ['_sm_config_', 'p', 'sm_config', { '': 'p' }],
  ['tagsmine', 'mine', 'tags', ['mine']],
];
for (const [key, text, field, value] of FROM_KEYS) {
  test(`${field} is ${JSON.stringify(value)} when the key ${key} is ${text}`, () => {
    const plain = vdiOf(PLAIN);
    assert.deepEqual(vdiOf({ ...PLAIN, keys: { [key]: text } }), { ...plain, [field]: value });
  });
}

test('keys that are for others change nothing', () => {
  const keys = { 'clone-on-boot': 'clone', sm_config_x: 'y', mine: 'true', Tags: 't' };
  assert.deepEqual(vdiOf({ ...PLAIN, keys }), vdiOf(PLAIN));
});

test('several keys of one kind are all there', () => {
  const keys = { [smConfigKey('a')]: '1', [tagKey('x')]: 'x', [smConfigKey('b')]: '2', [tagKey('y')]: 'y' };
  const { sm_config, tags } = vdiOf({ ...PLAIN, keys });
  assert.deepEqual({ sm_config, tags }, { sm_config: { a: '1', b: '2' }, tags: ['x', 'y'] });
});

test('the keys have the names that plugins have kept until now', () => {
  assert.deepEqual(
    [...Object.values(KEYS), smConfigKey('x'), tagKey('x')],
    [
      ...['vdi-type', 'content_id', 'snapshot_time', 'is_a_snapshot', 'snapshot_of', 'clone-on-boot'],
      ...['_sm_config_x', 'tagsx'],
    ],
  );
});

const STAT: SrStat = {
  ...{ sr: 'handle', name: 'n', description: 'd', free_space: 1, total_space: 2n ** 62n },
  ...{ datasources: ['x'], clustered: true, health: ['Recovering', 'a mirror is built'] },
};

test('an SR has the bare name of its health, exact sizes, and nothing that xapi does not know', () => {
  assert.deepEqual(srInfoOf(STAT), {
    ...{ name_label: 'n', name_description: 'd', total_space: 2n ** 62n, free_space: 1 },
    ...{ clustered: true, health: 'Recovering' },
  });
});

test('an SR has the uuid that its plugin keeps', () => {
  assert.equal(srInfoOf({ ...STAT, uuid: 'u' }).sr_uuid, 'u');
});

test('a moment is written as xapi writes it, in whole seconds', () => {
  assert.equal(isoBasic(Date.UTC(2026, 10, 24, 19, 51, 42, 999)), '20261124T19:51:42Z');
  assert.equal(isoBasic(0), '19700101T00:00:00Z');
});
