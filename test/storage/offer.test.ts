import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kindsOffered, offered } from '../../src/storage/offer.ts';
import type { DiskImplementation } from '../../src/storage/types.ts';
import { choiceOf } from './model-driver.ts';

const disk = (backend_type: string, extra: Record<string, string> = {}): DiskImplementation => [
  'XenDisk',
  { params: 'p', extra, backend_type },
];
const VBD3 = disk('vbd3');
const QDISK = disk('qdisk');
const NBD: DiskImplementation = ['Nbd', { uri: 'nbd:unix:/s:exportname=a' }];
const BLOCK: DiskImplementation = ['BlockDevice', { path: '/dev/a' }];
const FILE: DiskImplementation = ['File', { path: '/a' }];
const ALL = [FILE, VBD3, NBD, QDISK, BLOCK];

test('without a rule it is what the plugin answers, in its order', () => {
  assert.deepEqual(offered({ implementations: ALL }, choiceOf()), { implementations: ALL });
});

test('with a rule it is in the order of the choice, what the choice does not speak of behind', () => {
  const choice = choiceOf({ ruled: true, implementations: ['qdisk', 'vbd', 'vbd3'] });
  assert.deepEqual(offered({ implementations: ALL }, choice).implementations, [
    disk('qdisk', { caching: 'none' }),
    disk('vbd3', { caching: 'none' }),
    ...[FILE, NBD, BLOCK],
  ]);
});

test('with a rule what is forbidden is left out', () => {
  const choice = choiceOf({
    ...{ ruled: true, implementations: ['nbd', 'block'], forbidden: ['file', 'vbd3', 'qdisk'] },
  });
  assert.deepEqual(offered({ implementations: ALL }, choice).implementations, [NBD, BLOCK]);
});

test('with a rule a backend is told the caching, beside what its plugin tells it', () => {
  const choice = choiceOf({ ruled: true, caching: 'lcache' });
  assert.deepEqual(offered({ implementations: [disk('vbd3', { a: 'b' })] }, choice).implementations, [
    disk('vbd3', { a: 'b', caching: 'lcache' }),
  ]);
});

test('a backend is not told a caching that it does not have', () => {
  const choice = choiceOf({ ruled: true, caching: 'lcache' });
  assert.deepEqual(offered({ implementations: [QDISK, VBD3] }, choice).implementations, [
    disk('vbd3', { caching: 'lcache' }),
    QDISK,
  ]);
});

test('a backend that the rules have no name for stays as it is, behind the others', () => {
  const choice = choiceOf({ ruled: true, forbidden: ['qdisk'] });
  assert.deepEqual(offered({ implementations: [disk('new'), VBD3] }, choice).implementations, [
    disk('vbd3', { caching: 'none' }),
    disk('new'),
  ]);
});

test('those of one kind stay in their order', () => {
  const others = [disk('vbd3', { n: '2' }), disk('vbd3', { n: '1' })];
  const implementations = offered({ implementations: others }, choiceOf({ ruled: true })).implementations;
  assert.deepEqual(
    implementations.map((each) => (each[0] === 'XenDisk' ? each[1].extra.n : undefined)),
    ['2', '1'],
  );
});

test('when everything that the plugin offers is forbidden the error says what it offers and what is allowed', () => {
  const choice = choiceOf({ ruled: true, forbidden: ['nbd', 'file'] });
  const text = 'the plugin raw offers nbd, file, and the rules allow vbd3, vbd, qdisk';
  assert.throws(() => offered({ implementations: [NBD, FILE] }, choice), {
    tag: 'Backend_error',
    value: ['NO_IMPLEMENTATION', [text]],
    message: text,
  });
});

test('a plugin that offers nothing is an error, rule or not', () => {
  for (const ruled of [true, false]) {
    assert.throws(() => offered({ implementations: [] }, choiceOf({ ruled })), {
      message: /^the plugin raw offers nothing/,
    });
  }
});

test('a backend of domain 0 has the uuid that its plugin names', () => {
  const backend = { implementations: [NBD], domain_uuid: 'vm' };
  assert.deepEqual(offered(backend, choiceOf({ domainUuid: 'other' })), backend);
});

const NAMED: readonly (readonly [string | null, string | undefined, object])[] = [
  ['chosen', 'answered', { domain_uuid: 'chosen' }],
  [null, 'answered', { domain_uuid: 'answered' }],
  [null, undefined, {}],
];
for (const [domainUuid, domain_uuid, expected] of NAMED) {
  test(`a backend of a driver domain says its domid, and the uuid ${domainUuid} or ${domain_uuid}`, () => {
    const backend = { implementations: [NBD], ...(domain_uuid === undefined ? {} : { domain_uuid }) };
    assert.deepEqual(offered(backend, choiceOf({ domid: 3, domainUuid })), {
      implementations: [NBD],
      backend_domid: 3,
      ...expected,
    });
  });
}

test('the names of what is offered are in the order of the answer, without what the rules have no name for', () => {
  const backend = { implementations: [...ALL, disk('vbd9')] };
  assert.deepEqual(kindsOffered(backend, choiceOf()), ['file', 'vbd3', 'nbd', 'qdisk', 'block']);
  const ruled = choiceOf({ ruled: true, implementations: ['qdisk'], forbidden: ['vbd3'] });
  assert.deepEqual(kindsOffered(backend, ruled), ['qdisk', 'file', 'nbd', 'block']);
});
