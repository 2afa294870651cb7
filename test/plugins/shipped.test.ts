import assert from 'node:assert/strict';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isStruct } from '../../src/wire/value.ts';
import { preparePlugins } from '../storage/plugins/helpers.ts';
import { DATAPATH_PLUGIN, PATH, QUEUE, SCHEME, SHIPPED, VOLUME_PLUGIN } from './helpers.ts';

/** The plugins that come with the daemon, as its host of plugins finds them. */

async function registered(t: TestContext) {
  const plugins = preparePlugins(t);
  const registry = plugins.start({ root: SHIPPED }, { environment: { PATH } });
  await registry.ready;
  return { registry, warnings: plugins.logged.filter(({ level }) => level === 'warn') };
}

test('both are trusted as they lie in the sources, and nothing is to be warned of', async (t) => {
  const { registry, warnings } = await registered(t);
  const found = registry.all().map(({ kind, name, plugin }) => [kind, name, plugin !== undefined]);
  assert.deepEqual(found.sort(), [
    ['datapath', SCHEME, true],
    ['volume', QUEUE, true],
  ]);
  assert.deepEqual(warnings, []);
});

test('a worker serves what the scripts serve', async (t) => {
  const { registry } = await registered(t);
  const plugin = registry.get('volume', QUEUE);
  const refused = await plugin?.call('SR.stat', { dbg: '', sr: '/nowhere' });
  assert.ok(refused?.type === 'error');
  assert.deepEqual([refused.code, refused.params], ['Sr_not_attached', ['/nowhere']]);
  const query = await plugin?.call('Plugin.Query', { dbg: '' });
  assert.ok(query?.type === 'result' && isStruct(query.value));
  assert.equal(query.value.name, 'Raw files');
  assert.equal(registry.all().find(({ kind }) => kind === 'volume')?.workers, 1);
});

for (const directory of [VOLUME_PLUGIN, DATAPATH_PLUGIN]) {
  test(`each method of ${directory.slice(SHIPPED.length + 1)} is a link to the program`, () => {
    const text = readFileSync(join(directory, 'worker'), 'utf8');
    const methods = [...text.matchAll(/^ {4}"(\w+\.\w+)":/gm)].map(([, name]) => name);
    const links = readdirSync(directory).filter((name) => name !== 'worker' && !name.endsWith('.py'));
    assert.deepEqual(links.sort(), methods.sort());
    for (const name of links) assert.equal(readlinkSync(join(directory, name)), 'worker');
  });
}

test('the plugins have the same copy of what they share', () => {
  const copies = [VOLUME_PLUGIN, DATAPATH_PLUGIN].map((path) =>
    readFileSync(join(path, 'protocol.py'), 'utf8'),
  );
  assert.equal(copies[0], copies[1]);
});
