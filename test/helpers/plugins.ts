import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { getSystemErrorMessage } from 'node:util';
import koffi from 'koffi';
import { JsonFailure, parseJsonBytes, writeJson } from '../../src/wire/json.ts';
import { isStruct, type Struct, type Value } from '../../src/wire/value.ts';
import { connectClient } from './client.ts';
import { type DaemonOptions, type DaemonProcess, startDaemonProcess } from './daemon.ts';
import { tempDirectory } from './temp.ts';

/**
 * Plugins of real scripts whose answers the test gives. A script tells the test, through a Unix socket, its name and what
 * it was given, prints what comes back, and exits with the status that comes back: what it does is written in the test, and
 * it runs until the test lets it go.
 */

export const VOLUME = 'org.xen.xapi.storage.mine';
export const SR = '00000001-0000-4000-8000-000000000001';

/** A script that runs, and waits for its answer. */
export interface ScriptCall {
  /** The plugin and the method: `org.xen.xapi.storage.mine/SR.attach`. */
  readonly script: string;
  readonly plugin: string;
  readonly method: string;
  /** Its input, to the byte. */
  readonly stdin: string;
  readonly params: Struct;
  readonly pid: number;
}

/** What a script prints, and its exit status. */
export interface Reply {
  readonly print: string;
  readonly exit: number;
}

export const prints = (value: Value): Reply => ({ print: writeJson(value), exit: 0 });

/** The error that a script tells of. */
export const fails = (code: string, ...params: string[]): Reply => ({
  print: writeJson({ code, params, backtrace: { error: code, files: [], lines: [] } }),
  exit: 1,
});

export type Answering = (call: ScriptCall) => Reply | Promise<Reply>;

export interface TestPlugins {
  readonly root: string;
  /** All that ran, in the order in which they began; the queries of plugins are left out. */
  readonly calls: ScriptCall[];
  /** Writes a plugin, the whole at once: `volume/<queue>` or `datapath/<scheme>`; one that is there is replaced. */
  write(
    path: string,
    methods: readonly string[],
    query?: Struct,
    files?: Readonly<Record<string, string>>,
  ): void;
  remove(path: string): void;
  /** The next call that passes the test, of those that came after the last one given, and those to come. */
  called(test: (call: ScriptCall) => boolean): Promise<ScriptCall>;
}

export const QUERY = {
  name: 'of a test',
  description: 'd',
  vendor: 'v',
  copyright: 'c',
  version: '1',
  required_api_version: '5.0',
  features: [],
  configuration: {},
  required_cluster_stack: [],
};

/** The interpreter itself: what is found as python3 may be a wrapper that wants variables of its own. */
export const PYTHON = execFileSync('python3', ['-c', 'import sys; print(sys.executable)']).toString().trim();

/** -I and -S: nothing of the user's is read, which takes most of the start. */
const program = (socket: string): string => `#!${PYTHON} -ISE
import os, socket, sys
test = socket.socket(socket.AF_UNIX)
test.connect(${JSON.stringify(socket)})
test.sendall(("%s\\n%d\\n" % (sys.argv[0], os.getpid())).encode() + sys.stdin.buffer.read())
test.shutdown(socket.SHUT_WR)
status, _, text = b"".join(iter(lambda: test.recv(65536), b"")).partition(b"\\n")
sys.stdout.buffer.write(text)
sys.stdout.flush()
sys.exit(int(status))
`;

/** A folder of plugins, whose scripts answer what `answering` says. */
export async function preparePlugins(t: TestContext, answering: Answering): Promise<TestPlugins> {
  const directory = tempDirectory(t);
  const root = join(directory, 'root');
  const socket = join(directory, 'test.sock');
  const queries = new Map<string, Struct>();
  const calls: ScriptCall[] = [];
  const looking = new Set<() => void>();
  const peers = new Set<Socket>();

  const answer = async (call: ScriptCall): Promise<Reply> => {
    if (call.method === 'Plugin.Query') return prints(queries.get(call.plugin) ?? null);
    calls.push(call);
    const reply = Promise.resolve(call).then(answering);
    for (const look of looking) look();
    return reply;
  };
  const server = createServer({ allowHalfOpen: true }, async (peer) => {
    peers.add(peer);
    peer.on('error', () => {});
    peer.once('close', () => peers.delete(peer));
    const chunks: Buffer[] = [];
    peer.on('data', (chunk) => chunks.push(chunk));
    await once(peer, 'end');
    // A script that was killed before it asked wants no answer.
    if (chunks.length === 0) return;
    const { print, exit } = await answer(readCall(Buffer.concat(chunks).toString()));
    peer.end(`${exit}\n${print}`);
  });
  server.listen(socket);
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const peer of peers) peer.destroy();
  });

  let made = 0;
  const aside = (): string => join(directory, `made-${++made}`);
  let from = 0;
  return {
    root,
    calls,
    write: (path, methods, query = {}, files = {}) => {
      const fresh = aside();
      mkdirSync(fresh);
      queries.set(basename(path), { plugin: basename(path), ...QUERY, ...query });
      writeProgram(join(fresh, 'asks'), program(socket));
      for (const method of ['Plugin.Query', ...methods]) symlinkSync('asks', join(fresh, method));
      for (const [name, text] of Object.entries(files)) writeProgram(join(fresh, name), text);
      const place = join(root, path);
      mkdirSync(dirname(place), { recursive: true });
      if (existsSync(place)) swap(fresh, place);
      else renameSync(fresh, place);
    },
    remove: (path) => renameSync(join(root, path), aside()),
    called: (test) =>
      new Promise((resolve) => {
        const look = (): void => {
          const found = calls.findIndex((call, index) => index >= from && test(call));
          const call = calls[found];
          if (call === undefined) return;
          from = found + 1;
          looking.delete(look);
          resolve(call);
        };
        looking.add(look);
        look();
      }),
  };
}

const renameat2 = koffi
  .load('libc.so.6')
  .func('int renameat2(int from, const char *path, int to, const char *other, unsigned int flags)');
const AT_FDCWD = -100;
const RENAME_EXCHANGE = 2;

/** Each takes the other's place in one step: a daemon sees no moment at which there is neither. */
function swap(one: string, other: string): void {
  if (renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE) === 0) return;
  throw new Error(`renameat2: ${getSystemErrorMessage(-koffi.errno())}`);
}

function readCall(told: string): ScriptCall {
  const [path = '', pid = ''] = told.split('\n', 2);
  const stdin = told.slice(path.length + pid.length + 2);
  const plugin = basename(dirname(path));
  const method = basename(path);
  return { script: `${plugin}/${method}`, plugin, method, stdin, params: structOf(stdin), pid: Number(pid) };
}

function structOf(text: string): Struct {
  const value = readJson(text);
  if (!isStruct(value)) throw new Error(`no struct: ${text}`);
  return value;
}

/** Reads JSON with its integers of 64 bits. */
export function readJson(text: string): Value {
  const value = parseJsonBytes(Buffer.from(text), { maxDepth: 64 });
  if (value instanceof JsonFailure) throw new Error(`${value.reason}: ${text}`);
  return value;
}

let written = 0;

/**
 * Writes a file that can be executed, in one step: one that is open for writing can't be. It is made elsewhere, where nobody
 * who looks at its folder sees it half made.
 */
export function writeProgram(path: string, text: string, mode = 0o755): void {
  const fresh = join(tmpdir(), `dp-program-${process.pid}-${++written}`);
  writeFileSync(fresh, text);
  chmodSync(fresh, mode);
  renameSync(fresh, path);
}

/** Starts a daemon on these plugins, and gives it when it serves. */
export function startStorage(
  t: TestContext,
  { root }: Pick<TestPlugins, 'root'>,
  { flags = [], ...options }: DaemonOptions = {},
): Promise<DaemonProcess> {
  const found = [`--plugins.root=${root}`, '--plugins.settle=10ms', '--plugins.rescanInterval=1h'];
  return startDaemonProcess(t, { ...options, flags: [...found, ...flags] });
}

/** An answer, as JSON-RPC 1.0 has it. */
export interface Answered {
  readonly result: Value;
  readonly error: Value;
}

/** Makes calls, one after the other. */
export type Call = (method: string, params?: Struct) => Promise<Answered>;

const CLIENT = join(import.meta.dirname, '../clients/switch_call.py');

/** Calls a queue through the switch, by a client in Python that knows of the switch only what its protocol says. */
export function throughSwitch(t: TestContext, { switchSocket }: DaemonProcess, queue = VOLUME): Call {
  const child = spawn(PYTHON, [CLIENT, switchSocket, queue], { stdio: ['pipe', 'pipe', 'ignore'] });
  t.after(() => child.kill('SIGKILL'));
  // A call may be under way when the daemon is killed.
  child.stdin.on('error', () => {});
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let id = 0;
  return async (method, params) => {
    child.stdin.write(`${writeJson(request(method, ++id, params))}\n`);
    const { done, value } = await lines.next();
    if (done) throw new Error(`${method} was not answered`);
    return answered(value, id);
  };
}

/** Calls a queue at its socket, each call on a connection of its own: any number at the same time. */
export function throughSocket(t: TestContext, { directory }: DaemonProcess, queue = VOLUME): Call {
  return async (method, params) => {
    const client = await connectClient(t, join(directory, queue));
    client.send(writeJson(request(method, 1, params)));
    const answer = answered(await client.receiveLine(), 1);
    client.socket.destroy();
    return answer;
  };
}

const request = (method: string, id: number, params: Struct = {}): Value => ({
  method,
  params: [{ dbg: 'a test', ...params }],
  id,
});

function answered(text: string, expected: number): Answered {
  const { result = null, error = null, id = null } = structOf(text);
  if (id !== expected) throw new Error(`an answer to another call: ${text}`);
  return { result, error };
}

/** The result of a call that has to succeed. */
export async function resultOf(answer: Promise<Answered>): Promise<Value> {
  const { result, error } = await answer;
  if (error !== null) throw new Error(writeJson(error));
  return result;
}
