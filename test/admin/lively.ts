import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Struct } from '../../src/wire/value.ts';
import { type DaemonProcess, startDaemonProcess } from '../helpers/daemon.ts';
import { DATAPATH_METHODS, VOLUME_METHODS } from '../helpers/fake-storage.ts';
import { type Answering, fails, preparePlugins, prints, type TestPlugins } from '../helpers/plugins.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { type Caller, startCaller, startService } from './toolstack.ts';

/** A host at work: the toolstack's programs on the switch, plugins, SRs, and disks of running guests. */

export const GFS2 = 'org.xen.xapi.storage.gfs2';
export const NFS = 'org.xen.xapi.storage.nfs-ng';
export const XENOPS = 'org.xen.xapi.xenops.classic';
const MEMORY = 'org.xen.xapi.memory';
const NETWORK = 'org.xen.xapi.network';
const RRD = 'org.xen.xapi.rrd';

/** What must never be shown. */
export const PASSWORD = 'correct-horse-battery';

export const SRS = {
  gfs2: '7c1d9a52-3c4b-4d4e-9a37-6f0e8f6a2b11',
  nfs: 'e2b0c7d4-51a8-4f0e-8f6d-0a9d3c2b7e64',
  idle: '19f4d3aa-9c55-4b1f-b7a2-5d8e6c0f4a90',
} as const;

export interface Host {
  readonly daemon: DaemonProcess;
  readonly plugins: TestPlugins;
  readonly xapi: Caller;
  readonly xenopsd: Caller;
  /** The queue's guest disks by what they are called here. */
  readonly disks: ReadonlyMap<string, Disk>;
}

export interface Disk {
  readonly queue: string;
  readonly sr: string;
  readonly vdi: string;
}

export async function startHost(t: TestContext, flags: readonly string[] = []): Promise<Host> {
  const plugins = await preparePlugins(t, answer);
  const description = 'Volumes as files of a GFS2 shared by the pool';
  plugins.write(`volume/${GFS2}`, VOLUME_METHODS, {
    version: '3.2.1',
    description,
    features: ['SR_ATTACH', 'VDI_CREATE'],
  });
  plugins.write(`volume/${NFS}`, VOLUME_METHODS, {
    version: '1.4',
    description: 'Volumes as files on an NFS server',
  });
  plugins.write('datapath/qcow2+file', DATAPATH_METHODS, { version: '2.0', description: 'qcow2 by qemu' });
  plugins.write('datapath/raw+file', DATAPATH_METHODS, {
    version: '2.0',
    description: 'Raw files by tapdisk',
  });
  plugins.write('volume/org.xen.xapi.storage.linstor', ['SR.attach'], { required_api_version: '9.0' });
  const daemon = await startDaemonProcess(t, {
    flags: [
      ...[`--plugins.root=${plugins.root}`, '--plugins.settle=10ms', '--plugins.rescanInterval=1h'],
      `--switch.stateDirectory=${join(tempDirectory(t), 'state')}`,
      ...flags,
    ],
  });
  const path = daemon.switchSocket;
  // A start of a guest goes on for as long as the test does.
  await startService(t, path, 'xenopsd-xc:2210', XENOPS, (method) =>
    method === 'VM.start' ? new Promise(() => {}) : null,
  );
  await startService(t, path, 'squeezed:1188', MEMORY, () => ({ reservation: 'r17' }));
  await startService(t, path, 'xcp-networkd:1301', NETWORK, () => ['xenbr0', 'xenbr1']);
  await startService(t, path, 'xcp-rrdd:1402', RRD, () => 5);
  const [xapi, xenopsd] = [
    await startCaller(t, path, 'xapi:1423'),
    await startCaller(t, path, 'xenopsd-xc:2211'),
  ];
  const disks = new Map<string, Disk>();
  const attach = async (queue: string, sr: string, uri: string): Promise<void> => {
    ok(await xapi.call(queue, 'SR.attach', { dbg: 'OpaqueRef:5a', sr, device_config: { uri } }));
  };
  const make = async (name: string, queue: string, sr: string, size: number): Promise<void> => {
    const vdi_info = { vdi: '', name_label: name, virtual_size: size * 1024 ** 3 };
    const made = ok(await xapi.call(queue, 'VDI.create', { dbg: 'OpaqueRef:5b', sr, vdi_info }));
    disks.set(name, { queue, sr, vdi: String(made.vdi) });
  };
  await attach(GFS2, SRS.gfs2, 'gfs2:///dev/mapper/3600a098038303053453f463045727a4d');
  await attach(NFS, SRS.nfs, `nfs://filer:${PASSWORD}@10.0.40.7/export/vms`);
  await attach(NFS, SRS.idle, 'nfs://10.0.40.7/export/iso');
  await make('web-root', GFS2, SRS.gfs2, 20);
  await make('db-root', GFS2, SRS.gfs2, 40);
  await make('db-data', NFS, SRS.nfs, 500);
  return { daemon, plugins, xapi, xenopsd, disks };
}

/** Brings a disk to a guest, as xenopsd does. */
export async function plug(
  { xenopsd, disks }: Host,
  name: string,
  vm: string,
  device = 'xvda',
): Promise<void> {
  const { queue, sr, vdi } = diskOf(disks, name);
  const use = { dbg: 'Async.VM.start R:4f2c', sr, vdi, vm, dp: `vbd/${vm}/${device}` };
  ok(await xenopsd.call(queue, 'VDI.attach3', { ...use, read_write: true }));
  ok(await xenopsd.call(queue, 'VDI.activate3', use));
}

export async function unplug(
  { xenopsd, disks }: Host,
  name: string,
  vm: string,
  device = 'xvda',
): Promise<void> {
  const { queue, sr, vdi } = diskOf(disks, name);
  const use = { dbg: 'Async.VM.shutdown R:91e0', sr, vdi, vm, dp: `vbd/${vm}/${device}` };
  ok(await xenopsd.call(queue, 'VDI.deactivate', use));
  ok(await xenopsd.call(queue, 'VDI.detach', use));
}

/** What xapi and the others say to each other all the time. */
export async function chat({ xapi }: Host): Promise<void> {
  ok(await xapi.call(XENOPS, 'VM.stat', { dbg: 'R:77', id: '3d0c' }));
  ok(await xapi.call(MEMORY, 'Squeezed.reserve_memory', { dbg: 'R:78', kib: 4_194_304 }));
  ok(await xapi.call(NETWORK, 'Bridge.get_all', { dbg: 'R:79' }));
}

export function diskOf(disks: ReadonlyMap<string, Disk>, name: string): Disk {
  const disk = disks.get(name);
  assert.ok(disk !== undefined, `there is no disk ${name}`);
  return disk;
}

/** The answer of a call that has to succeed, if it has one that is a struct. */
function ok(payload: string): Struct {
  const { result, error } = JSON.parse(payload);
  assert.equal(error, null, payload);
  return typeof result === 'object' && result !== null ? result : {};
}

const volumes = new Map<string, Struct>();

const answer: Answering = ({ plugin, method, params }) => {
  const scheme = plugin === GFS2 ? 'qcow2+file' : 'raw+file';
  switch (method) {
    case 'SR.attach':
      return prints(`/run/sr-mount/${plugin.split('.').at(-1)}`);
    case 'SR.stat':
      return prints(stat);
    case 'Volume.create': {
      const key = `${volumes.size + 1}`;
      const uri = [`${scheme}:///run/sr-mount/${key}`];
      const sizes = { virtual_size: params.size ?? 0, physical_utilisation: 0 };
      const volume: Struct = {
        ...{ key, uuid: key, uri, keys: {}, sharable: false },
        ...sizes,
        ...NEW_VOLUME,
      };
      volumes.set(key, volume);
      return prints(volume);
    }
    case 'Volume.stat':
      return prints(volumes.get(String(params.key)) ?? null);
    case 'Volume.snapshot':
      return fails('SR_full', '128 MiB', '96 MiB');
    case 'Datapath.attach':
      return prints(plugin === 'raw+file' ? TAPDISK : QEMU);
    default:
      return prints(null);
  }
};

const NEW_VOLUME = { name: 'n', description: '', read_write: true, cbt_enabled: false };
const TAPDISK: Struct = {
  implementations: [['XenDisk', { params: '/dev/sm/1', extra: {}, backend_type: 'vbd3' }]],
};
const QEMU: Struct = {
  implementations: [
    ['XenDisk', { params: 'qcow2:1', extra: {}, backend_type: 'qdisk' }],
    ['Nbd', { uri: 'nbd:unix:/run/qemu-dp/1:exportname=1' }],
  ],
};
const stat: Struct = {
  ...{
    sr: 'h',
    name: 'n',
    description: '',
    free_space: 0,
    total_space: 0,
    datasources: [],
    clustered: false,
  },
  health: ['Healthy', ''],
};
