import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { CACHINGS, IMPLEMENTATIONS } from '../../src/config/setting.ts';
import { loadConfig } from '../../src/config.ts';
import * as storage from '../../src/storage/datapath-rules.ts';
import { complaintOfFile, configFile } from './helpers.ts';

const UUID = '0a1b2c3d-0000-4000-8000-000000000001';

const datapath = (t: TestContext, text: string) =>
  loadConfig(['--config', configFile(t, text)], {}).config.datapath;

test('a rule is read with all its parts', (t) => {
  const rules: readonly storage.DatapathRule[] = datapath(
    t,
    `[[datapath.rules]]
scheme = "vhd*"
sr = "s"
domain = "7"
prefer = { implementation = ["qdisk", "vbd"], driverDomain = [5, "${UUID}"], caching = ["none"] }
forbid = { implementation = ["file"], driverDomain = ["0"], caching = ["unsafe"] }
spread = true`,
  ).rules;
  assert.deepEqual(rules, [
    {
      scheme: 'vhd*',
      sr: 's',
      domain: '7',
      prefer: { implementation: ['qdisk', 'vbd'], driverDomain: ['5', UUID], caching: ['none'] },
      forbid: { implementation: ['file'], driverDomain: ['0'], caching: ['unsafe'] },
      spread: true,
    },
  ]);
});

test('a rule that says little is for all disks, and directs nothing', (t) => {
  const nothing = { implementation: [], driverDomain: [], caching: [] };
  assert.deepEqual(datapath(t, '[[datapath.rules]]').rules, [
    { scheme: '*', sr: '*', domain: '*', prefer: nothing, forbid: nothing, spread: false },
  ]);
});

test('a single text is a list of one', (t) => {
  const { rules } = datapath(
    t,
    '[[datapath.rules]]\nprefer = { implementation = "qdisk", driverDomain = 5, caching = "unsafe" }',
  );
  const [rule] = rules;
  assert.deepEqual(rule?.prefer, { implementation: ['qdisk'], driverDomain: ['5'], caching: ['unsafe'] });
});

test('the rules keep their order', (t) => {
  const { rules } = datapath(t, '[[datapath.rules]]\nsr = "b"\n[[datapath.rules]]\nsr = "a"');
  assert.deepEqual(
    rules.map(({ sr }) => sr),
    ['b', 'a'],
  );
});

test('what a rule can name is what the selector knows', () => {
  assert.deepEqual(IMPLEMENTATIONS, storage.IMPLEMENTATIONS);
  assert.deepEqual(CACHINGS, storage.CACHINGS);
});

const PROPERTIES = 'a table with implementation, driverDomain, caching';

for (const [name, rule, complaint] of [
  [
    'an unknown implementation',
    'prefer = { implementation = ["vbd", "qdsk"] }',
    ', prefer.implementation: expected a list of vbd3, vbd, qdisk, nbd, block, file, got "qdsk"',
  ],
  [
    'an unknown caching strategy',
    'forbid = { caching = "writeBack" }',
    ', forbid.caching: expected a list of none, writeback, writethrough, directsync, unsafe, lcache, got "writeBack"',
  ],
  [
    'a driver domain that is none',
    'prefer = { driverDomain = ["dom5"] }',
    ', prefer.driverDomain: expected a list of domids from 0 to 32751 and uuids of VMs, got "dom5"',
  ],
  ['a property that is none', 'forbid = { cache = "none" }', `, forbid: expected ${PROPERTIES}, got "cache"`],
  ['properties that are no table', 'prefer = "qdisk"', `, prefer: expected ${PROPERTIES}, got "qdisk"`],
  ['an empty pattern', 'sr = ""', ', sr: expected a pattern, in which * stands for any characters, got ""'],
  [
    'a pattern that is no text',
    'domain = 5',
    ', domain: expected a pattern, in which * stands for any characters, got 5',
  ],
  ['a text for spread', 'spread = "true"', ', spread: expected true or false, got "true"'],
  [
    'a field that is none',
    'queue = "*"',
    ': expected a table with scheme, sr, domain, prefer, forbid, spread, got "queue"',
  ],
] as const) {
  test(`${name} in a rule is told with its place`, (t) => {
    assert.equal(
      complaintOfFile(t, `[[datapath.rules]]\nsr = "a"\n[[datapath.rules]]\n${rule}`),
      `datapath.rules, table 2${complaint} (FILE:1)`,
    );
  });
}

test("a driver domain's socket is read, and its uuid in lower case", (t) => {
  const { driverDomains } = datapath(
    t,
    `[[datapath.driverDomains]]\nuuid = "${UUID.toUpperCase()}"\nsocket = "/run/dd"`,
  );
  assert.deepEqual(driverDomains, [{ uuid: UUID, socket: '/run/dd' }]);
});

for (const [name, table, complaint] of [
  ['a domid', 'uuid = "5"\nsocket = "/run/dd"', ', uuid: expected the uuid of a VM, got "5"'],
  [
    'a relative path',
    `uuid = "${UUID}"\nsocket = "run/dd"`,
    ', socket: expected the absolute path of a Unix socket, got "run/dd"',
  ],
  ['no socket', `uuid = "${UUID}"`, ', socket: expected the absolute path of a Unix socket, got ""'],
  ['another field', 'domid = 5', ': expected a table with uuid, socket, got "domid"'],
] as const) {
  test(`${name} where a driver domain is reached is told with its place`, (t) => {
    assert.equal(
      complaintOfFile(t, `[[datapath.driverDomains]]\n${table}`),
      `datapath.driverDomains, table 1${complaint} (FILE:1)`,
    );
  });
}

test('a driver domain has one socket', (t) => {
  const table = (socket: string) => `[[datapath.driverDomains]]\nuuid = "${UUID}"\nsocket = "${socket}"\n`;
  assert.equal(
    complaintOfFile(t, table('/a') + table('/b')),
    `datapath.driverDomains, table 2, uuid: expected each domain once, got "${UUID}" (FILE:1)`,
  );
});
