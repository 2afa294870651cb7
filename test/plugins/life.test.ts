import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isStruct, type Struct, type Value } from '../../src/wire/value.ts';
import { type DaemonProcess, kill, stop } from '../helpers/daemon.ts';
import { type Call, resultOf, startStorage, throughSocket } from '../helpers/plugins.ts';
import { runProgram } from '../helpers/programs.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { PATH, QUEUE, SHIPPED, SR_UUID, textOf } from './helpers.ts';
import { serversOf, stopServers } from './servers.ts';

/** A disk's whole life: as xapi calls it, through the daemon, to the bytes in the file. */

const SIZE = 8 * 1024 * 1024;
const USE = { dp: 'vbd/7/xvda', vm: '0' };
const BLOCK = 65536;
/** Where the tests write, and what. */
const [PLACE, BYTE] = [BLOCK * 3, 0x5a];

interface Host {
  readonly sr: string;
  /** Where the datapath plugin keeps what it knows. */
  readonly runs: string;
  start(): Promise<{
    readonly daemon: DaemonProcess;
    readonly call: (method: string, params?: Struct) => Promise<Value>;
  }>;
}

function host(t: TestContext): Host {
  const folder = tempDirectory(t);
  const runs = join(folder, 'nbd');
  t.after(() => stopServers(runs));
  const variables = ['PATH', 'LD_LIBRARY_PATH', 'RAW_FILE_RUN_DIRECTORY', 'RAW_FILE_SERVER'];
  const flags = [
    `--switch.stateDirectory=${join(folder, 'state')}`,
    `--plugins.environment=${variables.join(',')}`,
  ];
  const env = {
    PATH: [PATH, process.env.PATH].join(delimiter),
    RAW_FILE_RUN_DIRECTORY: runs,
    RAW_FILE_SERVER: 'nbd',
  };
  return {
    sr: join(folder, 'sr'),
    runs,
    start: async () => {
      const daemon = await startStorage(t, { root: SHIPPED }, { directory: join(folder, 'run'), flags, env });
      const socket: Call = throughSocket(t, daemon, QUEUE);
      return { daemon, call: (method, params = {}) => resultOf(socket(method, { sr: SR_UUID, ...params })) };
    },
  };
}

const structOf = (value: Value | undefined): Struct => {
  assert.ok(isStruct(value));
  return value;
};

function nbdOf(backend: Value): string {
  const { implementations } = structOf(backend);
  assert.ok(Array.isArray(implementations) && Array.isArray(implementations[0]));
  const [tag, nbd] = implementations[0];
  assert.equal(tag, 'Nbd');
  return textOf(structOf(nbd).uri);
}

/** The URI of libnbd's tools for the URI of the interface. */
function libnbdUri(nbd: string): string {
  const [, socket = '', name = ''] = /^nbd:unix:(.*):exportname=(.*)$/.exec(nbd) ?? [];
  return `nbd+unix:///${name}?socket=${socket}`;
}

test('a disk that is written over NBD keeps its bytes over kill -9 of the daemon, to the end of its SR', async (t) => {
  const { sr, runs, start } = host(t);
  const first = await start();
  const device_config = { path: sr };
  const named = { name_label: 'n', name_description: '' };
  await first.call('SR.create', { ...named, device_config, physical_size: 0 });
  await first.call('SR.attach', { device_config });
  const info = { ...named, vdi: '', virtual_size: SIZE };
  const made = structOf(await first.call('VDI.create', { vdi_info: info }));
  const vdi = textOf(made.vdi);
  const nbd = nbdOf(await first.call('VDI.attach3', { vdi, ...USE, read_write: true }));
  await first.call('VDI.activate3', { vdi, ...USE });
  const written = await runProgram(t, 'qemu-io', [
    '--format=raw',
    '-c',
    `write -P ${BYTE} ${PLACE} ${BLOCK}`,
    nbd,
  ]);
  assert.equal(written.status, 0, written.stdout + written.stderr);

  await kill(first.daemon);
  const { daemon, call } = await start();
  const copy = join(tempDirectory(t), 'copy');
  const copied = await runProgram(t, 'nbdcopy', [libnbdUri(nbd), copy]);
  assert.equal(copied.status, 0, copied.stderr);
  const expected = Buffer.alloc(SIZE).fill(BYTE, PLACE, PLACE + BLOCK);
  assert.ok(readFileSync(copy).equals(expected));
  assert.equal(nbdOf(await call('VDI.attach3', { vdi, ...USE, read_write: true })), nbd);
  await call('VDI.deactivate', { vdi, ...USE });
  await call('VDI.detach', { vdi, ...USE });
  assert.deepEqual([serversOf(runs), readdirSync(runs)], [[], []]);

  const dataOf = (key: string): Buffer => readFileSync(join(sr, key, 'data.raw'));
  assert.ok(dataOf(vdi).equals(expected));
  const snapshot = structOf(await call('VDI.snapshot', { vdi_info: made }));
  const clone = structOf(await call('VDI.clone', { vdi_info: made }));
  for (const { vdi: each } of [snapshot, clone]) assert.ok(dataOf(textOf(each)).equals(expected));
  assert.equal(await call('VDI.resize', { vdi, new_size: 2 * SIZE }), 2 * SIZE);
  await call('VDI.revert', { snapshot_info: { ...snapshot, snapshot_of: vdi } });
  assert.ok(dataOf(vdi).equals(expected));
  const scanned = await call('SR.scan');
  assert.ok(Array.isArray(scanned));
  for (const each of scanned) await call('VDI.destroy', { vdi: textOf(structOf(each).vdi) });
  assert.equal(scanned.length, 3);
  assert.deepEqual(await call('SR.scan'), []);
  await call('SR.detach');
  await stop(daemon);
  assert.deepEqual(readdirSync(sr).sort(), ['.lock', '.sr.lock', 'sr.json']);
});

test('writes of an epoch that is not kept are gone when it ends', async (t) => {
  const { sr, runs, start } = host(t);
  const { call } = await start();
  const named = { name_label: 'n', name_description: '' };
  await call('SR.create', { ...named, device_config: { path: sr }, physical_size: 0 });
  await call('SR.attach', { device_config: { path: sr } });
  const { vdi: key } = structOf(
    await call('VDI.create', { vdi_info: { ...named, vdi: '', virtual_size: SIZE } }),
  );
  const vdi = textOf(key);
  await call('VDI.epoch_begin', { vdi, vm: USE.vm, persistent: false });
  const nbd = nbdOf(await call('VDI.attach3', { vdi, ...USE, read_write: true }));
  await call('VDI.activate3', { vdi, ...USE });
  const { status } = await runProgram(t, 'qemu-io', ['--format=raw', '-c', `write 0 ${BLOCK}`, nbd]);
  assert.equal(status, 0);
  await call('VDI.deactivate', { vdi, ...USE });
  await call('VDI.detach', { vdi, ...USE });
  await call('VDI.epoch_end', { vdi, vm: USE.vm });
  assert.ok(readFileSync(join(sr, vdi, 'data.raw')).equals(Buffer.alloc(SIZE)));
  assert.deepEqual(
    readdirSync(sr).filter((name) => existsSync(join(sr, name, 'data.raw'))),
    [vdi],
  );
  assert.deepEqual(serversOf(runs), []);
});
