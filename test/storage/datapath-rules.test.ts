import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CACHINGS, CACHINGS_OF, compileRules, IMPLEMENTATIONS } from '../../src/storage/datapath-rules.ts';
import { rule } from './model-selection.ts';

const SUBJECT = { scheme: 'raw', sr: 'sr-1', domain: 'u0_vbd_7_xvda' };

const matches = (wanted: Parameters<typeof rule>[0]): boolean =>
  compileRules([rule(wanted)])(SUBJECT).rules.length === 1;

const PATTERNS: readonly (readonly [string, boolean])[] = [
  ['*', true],
  ['u0_vbd_7_xvda', true],
  ['u0_*', true],
  ['*xvda', true],
  ['*vbd*', true],
  ['u*7*a', true],
  ['**', true],
  ['u0_vbd_7_xvda*', true],
  ['', false],
  ['u0', false],
  ['xvda', false],
  ['U0_*', false],
  ['u0_vbd.7_xvda', false],
  ['(u0_vbd_7_xvda|x)', false],
  ['u0_[a-z]*', false],
  ['u0_vbd_7_xvdb*', false],
];
for (const [pattern, fits] of PATTERNS) {
  test(`the pattern ${JSON.stringify(pattern)} ${fits ? 'fits' : 'does not fit'} ${SUBJECT.domain}`, () => {
    assert.equal(matches({ domain: pattern }), fits);
  });
}

test('a star stands for line ends too', () => {
  const { rules } = compileRules([rule({ sr: 'a*b' })])({ ...SUBJECT, sr: 'a\nb' });
  assert.deepEqual(rules, [1]);
});

test('all three patterns have to fit', () => {
  assert.ok(matches({ scheme: 'raw', sr: 'sr-*', domain: 'u0_*' }));
  assert.ok(!matches({ scheme: 'vhd', sr: 'sr-*', domain: 'u0_*' }));
  assert.ok(!matches({ scheme: 'raw', sr: 'sr-2', domain: 'u0_*' }));
  assert.ok(!matches({ scheme: 'raw', sr: 'sr-*', domain: '7' }));
});

test('what matched is told by its number, from 1', () => {
  const rules = [rule({ scheme: 'vhd' }), rule({}), rule({ sr: 'x' }), rule({ scheme: 'r*' })];
  assert.deepEqual(compileRules(rules)(SUBJECT).rules, [2, 4]);
});

test('of each property the first rule that prefers something of it is followed', () => {
  const { prefer } = compileRules([
    rule({ scheme: 'vhd', prefer: { implementation: ['vbd'], caching: ['unsafe'] } }),
    rule({ prefer: { caching: ['lcache'] } }),
    rule({ prefer: { implementation: ['qdisk', 'vbd3'], caching: ['none'], driverDomain: ['3'] } }),
    rule({ prefer: { implementation: ['vbd'], driverDomain: ['5'] } }),
  ])(SUBJECT);
  assert.deepEqual(prefer, { implementation: ['qdisk', 'vbd3'], caching: ['lcache'], driverDomain: ['3'] });
});

test('what any rule that matches forbids is forbidden', () => {
  const { forbid } = compileRules([
    rule({ forbid: { implementation: ['vbd'], driverDomain: ['3'] } }),
    rule({ scheme: 'vhd', forbid: { implementation: ['file'], caching: ['none'] } }),
    rule({ forbid: { implementation: ['qdisk'], caching: ['unsafe'], driverDomain: ['vm'] } }),
  ])(SUBJECT);
  assert.deepEqual(forbid, {
    implementation: ['vbd', 'qdisk'],
    caching: ['unsafe'],
    driverDomain: ['3', 'vm'],
  });
});

test('disks are spread when any rule that matches says so', () => {
  const spread = (scheme: string): boolean =>
    compileRules([rule({}), rule({ scheme, spread: true })])(SUBJECT).spread;
  assert.equal(spread('raw'), true);
  assert.equal(spread('vhd'), false);
});

test('without rules nothing is preferred, forbidden or spread', () => {
  const nothing = { implementation: [], driverDomain: [], caching: [] };
  assert.deepEqual(compileRules([])(SUBJECT), { prefer: nothing, forbid: nothing, spread: false, rules: [] });
});

test('every implementation has a caching strategy, and every strategy an implementation', () => {
  assert.ok(IMPLEMENTATIONS.every((implementation) => CACHINGS_OF[implementation].length > 0));
  const had = new Set(IMPLEMENTATIONS.flatMap((implementation) => CACHINGS_OF[implementation]));
  assert.deepEqual([...had].sort(), [...CACHINGS].sort());
});
