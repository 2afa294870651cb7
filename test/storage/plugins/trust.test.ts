import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync, renameSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Registry, RegistryOptions } from '../../../src/storage/plugins/registry.ts';
import { distrustOf } from '../../../src/storage/plugins/trust.ts';
import { VOLUME } from '../../helpers/plugins.ts';
import { runProgram } from '../../helpers/programs.ts';
import { tempDirectory } from '../../helpers/temp.ts';
import {
  asFailed,
  nextChange,
  onePlugin,
  type Plugins,
  preparePlugins,
  printing,
  QUERY,
  SETTINGS,
  shell,
} from './helpers.ts';

/** Whose files are executed, and whose are not. */

const FILE = 0o100000;
const DIRECTORY = 0o040000;
const LINK = 0o120000;

test('root’s and the daemon’s own are trusted when nobody else can write them', () => {
  const owner = { uid: 7, gid: 8 };
  const reason = (uid: number, gid: number, mode: number) => distrustOf({ uid, gid, mode }, owner);
  assert.equal(reason(0, 0, FILE | 0o775), undefined);
  assert.equal(reason(7, 8, DIRECTORY | 0o775), undefined);
  assert.equal(reason(0, 9, FILE | 0o755), undefined);
  assert.equal(reason(0, 9, LINK | 0o777), undefined);
  assert.equal(reason(9, 0, FILE | 0o755), 'belongs to uid 9, not to root or uid 7');
  assert.equal(reason(9, 0, LINK | 0o777), 'belongs to uid 9, not to root or uid 7');
  assert.equal(reason(0, 0, FILE | 0o757), 'can be written by everybody (mode 0757)');
  assert.equal(reason(0, 0, DIRECTORY | 0o1777), 'can be written by everybody (mode 1777)');
  assert.equal(reason(0, 9, FILE | 0o775), 'can be written by the group 9 (mode 0775)');
  assert.equal(
    distrustOf({ uid: 7, gid: 0, mode: FILE | 0o755 }, { uid: 0, gid: 0 }),
    'belongs to uid 7, not to root',
  );
});

const SCRIPTS = { 'SR.ls': shell('cat > /dev/null; echo 1'), 'program.sh': shell('echo 2') };

/** Starts with one plugin that is changed before it is seen; gives why it is refused. */
async function refusal(
  t: TestContext,
  spoil: (directory: string, plugins: Plugins) => void,
  options: Partial<RegistryOptions> = {},
): Promise<string> {
  const plugins = preparePlugins(t);
  spoil(plugins.write(`volume/${VOLUME}`, SCRIPTS), plugins);
  const registry = plugins.start({}, options);
  await registry.ready;
  assert.equal(registry.get('volume', VOLUME), undefined);
  const reason = refusedOf(registry);
  assert.ok(plugins.logged.some(({ level, text }) => level === 'warn' && text.includes(reason)));
  return reason;
}

const refusedOf = (registry: Registry): string =>
  registry.all().find(({ name }) => name === VOLUME)?.refused ?? 'it is not';

const SPOILED: readonly {
  what: string;
  spoil: (directory: string, plugins: Plugins) => void;
  reason: RegExp;
}[] = [
  {
    what: 'its directory can be written by everybody',
    spoil: (directory) => chmodSync(directory, 0o777),
    reason: /mine can be written by everybody \(mode 0777\)$/,
  },
  {
    what: 'a method can be written by everybody',
    spoil: (directory) => chmodSync(join(directory, 'SR.ls'), 0o757),
    reason: /SR\.ls can be written by everybody \(mode 0757\)$/,
  },
  {
    what: 'a file that is no method can be written by everybody',
    spoil: (directory) => chmodSync(join(directory, 'program.sh'), 0o666),
    reason: /program\.sh can be written by everybody/,
  },
  {
    what: 'a file further down can be written by everybody',
    spoil: (directory) => {
      mkdirSync(join(directory, 'lib/__pycache__'), { recursive: true });
      writeFileSync(join(directory, 'lib/__pycache__/a.pyc'), '');
      chmodSync(join(directory, 'lib/__pycache__/a.pyc'), 0o666);
    },
    reason: /a\.pyc can be written by everybody/,
  },
  {
    what: 'a method links out of the directory',
    spoil: (directory) => symlinkSync('/bin/true', join(directory, 'SR.stat')),
    reason: /SR\.stat links out of the plugin's directory, to \//,
  },
  {
    what: 'a folder links out of the directory',
    spoil: (directory) => symlinkSync('../../..', join(directory, 'lib')),
    reason: /lib links out of the plugin's directory/,
  },
  {
    what: 'a link leads to a folder whose name only begins like the plugin’s',
    spoil: (directory) => {
      mkdirSync(`${directory}2`);
      symlinkSync(`${directory}2`, join(directory, 'lib'));
    },
    reason: /lib links out of the plugin's directory/,
  },
  {
    what: 'a link leads nowhere',
    spoil: (directory) => symlinkSync('nothing', join(directory, 'SR.stat')),
    reason: /SR\.stat links to nothing$/,
  },
  {
    what: 'its directory is a link',
    spoil: (directory) => {
      renameSync(directory, `${directory}2`);
      symlinkSync(`${VOLUME}2`, directory);
    },
    reason: /mine is a link$/,
  },
  {
    what: 'the folder that it is in can be written by everybody',
    spoil: (directory) => chmodSync(join(directory, '..'), 0o777),
    reason: /volume can be written by everybody/,
  },
  {
    what: 'the root can be written by everybody',
    spoil: (_directory, { root }) => chmodSync(root, 0o777),
    reason: /root can be written by everybody/,
  },
];

for (const { what, spoil, reason } of SPOILED) {
  test(`a plugin is not run when ${what}`, async (t) => {
    assert.match(await refusal(t, spoil), reason);
  });
}

const OWN_UID = process.getuid?.() ?? 0;
const SOMEBODY_ELSE = OWN_UID + 1;

test('a plugin is not run when a file of it belongs to somebody else', async (t) => {
  // Only root can give a file away. Who is not root looks at files as another would whose they aren't.
  const reason =
    OWN_UID === 0
      ? await refusal(t, (directory) => chownSync(join(directory, 'SR.ls'), SOMEBODY_ELSE, 0))
      : await refusal(t, () => {}, { owner: { uid: SOMEBODY_ELSE, gid: SOMEBODY_ELSE } });
  assert.match(reason, /belongs to uid \d+, not to root/);
});

test('a method that becomes somebody else’s to write is not run any more, even before it is noticed', async (t) => {
  const plugins = preparePlugins(t);
  const directory = plugins.write(`volume/${VOLUME}`, SCRIPTS);
  const registry = plugins.start({ settle: 3_600_000 });
  await registry.ready;
  const plugin = registry.get('volume', VOLUME);
  assert.ok(plugin);
  assert.equal((await plugin.call('SR.ls', {})).type, 'result');
  chmodSync(join(directory, 'SR.ls'), 0o777);
  assert.match(
    asFailed(await plugin.call('SR.ls', {})).status,
    /^not run: .*SR\.ls can be written by everybody/,
  );
  chmodSync(join(directory, 'SR.ls'), 0o755);
  assert.equal((await plugin.call('SR.ls', {})).type, 'result');
  chmodSync(directory, 0o777);
  assert.match(
    asFailed(await plugin.call('SR.ls', {})).status,
    /^not run: .*mine can be written by everybody/,
  );
  chmodSync(directory, 0o755);
  unlinkSync(join(directory, 'SR.ls'));
  symlinkSync('/bin/true', join(directory, 'SR.ls'));
  assert.match(asFailed(await plugin.call('SR.ls', {})).status, /^not run: .*links out of/);
});

test('a plugin that loses its trust is no more used, and is again when it has it', async (t) => {
  const { plugins, registry, directory } = await onePlugin(t, SCRIPTS);
  const removed = nextChange(registry, 'removed');
  const refused = nextChange(registry, 'refused');
  chmodSync(directory, 0o777);
  await removed;
  await refused;
  assert.equal(registry.get('volume', VOLUME), undefined);
  assert.match(refusedOf(registry), /can be written by everybody/);
  assert.ok(plugins.logged.some(({ text }) => /is no more used: .*written by everybody/.test(text)));
  const registered = nextChange(registry, 'registered');
  chmodSync(directory, 0o755);
  await registered;
  assert.equal(refusedOf(registry), 'it is not');
});

const NAMES = [
  { kind: 'volume', name: 'org xen', reason: 'the name of a queue: letters, digits and . _ : -' },
  { kind: 'volume', name: '-x', reason: 'the name of a queue: letters, digits and . _ : -' },
  { kind: 'datapath', name: 'Raw', reason: 'a URI scheme: lower case letters, digits and + . -' },
  { kind: 'datapath', name: 'a_b', reason: 'a URI scheme: lower case letters, digits and + . -' },
] as const;

for (const { kind, name, reason } of NAMES) {
  test(`a directory with the name ${name} is no plugin of the kind ${kind}`, async (t) => {
    const plugins = preparePlugins(t);
    plugins.write(`${kind}/${name}`, SCRIPTS);
    const registry = plugins.start();
    await registry.ready;
    assert.equal(registry.get(kind, name), undefined);
    assert.deepEqual(
      registry.all().map(({ refused }) => refused),
      [`expected ${reason}, got "${name}"`],
    );
  });
}

test('two files that are the same method are refused', async (t) => {
  const plugins = preparePlugins(t);
  plugins.write(`volume/${VOLUME}`, { 'SR.ls': printing(1), 'SR.LS': printing(2) });
  const registry = plugins.start();
  await registry.ready;
  assert.equal(refusedOf(registry), 'SR.LS and SR.ls are the same method');
});

test('a directory with more files than are allowed is refused', async (t) => {
  const plugins = preparePlugins(t);
  plugins.write(`volume/${VOLUME}`, SCRIPTS);
  const registry = plugins.start({ maxFiles: 2 });
  await registry.ready;
  assert.match(refusedOf(registry), /holds more than plugins\.maxFiles \(2\) files$/);
});

test('a directory that the daemon may not read is refused and says so', async (t) => {
  const root = tempDirectory(t);
  chmodSync(root, 0o755);
  const directory = join(root, 'volume/mine');
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'Plugin.Query'), printing(QUERY), { mode: 0o755 });
  chmodSync(directory, 0o000);
  const source = JSON.stringify(join(import.meta.dirname, '../../../src/storage/plugins/registry.ts'));
  const script = `
    const { startRegistry } = await import(${source});
    if (process.getuid() === 0) {
      process.setgroups([]);
      process.setgid(65534);
      process.setuid(65534);
    }
    const registry = startRegistry({
      settings: ${JSON.stringify({ ...SETTINGS, root })},
      maxDepth: 64, environment: {}, now: () => 0,
      log: { debug() {}, info() {}, warn() {} },
    });
    await registry.ready;
    console.log(registry.all()[0].refused);
    await registry.stop();
  `;
  const { stdout, stderr } = await runProgram(t, process.execPath, [
    '--input-type=module-typescript',
    '-e',
    script,
  ]);
  chmodSync(directory, 0o755);
  assert.match(stdout, /^EACCES: permission denied/, stderr);
});
