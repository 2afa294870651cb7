import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { environmentName, SETTINGS } from '../../src/config/schema.ts';
import { CACHINGS, IMPLEMENTATIONS, type Setting, unitOf } from '../../src/config/setting.ts';
import {
  loadConfig,
  renderDifferences,
  renderHelp,
  renderPrintedConfig,
  renderReference,
  resolveSwitchPath,
} from '../../src/config.ts';
import { complaint, configFile } from './helpers.ts';
import { WRONG } from './wrong-values.ts';

test('the table of wrong values has every setting', () => {
  assert.deepEqual(
    Object.keys(WRONG),
    SETTINGS.map(({ name }) => name),
  );
});

for (const named of SETTINGS) {
  const { name } = named;
  const [value, expected] = WRONG[name] ?? ['', ''];

  test(`a wrong ${name} is named with its place, what was expected and what came`, (t) => {
    const line = `${name}: expected ${expected}, got ${JSON.stringify(value)}`;
    assert.equal(complaint({ flags: [`--${name}=${value}`] }), `${line} (flag --${name})`);
    const variable = environmentName(named);
    assert.equal(complaint({ environment: { [variable]: value } }), `${line} (environment ${variable})`);
    const path = configFile(t, `# x\n[${named.section}]\n${named.key} = ${JSON.stringify(value)}\n`);
    assert.equal(complaint({ flags: ['--config', path] }), `${line} (${path}:3)`);
  });
}

test('every setting has words that say what it is, its unit or choices, and a row on the page', () => {
  const page = renderReference().split('\n');
  const help = renderHelp();
  for (const { name, setting } of SETTINGS) {
    assert.match(setting.doc, /^\S.*\.$/);
    const row = page.find((line) => line.startsWith(`| \`${name}\``)) ?? '';
    const [, , unit = '', doc] = row.split(' | ');
    assert.notEqual(unit, '', row);
    assert.equal(doc, `${setting.doc} |`);
    assert.ok(help.includes(`\n  --${name}=`), name);
    if (setting.format === 'duration') assert.equal(unitOf(setting), 'seconds');
    if (setting.format === 'size') assert.equal(unitOf(setting), 'bytes');
  }
});

test('later sources win: defaults, file, environment, flags', (t) => {
  const file = configFile(
    t,
    '[sockets]\nmaxDepth = 1\nmaxConnections = 1\nmaxBatchCalls = 1\n[log]\nlevel = "warn"',
  );
  const { config, places } = loadConfig(['--sockets.maxDepth=3', '--config', file], {
    DATAPATHD_SOCKETS_MAX_DEPTH: '2',
    DATAPATHD_SOCKETS_MAX_CONNECTIONS: '2',
  });
  const { maxDepth, maxConnections, maxBatchCalls, maxAnswerBytes } = config.sockets;
  assert.deepEqual([maxAnswerBytes, maxBatchCalls, maxConnections, maxDepth], [67_108_864, 1, 2, 3]);
  assert.deepEqual(Object.fromEntries(places), {
    'sockets.maxBatchCalls': `${file}:4`,
    'sockets.maxConnections': 'environment DATAPATHD_SOCKETS_MAX_CONNECTIONS',
    'sockets.maxDepth': 'flag --sockets.maxDepth',
    'log.level': `${file}:6`,
  });
});

test('a source that is overruled is still checked', (t) => {
  const file = configFile(t, '[log]\nlevel = "loud"');
  assert.match(
    complaint({ flags: ['--config', file, '--log.level=info'] }),
    /^log\.level: .* got "loud" \(.*:2\)$/,
  );
});

test('the configuration is frozen through and through', () => {
  const { config } = loadConfig(['--xenstore.driverDomains=5'], {});
  for (const part of [config, config.sockets, config.xenstore.driverDomains])
    assert.ok(Object.isFrozen(part));
});

test('each value is printed with its source', () => {
  const { config, places } = loadConfig(['--sockets.maxRequestBytes=1024'], {
    DATAPATHD_SOCKETS_MODE: '660',
  });
  const lines = renderPrintedConfig(config, places).split('\n');
  assert.equal(lines.length, SETTINGS.length + 1);
  const line = (name: string) => lines.find((printed) => printed.startsWith(`${name} `))?.replace(/ +/g, ' ');
  assert.equal(
    line('sockets.maxRequestBytes'),
    'sockets.maxRequestBytes = "1KiB" # flag --sockets.maxRequestBytes',
  );
  assert.equal(line('sockets.mode'), 'sockets.mode = "0660" # environment DATAPATHD_SOCKETS_MODE');
  assert.equal(line('storage.enabled'), 'storage.enabled = true # default');
  assert.equal(line('xenstore.startTimeout'), 'xenstore.startTimeout = "3s" # default');
});

test('only what a source gave is listed as different', () => {
  const { config, places } = loadConfig(['--sockets.maxDepth=9'], {});
  assert.deepEqual(renderDifferences(config, places), ['sockets.maxDepth = 9  # flag --sockets.maxDepth']);
});

const pattern = fc.stringMatching(/^[A-Za-z0-9_.*=:-]+$/);
const duration = fc.integer({ min: 1, max: 2_073_600_000 }).map((ms) => `${ms}ms`);
const rulesText = (rules: readonly (readonly [string, string])[]): string =>
  rules.map(([queue, time]) => `${queue}=${time}`).join(',');

const properties = fc.record(
  {
    implementation: fc.subarray([...IMPLEMENTATIONS]),
    driverDomain: fc.constantFrom('0', ['5', '0a1b2c3d-0000-4000-8000-000000000001']),
    caching: fc.constantFrom(...CACHINGS),
  },
  { requiredKeys: [] },
);

/** Values that a setting takes, as flags give them. */
function valuesOf(setting: Setting): fc.Arbitrary<string> {
  switch (setting.format) {
    case 'duration':
      return fc.integer({ min: setting.least ?? 1, max: 2_073_600_000 }).map((ms) => `${ms}ms`);
    case 'size':
      return fc.integer({ min: setting.least ?? 1, max: 999_999_999_999_999 }).map((bytes) => `${bytes}`);
    case 'count':
      return fc.integer({ min: 1, max: 999_999_999_999_999 }).map(String);
    case 'mode':
      return fc.integer({ min: 0, max: 0o777 }).map((bits) => bits.toString(8).padStart(3, '0'));
    case 'flag':
      return fc.boolean().map(String);
    case 'choice':
      return fc.constantFrom(...setting.choices);
    case 'levels':
      return fc.constantFrom('', 'xenstore=debug', 'switch=warn, plugins=silent');
    case 'domains':
      return fc
        .array(fc.oneof(fc.uuid(), fc.integer({ min: 0, max: 32_751 }).map(String)))
        .map((domains) => domains.join(','));
    case 'listener-rules':
      return fc.array(fc.tuple(pattern, fc.oneof(fc.constantFrom('wait', 'fail'), duration))).map(rulesText);
    case 'timeout-rules':
      return fc.array(fc.tuple(pattern, duration)).map(rulesText);
    case 'variables':
      return fc.array(fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]*$/)).map((names) => names.join(','));
    case 'policy-rules':
      return fc
        .array(
          fc.record({
            uid: fc.oneof(fc.nat(), fc.stringMatching(/^[a-z_][a-z0-9_-]*$/)),
            queue: pattern,
            allow: fc.subarray(['send', 'receive', 'observe'], { minLength: 1 }),
          }),
        )
        .map((rules) => JSON.stringify(rules));
    case 'datapath-rules':
      return fc
        .array(fc.record({ scheme: pattern, prefer: properties, forbid: properties, spread: fc.boolean() }))
        .map((rules) => JSON.stringify(rules));
    case 'domain-sockets':
      return fc
        .uniqueArray(fc.uuid())
        .map((uuids) => JSON.stringify(uuids.map((uuid) => ({ uuid, socket: `/run/${uuid}.sock` }))));
    case 'duration-rules':
      return fc.array(fc.tuple(pattern, fc.oneof(fc.constant('0ms'), duration))).map(rulesText);
    case 'queue':
      return fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.:-]*$/);
    case 'store-path':
      return fc.stringMatching(/^[A-Za-z0-9_@-]+(\/[A-Za-z0-9_@-]+)*$/);
    case 'loopback-or-none':
      return fc.oneof(
        fc.constant(''),
        fc
          .tuple(fc.constantFrom('localhost', '127.0.0.1', '[::1]'), fc.nat(65_535))
          .map(([host, port]) => `${host}:${port}`),
      );
    case 'endpoint-or-none':
      return fc.oneof(
        fc.constantFrom('', 'unix:/run/otel.sock', 'https://otel.example/v1/traces'),
        fc.nat(65_535).map((port) => `http://127.0.0.1:${port}`),
      );
    case 'path':
      return fc.string({ minLength: 1, unit: 'binary' }).filter((path) => !path.includes('\0'));
    case 'text':
    case 'path-or-none':
      return fc.string({ unit: 'binary' }).filter((text) => !text.includes('\0'));
  }
}

const everySetting = fc.record(
  Object.fromEntries(SETTINGS.map(({ name, setting }) => [name, valuesOf(setting)])),
  { noNullPrototype: true },
);

test('what is printed, read as a file again, is the same configuration', (t) => {
  fc.assert(
    fc.property(everySetting, (values) => {
      const given = loadConfig(
        Object.entries(values).map(([name, value]) => `--${name}=${value}`),
        {},
      );
      const file = configFile(t, renderPrintedConfig(given.config, given.places));
      assert.deepEqual(loadConfig(['--config', file], {}).config, given.config);
    }),
    { numRuns: 50 },
  );
});

test('the defaults are those of a host', () => {
  const { config } = loadConfig([], {});
  const { sockets, datapath, storage, xenstore, log } = config;
  assert.equal(sockets.directory, '/run/datapathd');
  assert.equal(sockets.mode, 0o600);
  assert.equal(sockets.maxConnections, 10_000);
  assert.equal(sockets.maxDepth, 64);
  assert.equal(datapath.queue, 'org.xen.xapi.datapath');
  assert.deepEqual([datapath.rules, datapath.driverDomains], [[], []]);
  assert.equal(storage.enabled, true);
  assert.equal(config.switch.mode, 'serve');
  assert.equal(config.switch.stateDirectory, '/var/lib/datapathd');
  assert.equal(config.switch.noListener.length, 0);
  assert.deepEqual([config.switch.reconnectGrace, config.switch.sessionGrace], [5000, 60_000]);
  assert.equal(config.journal.sync, 'always');
  assert.equal(xenstore.mode, 'auto');
  assert.equal(xenstore.srPath, 'xapi/storage/sr');
  assert.equal(xenstore.startTimeout, 3000);
  assert.equal(xenstore.settleTimeout, 1000);
  assert.deepEqual(xenstore.driverDomains, []);
  assert.equal(log.format, 'auto');
});

test("the switch's socket is beside the others when serving, and xapi's when joining", () => {
  const path = (...flags: string[]) => resolveSwitchPath(loadConfig(flags, {}).config);
  assert.equal(path('--sockets.directory=/tmp/here'), '/tmp/here/switch.sock');
  assert.equal(path('--switch.mode=join'), '/run/message-switch/sock');
  assert.equal(path('--switch.mode=join', '--switch.path=/tmp/sock'), '/tmp/sock');
});
