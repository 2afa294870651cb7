import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readBackend } from '../../src/storage/backend-forms.ts';
import type { Value } from '../../src/wire/value.ts';

const disk = (backend_type: string): Value => [
  'XenDisk',
  { params: 'vhd:/dev/a', extra: { k: 'v' }, backend_type },
];

test('an answer of version 5 stays as it is', () => {
  const implementations = [
    disk('vbd3'),
    ['BlockDevice', { path: '/dev/a' }],
    ['File', { path: '/a' }],
    ['Nbd', { uri: 'nbd:unix:/s:exportname=a' }],
  ];
  assert.deepEqual(readBackend({ implementations }), {
    type: 'valid',
    backend: { implementations },
    domainUuid: undefined,
  });
});

for (const [name, backend_type] of [
  ['Blkback', 'vbd'],
  ['Tapdisk3', 'vbd3'],
  ['Qdisk', 'qdisk'],
] as const) {
  test(`${name} of the older form is a disk of the backend ${backend_type}, with its domain beside it`, () => {
    assert.deepEqual(readBackend({ domain_uuid: 'u', implementation: [name, 'vhd:/dev/a'] }), {
      type: 'valid',
      backend: {
        implementations: [['XenDisk', { params: 'vhd:/dev/a', extra: {}, backend_type }]],
      },
      domainUuid: 'u',
    });
  });
}

test('a domain that a plugin of version 5 names is kept beside the backend', () => {
  const read = readBackend({ implementations: [], domain_uuid: 'u' });
  assert.equal(read.type === 'valid' ? read.domainUuid : undefined, 'u');
});

test('null for the domain is absence', () => {
  assert.equal(readBackend({ implementations: [], domain_uuid: null }).type, 'valid');
});

const faults: [string, Value, string][] = [
  ['nothing', null, 'result: expected object, got null'],
  ['neither form', {}, 'result.implementations: expected array, got nothing'],
  [
    'an old implementation of no known name',
    { domain_uuid: 'u', implementation: ['Vdev', 'p'] },
    'result.implementation.0: expected "Blkback" or "Tapdisk3" or "Qdisk", got a string of 4 characters',
  ],
  [
    'an old one without a domain',
    { implementation: ['Qdisk', 'p'] },
    'result.domain_uuid: expected string, got nothing',
  ],
  [
    'an implementation of no known name',
    { implementations: [['Vdev', {}]] },
    'result.implementations.0: expected ["XenDisk", …] or ["BlockDevice", …] or ["File", …] or ["Nbd", …], got an array of 2',
  ],
  [
    'a disk without its parameters',
    { implementations: [disk('vbd'), ['XenDisk', { extra: {}, backend_type: 'vbd' }]] },
    'result.implementations.1.1.params: expected string, got nothing',
  ],
];
for (const [name, answer, reason] of faults) {
  test(`${name} is no answer, and the refusal says where`, () => {
    assert.deepEqual(readBackend(answer), { type: 'invalid', reason });
  });
}
