import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parseStateDb } from '../../src/storage/state-db.ts';
import { isStruct } from '../../src/wire/value.ts';
import { ctl } from '../cli/helpers.ts';
import { type DaemonProcess, kill, QUEUE, stop } from '../helpers/daemon.ts';
import { type FakeStorage, HANDLE, SCHEME, VOLUME_METHODS } from '../helpers/fake-storage.ts';
import {
  type Answering,
  type Call,
  fails,
  prints,
  resultOf,
  SR,
  startStorage,
  throughSocket,
  VOLUME,
} from '../helpers/plugins.ts';
import type { Ran } from '../helpers/programs.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { startXenstored } from '../helpers/xenstored.ts';
import {
  attachSr,
  createVdi,
  type StoragePlugins,
  scriptsOf,
  using,
  withPlugins,
} from './storage-helpers.ts';

/** A host changes over from xapi-storage-script with SRs and disks attached, and back. */

const OTHER_SR = '00000002-0000-4000-8000-000000000002';
const stateDbOf = (...srs: readonly string[]): string =>
  `(${srs.map((sr) => `(${sr}((sr"${HANDLE}")(uids())))`).join('')})`;

/** In one step: it is another file than the one before. */
function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

interface Host extends StoragePlugins {
  readonly stateDb: string;
  /** Starts datapathd, again in the same place after it was ended. */
  start(flags?: readonly string[]): Promise<DaemonProcess>;
}

/** What the old daemon has left: an SR that is attached, one disk that is activated for domain 7, and its file. */
async function changingOver(
  t: TestContext,
  text = stateDbOf(SR),
  answering?: (storage: FakeStorage) => Answering,
): Promise<Host & { readonly use: ReturnType<typeof using> }> {
  const { storage, plugins } = await withPlugins(t, answering);
  const [state, directory] = [tempDirectory(t), tempDirectory(t)];
  const stateDb = join(state, 'old/state.db');
  write(stateDb, text);
  storage.isAttached = true;
  const keys = { keys: {}, read_write: true, sharable: false, virtual_size: 1, physical_utilisation: 1 };
  storage.volumes.set('v1', {
    ...{ key: 'v1', name: 'n', description: 'd', uri: [`${SCHEME}://v1`], ...keys },
  });
  storage.disks.set('disk://v1 for 7', 'activated');
  // xenstore is waited for, however long it takes.
  const times = ['request', 'start', 'settle'].map((what) => `--xenstore.${what}Timeout=1h`);
  const flags = [...times, `--switch.stateDirectory=${join(state, 'state')}`, `--storage.stateDb=${stateDb}`];
  const start = (more: readonly string[] = []) =>
    startStorage(t, plugins, { flags: [...flags, ...more], directory: join(directory, 'run') });
  return { storage, plugins, stateDb, start, use: using('v1') };
}

const srsOf = async (t: TestContext, daemon: DaemonProcess) => {
  const srs = await resultOf(throughSocket(t, daemon, QUEUE)('Datapathd.srs'));
  return Array.isArray(srs) ? srs.filter(isStruct) : [];
};

/** Settles when the daemon has found out whose the SR is. */
async function bound(t: TestContext, daemon: DaemonProcess): Promise<void> {
  while ((await srsOf(t, daemon)).some(({ queue, published }) => queue === '' || published !== true));
}

const vdisOf = async (call: Call) => {
  const scanned = await resultOf(call('SR.scan', { sr: SR }));
  return Array.isArray(scanned) && scanned.map((each) => isStruct(each) && each.vdi);
};

test('the SRs of the old daemon are attached, and their disks are seen and made', async (t) => {
  const { plugins, start } = await changingOver(t);
  const daemon = await start();
  const call = throughSocket(t, daemon);
  assert.deepEqual(await resultOf(call('SR.list')), [SR]);
  assert.deepEqual(await vdisOf(call), ['v1']);
  assert.equal(await createVdi(call), 'v2');
  assert.equal(await resultOf(call('VDI.resize', { sr: SR, vdi: 'v1', new_size: 5 })), 5);
  assert.ok(!plugins.calls.some(({ method }) => method === 'SR.attach'));
  const { attached } = await daemon.logged(({ msg }) => msg.endsWith('are taken over'));
  assert.deepEqual(attached, [SR]);
  // What can't be published yet stands in nobody's way.
  assert.ok(!daemon.log.some(({ msg }) => msg === 'the attached SRs are not all in xenstore'));
});

for (const [what, calls, scripts] of [
  ['deactivated and detached', ['VDI.deactivate', 'VDI.detach'], ['deactivate', 'detach']],
  ['detached alone', ['VDI.detach'], ['deactivate', 'detach']],
  ['destroyed', ['DP.destroy2'], ['deactivate', 'detach']],
] as const) {
  test(`a disk that the old daemon attached is ${what}, and then it is not there any more`, async (t) => {
    const { storage, plugins, start, use } = await changingOver(t);
    const daemon = await start();
    await bound(t, daemon);
    const call = throughSocket(t, daemon);
    const all = async (): Promise<void> => {
      for (const method of calls) await resultOf(call(method, { ...use, allow_leak: false }));
    };
    const ran = await scriptsOf(plugins, all);
    assert.deepEqual(
      ran.filter((script) => script !== 'Volume.stat'),
      scripts.map((script) => `Datapath.${script}`),
    );
    assert.deepEqual([...storage.disks, ...storage.sins], []);
    assert.deepEqual(await scriptsOf(plugins, all), []);
    assert.deepEqual(await resultOf(throughSocket(t, daemon, QUEUE)('Datapathd.datapaths')), []);
  });
}

test('a disk that the old daemon activated is asked for its backend, and put down before it is let go of', async (t) => {
  const { storage, start, use } = await changingOver(t);
  const call = throughSocket(t, await start());
  const backend = await resultOf(call('DP.attach_info', use));
  assert.ok(isStruct(backend) && Array.isArray(backend.implementations));
  await resultOf(call('VDI.deactivate', use));
  await resultOf(call('VDI.detach', use));
  assert.deepEqual([...storage.disks, ...storage.sins], []);
});

test('a disk that the old daemon attached is attached again and activated, and let go of once', async (t) => {
  const { storage, plugins, start, use } = await changingOver(t);
  const daemon = await start();
  await bound(t, daemon);
  const call = throughSocket(t, daemon);
  const steps = ['attach', 'activate', 'deactivate', 'detach'].map((step) => `Datapath.${step}`);
  const ran = await scriptsOf(plugins, async () => {
    const backend = await resultOf(call('VDI.attach3', { ...use, read_write: true }));
    assert.ok(isStruct(backend) && Array.isArray(backend.implementations));
    await resultOf(call('VDI.activate3', use));
    assert.deepEqual([...storage.disks.values()], ['activated']);
    await resultOf(call('VDI.deactivate', use));
    await resultOf(call('VDI.detach', use));
  });
  assert.deepEqual(ran, ['Volume.stat', ...steps]);
  assert.deepEqual([...storage.disks, ...storage.sins], []);
});

test('a disk that the old daemon attached is activated, and attached for its backend', async (t) => {
  const { storage, start, use } = await changingOver(t);
  storage.disks.set('disk://v1 for 7', 'attached');
  const call = throughSocket(t, await start());
  await resultOf(call('VDI.activate3', use));
  assert.deepEqual([...storage.disks.values()], ['activated']);
  const backend = await resultOf(call('VDI.attach3', { ...use, read_write: true }));
  assert.ok(isStruct(backend) && Array.isArray(backend.implementations));
  assert.deepEqual([[...storage.disks.values()], storage.sins], [['activated'], []]);
});

test('whose an SR is tells the only plugin that knows it, and then xenstore shows it', async (t) => {
  const { plugins, start } = await changingOver(
    t,
    undefined,
    ({ answer }) =>
      (call) =>
        call.plugin === 'other' ? fails('Sr_not_attached', 'h') : answer(call),
  );
  plugins.write('volume/other', VOLUME_METHODS);
  const daemon = await start();
  await bound(t, daemon);
  assert.deepEqual(
    (await srsOf(t, daemon)).map(({ sr, queue, taken_over }) => ({ sr, queue, taken_over })),
    [{ sr: SR, queue: VOLUME, taken_over: true }],
  );
  assert.deepEqual(await resultOf(throughSocket(t, daemon, QUEUE)('Plugin.ls')), [SR]);
  assert.deepEqual(await resultOf(throughSocket(t, daemon, 'other')('SR.list')), []);
});

test('whose an SR is that two plugins know tells the first call for it', async (t) => {
  const asked = { one: Promise.withResolvers<void>(), two: Promise.withResolvers<void>() };
  const { storage, plugins, start } = await changingOver(t, undefined, ({ answer, stat }) => (call) => {
    if (call.method !== 'SR.stat') return answer(call);
    asked[call.plugin === VOLUME ? 'one' : 'two'].resolve();
    return prints(stat);
  });
  plugins.write('volume/other', VOLUME_METHODS);
  const daemon = await start();
  await Promise.all([asked.one.promise, asked.two.promise]);
  const [mine, other] = [throughSocket(t, daemon), throughSocket(t, daemon, 'other')];
  for (const call of [mine, other]) assert.deepEqual(await resultOf(call('SR.list')), [SR]);
  assert.deepEqual(await vdisOf(mine), ['v1']);
  await bound(t, daemon);
  assert.deepEqual(
    (await srsOf(t, daemon)).map(({ queue }) => queue),
    [VOLUME],
  );
  assert.deepEqual((await other('SR.scan', { sr: SR })).error, ['Sr_not_attached', SR]);
  assert.ok(storage.isAttached);
});

test('an SR that was taken over is detached, and does not come back', async (t) => {
  const { storage, start } = await changingOver(t);
  const daemon = await start();
  await bound(t, daemon);
  await resultOf(throughSocket(t, daemon)('SR.detach', { sr: SR }));
  assert.equal(storage.isAttached, false);
  await kill(daemon);
  const next = await start();
  assert.deepEqual(await resultOf(throughSocket(t, next)('SR.list')), []);
  assert.deepEqual(await resultOf(throughSocket(t, next, QUEUE)('Plugin.ls')), []);
});

test('a file that is damaged is told of, and the daemon serves', async (t) => {
  const { stateDb, start } = await changingOver(t, '((half a file');
  const daemon = await start();
  assert.deepEqual(await resultOf(throughSocket(t, daemon)('SR.list')), []);
  const { level, path, reason } = await daemon.logged(({ msg }) => msg.includes('can not be taken over'));
  assert.deepEqual([level, path], ['warn', stateDb]);
  assert.match(String(reason), /^no S-expression: /);
});

const exporting = (t: TestContext, { switchSocket }: DaemonProcess, ...words: string[]): Promise<Ran> =>
  ctl(t, ['state', 'export', ...words], { env: { DATAPATHD_SWITCH_PATH: switchSocket } });

test('state export writes what is attached, and the old daemon goes on with it and then this one again', async (t) => {
  const { storage, plugins, stateDb, start } = await changingOver(t, '()');
  storage.isAttached = false;
  const daemon = await start();
  await attachSr(throughSocket(t, daemon));
  await resultOf(throughSocket(t, daemon)('VDI.attach3', { ...using('v1', '9'), read_write: true }));
  const exported = await exporting(t, daemon, '--state-db');
  assert.deepEqual(exported, { status: 0, stdout: `${stateDb}: 1 SR\n`, stderr: '' });
  assert.deepEqual(parseStateDb(readFileSync(stateDb, 'utf8')), [{ sr: SR, handle: HANDLE, uids: [] }]);
  assert.ok(!existsSync(`${stateDb}.tmp`));
  const json = await exporting(t, daemon, '--state-db', '--json');
  assert.deepEqual(JSON.parse(json.stdout), { path: stateDb, srs: [SR] });
  await stop(daemon);
  // The old daemon lets go of the disk, attaches another one, and another SR.
  storage.disks.clear();
  storage.disks.set('disk://v1 for 10', 'activated');
  write(stateDb, stateDbOf(SR, OTHER_SR));
  const next = await start();
  const call = throughSocket(t, next);
  assert.deepEqual(await resultOf(call('SR.list')), [SR, OTHER_SR]);
  const ran = await scriptsOf(plugins, () => resultOf(call('VDI.detach', using('v1', '10'))));
  assert.deepEqual(
    ran.filter((script) => script.startsWith('Datapath.')),
    ['Datapath.deactivate', 'Datapath.detach'],
  );
  await resultOf(call('VDI.attach3', { ...using('v1', '9'), read_write: true }));
  assert.deepEqual([...storage.disks, ...storage.sins], [['disk://v1 for 9', 'attached']]);
});

test('an SR that the old daemon has detached is so, and not in xenstore any more', async (t) => {
  const { stateDb, start } = await changingOver(t, '()');
  const store = await startXenstored(t, 'c');
  const flags = ['--xenstore.mode=socket', `--xenstore.socket=${store.socket}`];
  const ls = (daemon: DaemonProcess) => resultOf(throughSocket(t, daemon, QUEUE)('Plugin.ls'));
  const daemon = await start(flags);
  await attachSr(throughSocket(t, daemon));
  assert.deepEqual(await ls(daemon), [SR]);
  await exporting(t, daemon, '--state-db');
  await stop(daemon);
  write(stateDb, '()');
  const next = await start(flags);
  assert.deepEqual(await resultOf(throughSocket(t, next)('SR.list')), []);
  assert.deepEqual((await throughSocket(t, next)('SR.scan', { sr: SR })).error, ['Sr_not_attached', SR]);
  assert.deepEqual(await ls(next), []);
  const { detached } = await next.logged(({ msg }) => msg.endsWith('are taken over'));
  assert.deepEqual(detached, [SR]);
});

test('state export says what it needs, and why it can not be done', async (t) => {
  const { stateDb, start } = await changingOver(t, '()');
  const daemon = await start();
  assert.deepEqual(await exporting(t, daemon), {
    ...{ status: 2, stdout: '', stderr: 'datapathctl: say what to write: --state-db\n' },
  });
  mkdirSync(`${stateDb}.tmp`);
  const failed = await exporting(t, daemon, '--state-db');
  assert.equal(failed.status, 1);
  assert.match(failed.stderr, /^datapathctl: .*EISDIR/);
  assert.equal(readFileSync(stateDb, 'utf8'), '()');
});

test('state export needs a file in the configuration', async (t) => {
  const { plugins } = await withPlugins(t);
  const daemon = await startStorage(t, plugins, { flags: ['--storage.stateDb='] });
  const { status, stderr } = await exporting(t, daemon, '--state-db');
  assert.equal(status, 1);
  assert.match(stderr, /storage\.stateDb is empty: it names no file/);
});
