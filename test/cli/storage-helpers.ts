import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { writeSkeleton } from '../../src/cli/plugin/skeleton.ts';
import { writeJson } from '../../src/wire/json.ts';
import { isStruct, type Struct, type Value } from '../../src/wire/value.ts';
import { type DaemonProcess, QUEUE } from '../helpers/daemon.ts';
import {
  type Answering,
  preparePlugins,
  prints,
  resultOf,
  SR,
  startStorage,
  type TestPlugins,
  throughSocket,
  VOLUME,
} from '../helpers/plugins.ts';
import type { Ran } from '../helpers/programs.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { ctl } from './helpers.ts';

/** A daemon with plugins, and datapathctl that speaks to it. */
export interface Host {
  readonly daemon: DaemonProcess;
  /** Runs datapathctl to its end. */
  run(...words: string[]): Promise<Ran>;
  /** The same with --json, and what it printed. */
  json(...words: string[]): Promise<{ readonly ran: Ran; readonly value: Value }>;
  /** Calls a method of the volume plugin's queue, which has to succeed. */
  call(method: string, params?: Struct): Promise<Value>;
  /** Calls the daemon's own interface, and gives the list that it answers. */
  datapathd(method: string, params?: Struct): Promise<Struct[]>;
}

export function hostOf(t: TestContext, daemon: DaemonProcess): Host {
  const env = { DATAPATHD_SWITCH_PATH: daemon.switchSocket };
  const run = (...words: string[]): Promise<Ran> => ctl(t, words, { env });
  const call = throughSocket(t, daemon);
  const ask = throughSocket(t, daemon, QUEUE);
  return {
    daemon,
    run,
    json: async (...words) => {
      const ran = await run(...words, '--json');
      return { ran, value: JSON.parse(ran.stdout) };
    },
    call: (method, params = {}) => resultOf(call(method, { sr: SR, ...params })),
    datapathd: async (method, params) => structsOf(await resultOf(ask(`Datapathd.${method}`, params))),
  };
}

export const SCHEME = 'raw';

/** A daemon with the two plugins that plugin new writes in shell, and where the SR's files are. */
export async function startWithSkeletons(
  t: TestContext,
): Promise<Host & { readonly directory: string; readonly root: string }> {
  const root = join(tempDirectory(t), 'root');
  writeSkeleton('volume', VOLUME, 'sh', root);
  writeSkeleton('datapath', 'raw+file', 'sh', root);
  return { ...hostOf(t, await startStorage(t, { root })), directory: join(tempDirectory(t), 'sr'), root };
}

/** The same with an SR and a disk in it, whose key is given. */
export async function startWithDisk(
  t: TestContext,
): Promise<Awaited<ReturnType<typeof startWithSkeletons>> & { readonly vdi: string }> {
  const host = await startWithSkeletons(t);
  const device_config = { directory: host.directory };
  const names = { name_label: 'an SR', name_description: 'of a test' };
  await host.call('SR.create', { ...names, device_config, physical_size: 0 });
  await host.call('SR.attach', { device_config });
  const made = await host.call('VDI.create', {
    vdi_info: { vdi: '', name_label: 'a disk', virtual_size: 1024 * 1024 },
  });
  return { ...host, vdi: textOf(made, 'vdi') };
}

/** A list of structs. */
export function structsOf(value: Value): Struct[] {
  if (!Array.isArray(value) || !value.every(isStruct)) throw new Error(`no structs: ${writeJson(value)}`);
  return value;
}

/** A member that is a text. */
export function textOf(value: Value | undefined, name: string): string {
  const member: unknown = Object.getOwnPropertyDescriptor(value ?? {}, name)?.value;
  if (typeof member !== 'string') throw new Error(`no text ${name} in ${JSON.stringify(value)}`);
  return member;
}

const VOLUME_METHODS = ['SR.attach', 'SR.detach', 'SR.stat', 'SR.ls', 'Volume.stat', 'Volume.resize'];
const DATAPATH_METHODS = ['open', 'attach', 'activate', 'activate_readonly', 'deactivate', 'detach', 'close'];

const HEALTHY = {
  ...{ sr: 'handle', name: 'n', description: 'd', free_space: 1, total_space: 2 },
  ...{ datasources: [], clustered: false, health: ['Healthy', ''] },
} as const;

/** The secret that the URI of the disk holds. */
export const SECRET = 'open-sesame';

export const DISK = {
  ...{ key: 'disk', name: 'n', description: 'd', read_write: true, sharable: false },
  ...{ virtual_size: 1, physical_utilisation: 1, keys: {} },
  uri: [`${SCHEME}://user:${SECRET}@host/disk`],
} as const;

export const BACKEND = { implementations: [['File', { path: '/disk' }]] } as const;

export const ANSWERS: Readonly<Record<string, Value>> = {
  'SR.attach': 'handle',
  'SR.stat': HEALTHY,
  'SR.ls': [DISK],
  'Volume.stat': DISK,
  'Datapath.attach': BACKEND,
};

/** A daemon whose scripts answer as the test says, or else well, with an attached SR. */
export async function startAnswering(
  t: TestContext,
  answering: (...call: Parameters<Answering>) => ReturnType<Answering> | undefined,
): Promise<Host & { readonly plugins: TestPlugins; readonly made: () => string[] }> {
  const plugins = await preparePlugins(t, (call) => answering(call) ?? prints(ANSWERS[call.method] ?? null));
  plugins.write(`volume/${VOLUME}`, VOLUME_METHODS);
  plugins.write(
    `datapath/${SCHEME}`,
    DATAPATH_METHODS.map((method) => `Datapath.${method}`),
    { features: ['NONPERSISTENT'] },
  );
  const host = hostOf(t, await startStorage(t, plugins));
  await host.call('SR.attach', { device_config: {} });
  let from = plugins.calls.length;
  return {
    ...host,
    plugins,
    // The datapath scripts since this was last asked.
    made: () => {
      const since = plugins.calls.slice(from).map(({ method }) => method);
      from = plugins.calls.length;
      return since.filter((method) => method.startsWith('Datapath.'));
    },
  };
}

/** The use of the disk by a domain. */
export const useBy = (vm: string, dp = `vbd/${vm}/xvda`): Struct => ({ dp, vdi: 'disk', vm });

/** A volume plugin in shell, to be spoilt. */
export function skeleton(t: TestContext): string {
  const root = tempDirectory(t);
  return writeSkeleton('volume', VOLUME, 'sh', root);
}

/** Puts another program in the place of a method. */
export function replace(directory: string, method: string, text: string, mode = 0o755): void {
  const path = join(directory, method);
  rmSync(path, { force: true });
  writeFileSync(path, text);
  chmodSync(path, mode);
}

/** Puts another text in the place of one in the program. */
export const replaceInProgram = (directory: string, text: string, by: string): void => {
  const path = join(directory, 'main.sh');
  writeFileSync(path, readFileSync(path, 'utf8').replace(text, by));
};
