import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { kill, stop } from '../helpers/daemon.ts';
import { VOLUME_METHODS } from '../helpers/fake-storage.ts';
import { resultOf, startStorage, throughSocket, VOLUME } from '../helpers/plugins.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { attachSr, withPlugins, withStorage } from './storage-helpers.ts';

/** The sockets of volume plugins where xapi looks for them when it uses no switch. */

interface Listed {
  /** xapi's folder. */
  readonly directory: string;
  readonly folder: string;
  readonly flags: readonly string[];
  names(): string[];
  /** Settles when the condition holds; it is looked at after every change in the folder. */
  until(condition: () => boolean): Promise<void>;
}

function xapi(t: TestContext): Listed {
  const directory = join(tempDirectory(t), 'xcp');
  const folder = join(directory, 'storage.d');
  return {
    directory,
    folder,
    flags: [`--sockets.xapiDirectory=${directory}`],
    names: () => readdirSync(folder).sort(),
    until: async (condition) => {
      const watcher = watch(folder);
      t.after(() => watcher.close());
      while (!condition()) await once(watcher, 'change');
    },
  };
}

test('a volume plugin is listed by the type of its SRs, and called there', async (t) => {
  const { folder, flags, names } = xapi(t);
  const { plugins } = await withPlugins(t);
  // Names that are no queues of xapi's are not listed.
  plugins.write('volume/other', VOLUME_METHODS);
  plugins.write('volume/org.xen.xapi.storage.', VOLUME_METHODS);
  const daemon = await startStorage(t, plugins, { flags });
  assert.deepEqual(names(), ['mine']);
  assert.equal(readlinkSync(join(folder, 'mine')), join(daemon.directory, VOLUME));
  const call = throughSocket(t, { ...daemon, directory: folder }, 'mine');
  await attachSr(call);
  assert.deepEqual(await resultOf(call('SR.list')), await resultOf(throughSocket(t, daemon)('SR.list')));
});

test('a listed socket comes and goes with its plugin, and with the daemon', async (t) => {
  const { folder, flags, names, until } = xapi(t);
  const { plugins, daemon } = await withStorage(t, { flags });
  plugins.write('volume/org.xen.xapi.storage.new', VOLUME_METHODS);
  await until(() => names().includes('new'));
  const call = throughSocket(t, { ...daemon, directory: folder }, 'new');
  assert.equal(await resultOf(call('Query.diagnostics')), 'all is well');
  plugins.remove('volume/org.xen.xapi.storage.new');
  await until(() => !names().includes('new'));
  assert.deepEqual(names(), ['mine']);
  await stop(daemon);
  assert.deepEqual(names(), []);
});

test('what a daemon that was killed has listed is listed anew', async (t) => {
  const { flags, names, folder } = xapi(t);
  const { plugins, daemon } = await withStorage(t, { flags });
  await kill(daemon);
  assert.deepEqual(names(), ['mine']);
  const next = await startStorage(t, plugins, { flags });
  assert.equal(readlinkSync(join(folder, 'mine')), join(next.directory, VOLUME));
  await attachSr(throughSocket(t, { ...next, directory: folder }, 'mine'));
  await stop(next);
  assert.deepEqual(names(), []);
});

for (const [what, make] of [
  ['a file', async (path: string) => writeFileSync(path, "another's")],
  ['a folder', async (path: string) => mkdirSync(path)],
  [
    'the socket of another daemon',
    async (path: string, t: TestContext) => {
      const server = createServer().listen(path);
      t.after(() => server.close());
      await once(server, 'listening');
    },
  ],
] as const) {
  test(`${what} where a socket is to be listed is left alone, and said; the queue is served`, async (t) => {
    const { folder, flags } = xapi(t);
    mkdirSync(folder, { recursive: true });
    const path = join(folder, 'mine');
    await make(path, t);
    const { ino } = lstatSync(path);
    const { daemon } = await withStorage(t, { flags });
    const { level, queue, reason } = await daemon.logged(({ msg }) => msg.includes('can not be listed'));
    assert.deepEqual([level, queue], ['warn', VOLUME]);
    assert.match(String(reason), /EEXIST/);
    await attachSr(throughSocket(t, daemon));
    await stop(daemon);
    assert.equal(lstatSync(path).ino, ino);
  });
}

test('a link that somebody has put in the place of ours stays when the daemon ends', async (t) => {
  const { folder, flags } = xapi(t);
  const { daemon } = await withStorage(t, { flags });
  const path = join(folder, 'mine');
  rmSync(path);
  symlinkSync('/elsewhere', path);
  await stop(daemon);
  assert.equal(readlinkSync(path), '/elsewhere');
});

test('a folder that can not be made is said, and the queue is served', async (t) => {
  const { directory, flags } = xapi(t);
  writeFileSync(directory, 'a file');
  const { daemon } = await withStorage(t, { flags });
  const { reason } = await daemon.logged(({ msg }) => msg.includes('can not be listed'));
  assert.match(String(reason), /ENOTDIR|EEXIST/);
  await attachSr(throughSocket(t, daemon));
  assert.equal(readFileSync(directory, 'utf8'), 'a file');
});
