import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { PluginChange, Registry } from '../../../src/storage/plugins/registry.ts';
import {
  asResult,
  change,
  HOUR,
  nextChange,
  onePlugin,
  preparePlugins,
  printing,
  QUERY,
  registered,
  shell,
  VOLUME,
  writeProgram,
} from './helpers.ts';

/** Plugins come, change and go while calls run. */

const listed = (registry: Registry) => registry.all().map(({ kind, name }) => `${kind}/${name}`);
const refusedOf = (registry: Registry, name = VOLUME) =>
  registry.all().find((status) => status.name === name)?.refused;
const call = async (registry: Registry, method: string) =>
  asResult(await registered(registry).call(method, {}));

test('the plugins that are there at the start are registered when it is ready, both kinds by their names', async (t) => {
  const plugins = preparePlugins(t);
  plugins.write('volume/b', { 'SR.ls': printing([]) }, { name: 'of b' });
  plugins.write('volume/a', {});
  plugins.write('datapath/raw+file', {});
  const registry = plugins.start();
  await registry.ready;
  assert.deepEqual(listed(registry), ['volume/a', 'volume/b', 'datapath/raw+file']);
  assert.equal(registry.get('volume', 'b')?.query.name, 'of b');
  assert.equal(registry.get('volume', 'raw+file'), undefined);
  const [status] = registry.all().slice(1);
  assert.equal(status?.plugin, registry.get('volume', 'b'));
  assert.equal(typeof status?.since, 'number');
  assert.deepEqual([status?.refused, status?.warnings, status?.workers], [undefined, [], 0]);
});

test('files beside the plugins and what begins with a dot are no plugins', async (t) => {
  const plugins = preparePlugins(t);
  plugins.write('volume/.git', {});
  plugins.write('volume/a', {});
  writeProgram(join(plugins.root, 'volume/README'), '');
  const registry = plugins.start();
  await registry.ready;
  assert.deepEqual(listed(registry), ['volume/a']);
});

test('a plugin that appears is registered after its query, and one that vanishes is gone', async (t) => {
  const plugins = preparePlugins(t);
  plugins.write('volume/a', {});
  const registry = plugins.start();
  await registry.ready;
  const came = nextChange(registry, 'registered');
  const directory = plugins.write(`volume/${VOLUME}`, {});
  assert.deepEqual(await came, { type: 'registered', plugin: registry.get('volume', VOLUME) });
  const gone = nextChange(registry, 'removed');
  rmSync(directory, { recursive: true });
  assert.deepEqual(await gone, { type: 'removed', kind: 'volume', name: VOLUME });
  assert.deepEqual(listed(registry), ['volume/a']);
});

test('a root that is not there is no fault, and what appears in it is found, and again after it was removed', async (t) => {
  const plugins = preparePlugins(t);
  const registry = plugins.start();
  await registry.ready;
  assert.deepEqual(registry.all(), []);
  for (const round of [1, 2, 3]) {
    const came = nextChange(registry, 'registered');
    plugins.write(`volume/${VOLUME}`, { 'SR.ls': printing(round) });
    await came;
    assert.equal(await call(registry, 'SR.ls'), round);
    const gone = nextChange(registry, 'removed');
    rmSync(plugins.root, { recursive: true });
    await gone;
  }
});

test('a root whose parents are not there either is found when they are', async (t) => {
  const plugins = preparePlugins(t);
  const registry = plugins.start({ root: join(plugins.root, 'volume/deep') });
  await registry.ready;
  const came = nextChange(registry, 'registered');
  mkdirSync(join(plugins.root, 'volume/deep/datapath'), { recursive: true });
  plugins.write('volume/deep/datapath/raw', {});
  await came;
  assert.deepEqual(listed(registry), ['datapath/raw']);
});

test('a root that is replaced by another has the other’s plugins', async (t) => {
  const plugins = preparePlugins(t);
  plugins.write(`volume/${VOLUME}`, { 'SR.ls': printing('old') });
  renameSync(plugins.root, `${plugins.root}.old`);
  plugins.write(`volume/${VOLUME}`, { 'SR.ls': printing('new') });
  const registry = plugins.start();
  await registry.ready;
  assert.equal(await call(registry, 'SR.ls'), 'new');
  const replaced = nextChange(registry, 'replaced');
  renameSync(plugins.root, `${plugins.root}.new`);
  renameSync(`${plugins.root}.old`, plugins.root);
  await replaced;
  assert.equal(await call(registry, 'SR.ls'), 'old');
});

const CHANGES: readonly {
  what: string;
  make: (directory: string) => void;
  has: (registry: Registry) => boolean;
}[] = [
  {
    what: 'a method that is new',
    make: (directory) => writeProgram(join(directory, 'SR.stat'), printing(1)),
    has: (registry) => registered(registry).has('SR.stat'),
  },
  {
    what: 'a method that is gone',
    make: (directory) => unlinkSync(join(directory, 'SR.ls')),
    has: (registry) => !registered(registry).has('SR.ls'),
  },
  {
    what: 'a mode that makes a method of a file',
    make: (directory) => chmodSync(join(directory, 'SR.detach'), 0o755),
    has: (registry) => registered(registry).has('SR.detach'),
  },
  {
    what: 'a mode that makes a method none',
    make: (directory) => chmodSync(join(directory, 'SR.ls'), 0o644),
    has: (registry) => !registered(registry).has('SR.ls'),
  },
  {
    what: 'a Plugin.Query that says something else',
    make: (directory) => writeProgram(join(directory, 'Plugin.Query'), printing({ ...QUERY, version: '2' })),
    has: (registry) => registered(registry).query.version === '2',
  },
  {
    what: 'a file that is no method, further down',
    make: (directory) => writeProgram(join(directory, 'lib/deeper/version'), '3'),
    has: (registry) => registered(registry).query.version === '3',
  },
];

const VERSIONED = shell(`cat > /dev/null
cat <<END
${JSON.stringify({ ...QUERY, version: 'VERSION' }).replace('VERSION', '$(cat lib/deeper/version 2> /dev/null)')}
END`);

for (const { what, make, has } of CHANGES) {
  test(`a change in a plugin’s directory is noticed by itself: ${what}`, async (t) => {
    const plugins = preparePlugins(t);
    const directory = plugins.write(`volume/${VOLUME}`, {
      'SR.ls': printing(1),
      'SR.detach': printing(1),
      'Plugin.Query': VERSIONED,
    });
    chmodSync(join(directory, 'SR.detach'), 0o644);
    mkdirSync(join(directory, 'lib/deeper'), { recursive: true });
    const registry = plugins.start();
    await registry.ready;
    assert.equal(has(registry), false);
    const replaced = change(registry, (came) => came.type === 'replaced' && has(registry));
    make(directory);
    await replaced;
  });
}

/** Watches that tell of nothing. */
const DEAF = { watch: () => () => {} };

test('without a word from the system, a change is found by looking again', async (t) => {
  const plugins = preparePlugins(t);
  const directory = plugins.write(`volume/${VOLUME}`, {});
  const registry = plugins.start({ rescanInterval: 10 }, DEAF);
  await registry.ready;
  const replaced = nextChange(registry, 'replaced');
  writeProgram(join(directory, 'SR.ls'), printing(1));
  await replaced;
  assert.equal(await call(registry, 'SR.ls'), 1);
});

test('a watch that can not be had or breaks is no end: it is looked at again', async (t) => {
  const plugins = preparePlugins(t);
  const directory = plugins.write(`volume/${VOLUME}`, {});
  let watched = 0;
  const registry = plugins.start(
    { rescanInterval: 10 },
    {
      watch: (_path, _changed, failed) => {
        watched += 1;
        if (watched % 2 === 0) throw new Error('ENOSPC');
        setImmediate(failed);
        return () => {};
      },
    },
  );
  await registry.ready;
  const replaced = nextChange(registry, 'replaced');
  writeProgram(join(directory, 'SR.ls'), printing(1));
  await replaced;
});

test('what Python writes beside its sources is no change', async (t) => {
  const { registry, directory, plugins } = await onePlugin(t, { 'SR.ls': printing(1) });
  const plugin = registered(registry);
  mkdirSync(join(directory, '__pycache__'));
  writeProgram(join(directory, '__pycache__/a.pyc'), 'x', 0o644);
  // Another plugin's change is told of later than this one's would be.
  const later = nextChange(registry, 'registered');
  plugins.write('volume/other', {});
  await later;
  assert.equal(registered(registry), plugin);
});

test('a directory that changes from look to look is asked only when it has settled', async (t) => {
  const plugins = preparePlugins(t);
  const runs = join(plugins.root, '../runs');
  const directory = plugins.write(`volume/${VOLUME}`, {
    'Plugin.Query': printing(QUERY).replace('\n', `\necho >> ${runs}\n`),
  });
  const registry = plugins.start({ settle: HOUR }, DEAF);
  await registry.ready;
  for (const round of [1, 2, 3]) {
    writeProgram(join(directory, 'SR.ls'), printing(round));
    await registry.look();
  }
  assert.equal(registered(registry).has('SR.ls'), false);
  await registry.look();
  assert.equal(await call(registry, 'SR.ls'), 3);
  await registry.look();
  assert.equal(readFileSync(runs, 'utf8'), '\n\n');
});

const AWAY: readonly { what: string; move: (directory: string) => void }[] = [
  { what: 'moved away', move: (directory) => renameSync(directory, `${directory}.old`) },
  { what: 'removed', move: (directory) => rmSync(directory, { recursive: true }) },
];

for (const { what, move } of AWAY) {
  test(`a plugin that is ${what} and made anew between two looks is followed as before`, async (t) => {
    const { registry, plugins, directory } = await onePlugin(t, { 'SR.ls': printing('old') });
    const replaced = nextChange(registry, 'replaced');
    move(directory);
    plugins.write(`volume/${VOLUME}`, { 'SR.ls': printing('new') });
    await replaced;
    assert.equal(await call(registry, 'SR.ls'), 'new');
    const again = nextChange(registry, 'replaced');
    writeProgram(join(directory, 'SR.ls'), printing('newer'));
    await again;
    assert.equal(await call(registry, 'SR.ls'), 'newer');
  });
}

test('a plugin that is replaced in two steps is not gone between them', async (t) => {
  const plugins = preparePlugins(t);
  const directory = plugins.write(`volume/${VOLUME}`, { 'SR.ls': printing('old') });
  const registry = plugins.start({ settle: HOUR }, DEAF);
  await registry.ready;
  renameSync(directory, `${plugins.root}/old`);
  await registry.look();
  assert.equal(registered(registry).has('SR.ls'), true);
  plugins.write(`volume/${VOLUME}`, { 'SR.ls': printing('new') });
  await registry.look();
  await registry.look();
  assert.equal(await call(registry, 'SR.ls'), 'new');
  renameSync(directory, `${plugins.root}/new`);
  await registry.look();
  await registry.look();
  assert.equal(registry.get('volume', VOLUME), undefined);
});

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
    const { registry, directory, plugins } = await onePlugin(
      t,
      { 'SR.ls': printing(1) },
      { queryTimeout: 1000 },
    );
    const plugin = registered(registry);
    const refused = nextChange(registry, 'refused');
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
  const elsewhere = join(plugins.root, '..', 'needed');
  plugins.write(`volume/${VOLUME}`, {
    'Plugin.Query': `${shell(`[ -e ${elsewhere} ] || exit 9`)}${printing(QUERY)}`,
  });
  const registry = plugins.start({ rescanInterval: 20 });
  await registry.ready;
  assert.equal(registry.get('volume', VOLUME), undefined);
  assert.match(refusedOf(registry) ?? '', /exit 9/);
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

/** Tells that it has begun and answers when it is let go. */
const HELD = shell(
  'cat > /dev/null; touch ../../begun; while [ ! -e ../../go ]; do sleep 0.01; done; echo \'"old"\'',
);

async function untilThere(path: string): Promise<void> {
  while (!existsSync(path)) await new Promise((resolve) => setTimeout(resolve, 5));
}

async function duringCall(t: TestContext, make: (directory: string) => void, type: PluginChange['type']) {
  const { registry, plugins, directory } = await onePlugin(t, { 'SR.ls': HELD });
  const outcome = registered(registry).call('SR.ls', {});
  await untilThere(join(plugins.root, 'begun'));
  const changed = nextChange(registry, type);
  make(directory);
  await changed;
  const after = registry.get('volume', VOLUME);
  const answer = after && asResult(await after.call('SR.ls', {}));
  writeProgram(join(plugins.root, 'go'), '');
  return { old: asResult(await outcome), answer };
}

test('a call under way ends on what it began with while the next one goes to what is new', async (t) => {
  const make = (directory: string) => writeProgram(join(directory, 'SR.ls'), printing('new'));
  assert.deepEqual(await duringCall(t, make, 'replaced'), { old: 'old', answer: 'new' });
});

test('a call under way ends well though its plugin vanishes', async (t) => {
  const make = (directory: string) => {
    mkdirSync(join(directory, '../../gone'));
    renameSync(directory, join(directory, '../../gone/plugin'));
  };
  assert.deepEqual(await duringCall(t, make, 'removed'), { old: 'old', answer: undefined });
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

test('who does not listen any more is not told', async (t) => {
  const { registry, directory } = await onePlugin(t, {});
  const told: PluginChange[] = [];
  const off = registry.onChange((came) => told.push(came));
  off();
  const replaced = nextChange(registry, 'replaced');
  writeProgram(join(directory, 'SR.ls'), printing(1));
  await replaced;
  assert.deepEqual(told, []);
});
