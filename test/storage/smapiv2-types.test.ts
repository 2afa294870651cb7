import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checker } from '../../src/rpc/validate.ts';
import { completeVdiInfo, GivenVdiInfo, VdiInfo } from '../../src/storage/smapiv2/types.ts';

const given = { vdi: '', name_label: 'disk' };

test('a disk in a call may lack what has a default', () => {
  assert.equal(checker(GivenVdiInfo, 'params')(given).type, 'valid');
});

test('what a call has left out of a disk is filled in', () => {
  const complete = completeVdiInfo({ ...given, virtual_size: 2n ** 60n, tags: ['t'] });
  assert.deepEqual(complete, {
    vdi: '',
    name_label: 'disk',
    content_id: '',
    name_description: '',
    ty: 'user',
    metadata_of_pool: '',
    is_a_snapshot: false,
    snapshot_time: '19700101T00:00:00Z',
    snapshot_of: '',
    read_only: false,
    cbt_enabled: false,
    virtual_size: 2n ** 60n,
    physical_utilisation: 0,
    persistent: true,
    sharable: false,
    sm_config: {},
    tags: ['t'],
  });
  assert.equal(checker(VdiInfo, 'result')(complete).type, 'valid');
});

test('the defaults that are described are those that are filled in', () => {
  const described = Object.entries(VdiInfo.properties).flatMap(([name, schema]) =>
    'default' in schema ? [[name, schema.default]] : [],
  );
  assert.deepEqual(completeVdiInfo(given), { ...given, ...Object.fromEntries(described) });
});

test('a disk in an answer has all of its members but the uuid', () => {
  const { content_id: _, ...incomplete } = completeVdiInfo(given);
  assert.deepEqual(checker(VdiInfo, 'result')(incomplete), {
    type: 'invalid',
    reason: 'result.content_id: expected string, got nothing',
  });
});
