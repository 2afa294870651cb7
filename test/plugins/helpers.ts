import { chmodSync, mkdtempSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { writeJson } from '../../src/wire/json.ts';
import { isStruct, type Struct, type Value } from '../../src/wire/value.ts';
import { PYTHON, readJson } from '../helpers/plugins.ts';
import { runProgram } from '../helpers/programs.ts';
import { remove, tempDirectory } from '../helpers/temp.ts';

/** The plugins that come with the daemon. */
export const SHIPPED = join(import.meta.dirname, '../../src/plugins');
export const QUEUE = 'org.xen.xapi.storage.rawfiles';
export const SCHEME = 'raw+file';
export const VOLUME_PLUGIN = join(SHIPPED, 'volume', QUEUE);
export const DATAPATH_PLUGIN = join(SHIPPED, 'datapath', SCHEME);

export const SR_UUID = '00000001-0000-4000-8000-000000000001';

/** The interpreter itself before what may be a wrapper of it, which is slow. */
export const PATH = [dirname(PYTHON), process.env.PATH].join(delimiter);

/** A run of a script. */
export interface Told {
  readonly status: number | null;
  readonly value: Value;
  readonly stderr: string;
}

/** Runs methods of a plugin, each as a process. */
export type Run = (method: string, params: Struct) => Promise<Told>;

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Words before the program, such as setpriv's. */
  readonly launcher?: readonly string[];
}

export const scriptsOf =
  (t: TestContext, directory: string, { env = {}, launcher = [] }: RunOptions = {}): Run =>
  async (method, params) => {
    const [program = '', ...words] = [...launcher, join(directory, method), '--json'];
    const input = writeJson({ dbg: 'a test', ...params });
    const ran = await runProgram(t, program, words, { input, env: { PATH, ...env }, cwd: directory });
    if (ran.stdout === '') throw new Error(`${method} printed nothing: ${ran.stderr}`);
    return { status: ran.status, value: readJson(ran.stdout), stderr: ran.stderr };
  };

/** The answer of a method that has to succeed. */
export async function good(told: Promise<Told>): Promise<Value> {
  const { status, value } = await told;
  if (status !== 0) throw new Error(writeJson(value));
  return value;
}

export async function goodStruct(told: Promise<Told>): Promise<Struct> {
  const value = await good(told);
  if (!isStruct(value)) throw new Error(`no struct: ${writeJson(value)}`);
  return value;
}

/** The code and the params of an error. */
export async function errorOf(told: Promise<Told>): Promise<readonly Value[]> {
  const { status, value } = await told;
  if (status !== 1 || !isStruct(value) || !isStruct(value.backtrace))
    throw new Error(`no error: ${writeJson(value)}`);
  const { code = null, params } = value;
  return [code, ...(Array.isArray(params) ? params : [])];
}

/** Rights of nobody, who may all the same read the sources and the interpreter, wherever they lie. */
export const asNobody = (): readonly string[] => {
  if (process.getuid?.() !== 0) return [];
  const user = ['--reuid=65534', '--regid=65534', '--clear-groups'];
  return ['setpriv', ...user, '--inh-caps=+dac_read_search', '--ambient-caps=+dac_read_search', '--'];
};

/** A folder in which nobody may write, too. */
export function openDirectory(t: TestContext): string {
  const path = tempDirectory(t);
  chmodSync(path, 0o777);
  return path;
}

/** A folder on a file system that takes files of any size. */
export function inSharedMemory(t: TestContext): string {
  const path = mkdtempSync('/dev/shm/dp-');
  t.after(() => remove(path));
  return path;
}

export const textOf = (value: Value | undefined): string => {
  if (typeof value !== 'string') throw new Error(`no text: ${writeJson(value ?? null)}`);
  return value;
};
