import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DatapathRule } from '../../src/storage/datapath-rules.ts';
import { HOST, rule, SR, selectionWith, selectWith } from './model-selection.ts';

/** What the operator's rules change in a choice. */

const implementations = (...rules: DatapathRule[]): readonly string[] =>
  selectionWith({ rules }).implementations;

test('what is preferred comes first, in the order of the rule, whether it is there or not', () => {
  assert.deepEqual(implementations(rule({ prefer: { implementation: ['qdisk', 'vbd'] } })), [
    'qdisk',
    'vbd',
    'vbd3',
  ]);
});

test('what is preferred and not possible for the domain is passed over', () => {
  assert.deepEqual(implementations(rule({ prefer: { implementation: ['file', 'vbd'] } })), [
    'vbd',
    'vbd3',
    'qdisk',
  ]);
});

test('what is preferred twice is there once', () => {
  assert.deepEqual(implementations(rule({ prefer: { implementation: ['vbd', 'vbd'] } })), [
    'vbd',
    'vbd3',
    'qdisk',
  ]);
});

test('what is forbidden is not chosen, not even when another rule prefers it', () => {
  const prefer = rule({ prefer: { implementation: ['qdisk'] } });
  const forbid = rule({ forbid: { implementation: ['qdisk'] } });
  assert.deepEqual(implementations(prefer, forbid), ['vbd3', 'vbd']);
});

test('a selection says what is forbidden, and that a rule had a say', () => {
  const { forbidden, ruled, reason } = selectionWith({
    rules: [rule({ sr: 'other' }), rule({ forbid: { implementation: ['vbd3'] } })],
  });
  assert.deepEqual({ forbidden, ruled }, { forbidden: ['vbd3'], ruled: true });
  assert.equal(reason, 'vbd of domain 0, caching none, by the rules (number 2)');
});

test('a candidate whose every implementation is forbidden is rejected, and the next one is taken', () => {
  const { selection, verdicts } = selectWith({
    uris: ['raw:///a', 'vhd:///b'],
    rules: [rule({ scheme: 'raw', forbid: { implementation: ['vbd', 'vbd3', 'qdisk'] } })],
  });
  assert.equal(selection?.uri, 'vhd:///b');
  assert.deepEqual(verdicts[0], {
    uri: 'raw:///a',
    outcome: 'rejected',
    reason: 'every implementation is forbidden by the rules (number 1)',
  });
});

test('spread takes of all backends that are there the one with the fewest disks', () => {
  const host = { ...HOST, disks: { 0: { vbd3: 3, qdisk: 1 } } };
  const spread = { host, rules: [rule({ spread: true })] };
  assert.deepEqual(selectionWith(spread).implementations, ['qdisk', 'vbd3', 'vbd']);
});

test('spread takes of those that are preferred the one with the fewest disks', () => {
  const host = { ...HOST, disks: { 0: { vbd3: 3, vbd: 2, qdisk: 1 } } };
  const prefer = { implementation: ['vbd3', 'vbd'] } as const;
  assert.deepEqual(selectionWith({ host, rules: [rule({ spread: true, prefer })] }).implementations, [
    'vbd',
    'vbd3',
    'qdisk',
  ]);
});

test('those with as many disks stay in their order', () => {
  const host = { ...HOST, disks: { 0: { vbd3: 2, vbd: 2, qdisk: 2 } } };
  const spread = { host, rules: [rule({ spread: true })] };
  assert.deepEqual(selectionWith(spread).implementations, ['vbd3', 'vbd', 'qdisk']);
});

test('spread counts the disks of the driver domain', () => {
  const disks = { 0: { vbd3: 0, vbd: 9 }, 3: { vbd3: 5, vbd: 4 } };
  const host = { ...HOST, domains: { [SR]: [3] }, disks };
  assert.equal(selectionWith({ host, rules: [rule({ spread: true })] }).implementations[0], 'vbd');
});

const SERVED_BY_TWO = { ...HOST, domains: { [SR]: [0, 3] } };

for (const name of ['3', 'vm-of-3']) {
  test(`a driver domain is preferred as ${name}`, () => {
    const rules = [rule({ prefer: { driverDomain: [name] } })];
    const host = { ...HOST, domains: { [SR]: [2, 3] } };
    assert.equal(selectionWith({ host, rules }).driverDomain.domid, 3);
  });

  test(`a driver domain is forbidden as ${name}`, () => {
    const host = { ...HOST, domains: { [SR]: [3, 0] } };
    const rules = [rule({ forbid: { driverDomain: [name] } })];
    assert.equal(selectionWith({ host, rules }).driverDomain.domid, 0);
  });
}

test('domain 0 is preferred to a driver domain where a rule says so', () => {
  const rules = [rule({ prefer: { driverDomain: ['0'] } })];
  assert.equal(selectionWith({ host: SERVED_BY_TWO, rules }).driverDomain.domid, 0);
});

test('a driver domain that is preferred and does not serve the SR is not taken', () => {
  const rules = [rule({ prefer: { driverDomain: ['3'] } })];
  assert.equal(selectionWith({ rules }).driverDomain.domid, 0);
});

test('a candidate whose every driver domain is forbidden is rejected', () => {
  const rules = [rule({ forbid: { driverDomain: ['0', 'vm-of-3'] } })];
  const { selection, verdicts } = selectWith({ host: SERVED_BY_TWO, rules });
  assert.equal(selection, undefined);
  assert.equal(verdicts[0]?.reason, 'the driver domain 3, 0 is forbidden by the rules (number 1)');
});

test('caching is what is preferred first of what the implementation has', () => {
  const rules = [rule({ prefer: { caching: ['unsafe', 'lcache', 'none'] } })];
  assert.equal(selectionWith({ rules }).caching, 'lcache');
});

test('caching that is preferred and not to be had leaves what the implementation does by itself', () => {
  assert.equal(selectionWith({ rules: [rule({ prefer: { caching: ['unsafe'] } })] }).caching, 'none');
});

test('caching that is forbidden is not chosen, and the next that the implementation has is', () => {
  assert.equal(selectionWith({ rules: [rule({ forbid: { caching: ['none'] } })] }).caching, 'lcache');
});

test('an implementation that is left without a caching strategy is forbidden as well', () => {
  const { implementations, forbidden, caching } = selectionWith({
    rules: [rule({ forbid: { caching: ['none', 'lcache'] } })],
  });
  assert.deepEqual(
    { implementations, forbidden, caching },
    { implementations: ['qdisk'], forbidden: ['vbd3', 'vbd'], caching: 'writeback' },
  );
});

test('rules are asked about the scheme, the SR and the domain', () => {
  const prefer = { implementation: ['qdisk'] } as const;
  const first = (wanted: Partial<DatapathRule>): string | undefined =>
    implementations(rule({ ...wanted, prefer }))[0];
  assert.equal(first({ scheme: 'raw', sr: SR, domain: '7' }), 'qdisk');
  assert.equal(first({ scheme: 'vhd' }), 'vbd3');
  assert.equal(first({ sr: 'other' }), 'vbd3');
  assert.equal(first({ domain: '8' }), 'vbd3');
});
