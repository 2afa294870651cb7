import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { PluginChange, Registry } from '../../../src/storage/plugins/registry.ts';
import { VOLUME, writeProgram } from '../../helpers/plugins.ts';
import {
  asResult,
  call,
  change,
  HOUR,
  nextChange,
  onePlugin,
  preparePlugins,
  printing,
  QUERY,
  registered,
  shell,
  untilThere,
} from './helpers.ts';

/** Plugins come, change and go while calls run. */

const listed = (registry: Registry) => registry.all().map(({ kind, name }) => `${kind}/${name}`);

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

/** Tells that it has begun and answers when it is let go. */
const HELD = shell(
  'cat > /dev/null; touch ../../begun; while [ ! -e ../../go ]; do sleep 0.01; done; echo \'"old"\'',
);

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
