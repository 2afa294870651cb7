import assert from 'node:assert/strict';
import { test } from 'node:test';
import { schemeOf } from '../../src/storage/selector.ts';
import { HOST, SR, selectionWith, selectWith } from './model-selection.ts';

/** What is chosen without rules, sentence by sentence. */

test('the first URI that a plugin serves is taken', () => {
  assert.equal(selectionWith({ uris: ['gone:///a', 'raw:///b', 'vhd:///c'] }).uri, 'raw:///b');
});

test('the plugin is the scheme of the URI', () => {
  assert.equal(selectionWith({ uris: ['vhd:///a'] }).plugin, 'vhd');
});

test('what has no scheme is passed over', () => {
  assert.equal(selectionWith({ uris: ['/dev/a', '', '://a', 'raw:///b'] }).uri, 'raw:///b');
});

const SCHEMES: readonly (readonly [string, string | undefined])[] = [
  ['raw:///a', 'raw'],
  ['RAW:///a', 'raw'],
  ['nbd+unix:///s?socket=/a:b', 'nbd+unix'],
  ['a-1.b:c', 'a-1.b'],
  ['1a:b', undefined],
  ['a b:c', undefined],
  [':c', undefined],
  ['a', undefined],
  ['/a:b', undefined],
  ['', undefined],
];
for (const [uri, scheme] of SCHEMES) {
  test(`the scheme of ${JSON.stringify(uri)} is ${scheme ?? 'none'}`, () => {
    assert.equal(schemeOf(uri), scheme);
  });
}

test('a disk that is not to be kept goes to the first plugin that can forget', () => {
  const uris = ['raw:///a', 'vhd:///b', 'vhd:///c'];
  assert.equal(selectionWith({ uris, persistent: false }).uri, 'vhd:///b');
});

test('a disk that is to be kept goes to the first plugin, whether it can forget or not', () => {
  assert.equal(selectionWith({ uris: ['raw:///a', 'vhd:///b'] }).uri, 'raw:///a');
});

test('where no plugin can forget, the first is taken for a disk that is not to be kept', () => {
  assert.equal(selectionWith({ uris: ['gone:///a', 'raw:///b'], persistent: false }).uri, 'raw:///b');
});

test('without a candidate that can be used there is no selection', () => {
  const { selection, verdicts } = selectWith({ uris: ['gone:///a', '/b'] });
  assert.equal(selection, undefined);
  assert.deepEqual(verdicts, [
    { uri: 'gone:///a', outcome: 'rejected', reason: 'no datapath plugin serves the scheme gone' },
    { uri: '/b', outcome: 'rejected', reason: 'it has no scheme' },
  ]);
});

test('without any candidate there is no selection, and no verdict', () => {
  assert.deepEqual(selectWith({ uris: [] }), { selection: undefined, verdicts: [] });
});

test('every candidate is told what became of it, and why', () => {
  const { verdicts } = selectWith({
    uris: ['/a', 'gone:///b', 'raw:///c', 'vhd:///d', 'raw:///e'],
    persistent: false,
  });
  assert.deepEqual(verdicts, [
    { uri: '/a', outcome: 'rejected', reason: 'it has no scheme' },
    { uri: 'gone:///b', outcome: 'rejected', reason: 'no datapath plugin serves the scheme gone' },
    {
      uri: 'raw:///c',
      outcome: 'not needed',
      reason: 'the disk is not to be kept, and its plugin lacks NONPERSISTENT',
    },
    { uri: 'vhd:///d', outcome: 'chosen', reason: 'vbd3 of domain 0, caching none' },
    { uri: 'raw:///e', outcome: 'not needed', reason: 'a candidate before it is taken' },
  ]);
});

test('the same URI twice is chosen once', () => {
  const { verdicts } = selectWith({ uris: ['raw:///a', 'raw:///a'] });
  assert.deepEqual(
    verdicts.map(({ outcome }) => outcome),
    ['chosen', 'not needed'],
  );
});

test('the domain that serves the SR is the driver domain, with the uuid of its VM', () => {
  const { driverDomain } = selectionWith({ host: { ...HOST, domains: { [SR]: [3] } } });
  assert.deepEqual(driverDomain, { domid: 3, uuid: 'vm-of-3' });
});

test('of several domains that serve the SR the first is taken', () => {
  const { driverDomain } = selectionWith({ host: { ...HOST, domains: { [SR]: [5, 3] } } });
  assert.deepEqual(driverDomain, { domid: 5, uuid: undefined });
});

test('a driver domain that publishes the SR has its disks, though domain 0 publishes it too', () => {
  const { driverDomain } = selectionWith({ host: { ...HOST, domains: { [SR]: [0, 3] } } });
  assert.deepEqual(driverDomain, { domid: 3, uuid: 'vm-of-3' });
});

test('an SR that nobody serves is one of domain 0, and so is a URI that stands for itself', () => {
  const host = { ...HOST, domains: {} };
  assert.equal(selectionWith({ host }).driverDomain.domid, 0);
  assert.equal(selectionWith({ sr: '' }).driverDomain.domid, 0);
});

test('a guest has the backends of Xen, those that are there before the others', () => {
  const disks = { 0: { qdisk: 4 } };
  assert.deepEqual(selectionWith({ host: { ...HOST, disks } }).implementations, ['qdisk', 'vbd3', 'vbd']);
});

test('where no backend was ever set up all are possible', () => {
  const host = { ...HOST, disks: {} };
  assert.deepEqual(selectionWith({ host }).implementations, ['vbd3', 'vbd', 'qdisk']);
});

test('it is the backends of the driver domain that count', () => {
  const host = { ...HOST, domains: { [SR]: [3] }, disks: { 0: { vbd3: 1 }, 3: { vbd: 0 } } };
  assert.deepEqual(selectionWith({ host }).implementations, ['vbd', 'vbd3', 'qdisk']);
});

for (const domain of ['0', 'u0_vbd_7_xvda']) {
  test(`domain 0, asking as ${domain}, has what it can open itself`, () => {
    assert.deepEqual(selectionWith({ domain }).implementations, ['nbd', 'block', 'file']);
  });
}

test('without rules nothing is forbidden, no rule had a say, and the caching is what the backend does by itself', () => {
  const { forbidden, ruled, caching, reason } = selectionWith();
  assert.deepEqual({ forbidden, ruled, caching }, { forbidden: [], ruled: false, caching: 'none' });
  assert.equal(reason, 'vbd3 of domain 0, caching none');
});
