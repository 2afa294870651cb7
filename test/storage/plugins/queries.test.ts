import assert from 'node:assert/strict';
import { chmodSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Registry } from '../../../src/storage/plugins/registry.ts';
import { VOLUME, writeProgram } from '../../helpers/plugins.ts';
import {
  call,
  HOUR,
  nextChange,
  onePlugin,
  preparePlugins,
  printing,
  QUERY,
  registered,
  SETTINGS,
  shell,
  untilThere,
} from './helpers.ts';

/** What a plugin says of itself, and what is made of one that does not say it well. */

const refusedOf = (registry: Registry, name = VOLUME) =>
  registry.all().find((status) => status.name === name)?.refused;

const BAD_QUERIES = [
  {
    what: 'fails',
    text: shell('echo no module named xapi >&2; exit 1'),
    reason: /Plugin\.Query: exit 1 after .*\(no module named xapi\)$/,
  },
  {
    what: 'tells of an error',
    text: `${printing({ code: 'Broken', params: ['a'] })}\nexit 1`,
    reason: /Plugin\.Query: Broken a$/,
  },
  { what: 'prints junk', text: shell('echo hello'), reason: /Plugin\.Query: exit 0 .*no JSON/ },
  { what: 'hangs', text: shell('sleep 1000'), reason: /Plugin\.Query: timed out after 1 s/ },
  {
    what: 'leaves out a field',
    text: printing({ ...QUERY, vendor: undefined }),
    reason: /^Plugin\.Query\.vendor: expected string, got nothing$/,
  },
  {
    what: 'has null for a field that is needed',
    text: printing({ ...QUERY, vendor: null }),
    reason: /^Plugin\.Query\.vendor: expected string, got nothing$/,
  },
  {
    what: 'has a field of another type',
    text: printing({ ...QUERY, features: [1] }),
    reason: /^Plugin\.Query\.features\.0: expected string, got number 1$/,
  },
  {
    what: 'asks for a version that is not known',
    text: printing({ ...QUERY, required_api_version: '6.0' }),
    reason: /^Plugin\.Query\.required_api_version: expected one of 3\.0, 4\.0, 5\.0, got "6\.0"$/,
  },
];

for (const { what, text, reason } of BAD_QUERIES) {
  test(`a plugin whose Plugin.Query ${what} is refused, the one that worked stays, and it comes back when mended`, async (t) => {
    const plugins = preparePlugins(t);
    const directory = plugins.write(`volume/${VOLUME}`, { 'SR.ls': printing(1) });
    const settings = { ...SETTINGS, root: plugins.root };
    const registry = plugins.start({}, { settings });
    await registry.ready;
    const plugin = registered(registry);
    const refused = nextChange(registry, 'refused');
    // Those that answer have the time that they need.
    if (what === 'hangs') settings.queryTimeout = 1000;
    writeProgram(join(directory, 'Plugin.Query'), text);
    const came = await refused;
    assert.match(came.type === 'refused' ? came.reason : '', reason);
    assert.match(refusedOf(registry) ?? '', reason);
    assert.equal(registered(registry), plugin);
    assert.equal(await call(registry, 'SR.ls'), 1);
    assert.ok(
      plugins.logged.some(
        (line) => line.level === 'warn' && line.text.endsWith('the one before stays in use'),
      ),
    );
    const replaced = nextChange(registry, 'replaced');
    settings.queryTimeout = HOUR;
    writeProgram(join(directory, 'Plugin.Query'), printing({ ...QUERY, version: '2' }));
    await replaced;
    assert.deepEqual([registered(registry).query.version, refusedOf(registry)], ['2', undefined]);
  });
}

test('a Plugin.Query may have null for a field that is not needed', async (t) => {
  const { plugin } = await onePlugin(t, {}, {}, { uuid: null });
  assert.equal('uuid' in plugin.query, false);
});

test('the versions of the interface that are known are taken', async (t) => {
  const plugins = preparePlugins(t);
  for (const version of ['3.0', '4.0', '5.0'])
    plugins.write(`volume/v${version}`, {}, { required_api_version: version });
  const registry = plugins.start();
  await registry.ready;
  assert.deepEqual(
    registry.all().map(({ plugin }) => plugin?.query.required_api_version),
    ['3.0', '4.0', '5.0'],
  );
});

test('a plugin that is refused at the start shows why, and is asked again at every look, as the fault may be elsewhere', async (t) => {
  const plugins = preparePlugins(t);
  const place = (name: string): string => join(plugins.root, '..', name);
  const [elsewhere, asked, again] = [place('needed'), place('asked'), place('again')];
  const refuses = `[ ! -e ${asked} ] || : > ${again}; : > ${asked}; exit 9`;
  plugins.write(`volume/${VOLUME}`, {
    'Plugin.Query': `${shell(`[ -e ${elsewhere} ] || { ${refuses}; }`)}${printing(QUERY)}`,
  });
  const registry = plugins.start({ rescanInterval: 20 });
  await registry.ready;
  assert.equal(registry.get('volume', VOLUME), undefined);
  assert.match(refusedOf(registry) ?? '', /exit 9/);
  await untilThere(again);
  const came = nextChange(registry, 'registered');
  writeProgram(elsewhere, '');
  await came;
  assert.equal(refusedOf(registry), undefined);
  // Again and again it was refused for the same reason, which is said once.
  assert.equal(plugins.logged.filter(({ text }) => text.includes('is refused')).length, 1);
});

test('a directory without an executable Plugin.Query is refused', async (t) => {
  const plugins = preparePlugins(t);
  chmodSync(join(plugins.write(`volume/${VOLUME}`, {}), 'Plugin.Query'), 0o644);
  const registry = plugins.start();
  await registry.ready;
  assert.equal(refusedOf(registry), 'there is no executable Plugin.Query');
});

test('Plugin.Query is found in any case', async (t) => {
  const plugins = preparePlugins(t);
  const directory = plugins.write(`volume/${VOLUME}`, {});
  renameSync(join(directory, 'Plugin.Query'), join(directory, 'plugin.query'));
  const registry = plugins.start();
  await registry.ready;
  assert.equal(registered(registry).query.name, 'mine');
});

test('features that are listed without the script that they need are warned of, and scripts that are not executable', async (t) => {
  const plugins = preparePlugins(t);
  const features = ['SR_ATTACH', 'VDI_RESET_ON_BOOT/2', 'VDI_ATTACH', 'PERSISTENT_WORKER', 'constructor'];
  const directory = plugins.write(`volume/${VOLUME}`, { 'SR.ls': '', 'sr.py': '' }, { features });
  for (const name of ['SR.ls', 'sr.py']) chmodSync(join(directory, name), 0o644);
  const registry = plugins.start();
  await registry.ready;
  const warnings = [
    'SR.ls is not executable',
    'it lists the feature SR_ATTACH and has no executable SR.attach',
    'it lists the feature VDI_RESET_ON_BOOT/2 and has no executable Volume.clone',
    'it lists the feature PERSISTENT_WORKER and has no executable worker: each call starts a process',
  ];
  assert.deepEqual(
    registry.all().map((status) => status.warnings),
    [warnings],
  );
  const logged = plugins.logged.filter(({ level }) => level === 'warn').map(({ text }) => text);
  assert.deepEqual(
    logged,
    warnings.map((warning) => `the plugin ${VOLUME}: ${warning}`),
  );
});

test('a directory that changes during its query is asked again, and what was asked before is not used', async (t) => {
  const plugins = preparePlugins(t);
  const query = (version: string) => printing({ ...QUERY, version });
  const held = query('1').replace(
    'cat > /dev/null',
    'cat > /dev/null; touch ../../begun; while [ ! -e ../../go ]; do sleep 0.01; done',
  );
  const directory = plugins.write(`volume/${VOLUME}`, { 'Plugin.Query': held });
  const registry = plugins.start();
  const versions: string[] = [];
  registry.onChange((came) => {
    if (came.type === 'registered' || came.type === 'replaced') versions.push(came.plugin.query.version);
  });
  await untilThere(join(plugins.root, 'begun'));
  const came = nextChange(registry, 'registered');
  writeProgram(join(directory, 'Plugin.Query'), query('2'));
  writeProgram(join(plugins.root, 'go'), '');
  await came;
  assert.deepEqual(versions, ['2']);
});

test('a stop during a query ends it and leaves nothing', async (t) => {
  const plugins = preparePlugins(t);
  plugins.write(`volume/${VOLUME}`, { 'Plugin.Query': shell('echo $$ > ../../pid; exec sleep 1000') });
  const registry = plugins.start();
  await untilThere(join(plugins.root, 'pid'));
  await registry.stop();
  assert.equal(registry.get('volume', VOLUME), undefined);
});
