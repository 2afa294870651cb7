import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { PYTHON } from '../helpers/plugins.ts';
import { runProgram } from '../helpers/programs.ts';
import { tempDirectory } from '../helpers/temp.ts';
import {
  asNobody,
  DATAPATH_PLUGIN,
  errorOf,
  good,
  openDirectory,
  type Run,
  SCHEME,
  scriptsOf,
} from './helpers.ts';
import { serversOf, stopServers } from './servers.ts';

/** The datapath plugin for raw files, over NBD. */

interface Prepared {
  readonly run: Run;
  /** Where the plugin keeps what it knows. */
  readonly directory: string;
  readonly file: string;
  readonly uri: string;
}

interface Options {
  readonly launcher?: readonly string[];
  readonly within?: (t: TestContext) => string;
}

function prepare(t: TestContext, { launcher = [], within = tempDirectory }: Options = {}): Prepared {
  const folder = within(t);
  const [directory, file] = [join(folder, 'run'), join(folder, 'a,b c.raw')];
  writeFileSync(file, 'begun');
  chmodSync(file, 0o666);
  truncateSync(file, 1024 * 1024);
  t.after(() => stopServers(directory));
  const env = { RAW_FILE_RUN_DIRECTORY: directory, RAW_FILE_SERVER: 'nbd' };
  const run = scriptsOf(t, DATAPATH_PLUGIN, { env, launcher });
  return { run, directory, file, uri: `${SCHEME}://${encodeURI(file)}` };
}

const attach = async ({ run, uri }: Prepared, domain = '1'): Promise<string> => {
  const answer = await good(run('Datapath.attach', { uri, domain }));
  const [, nbd] =
    /^\{"implementations":\[\["Nbd",\{"uri":"([^"]*)"\}\]\]\}$/.exec(JSON.stringify(answer)) ?? [];
  assert.ok(nbd !== undefined, JSON.stringify(answer));
  return nbd;
};

const io = (t: TestContext, nbd: string, ...commands: string[]) =>
  runProgram(t, 'qemu-io', ['--format=raw', ...commands.flatMap((command) => ['-c', command]), nbd]);

const left = (directory: string): string[] => (existsSync(directory) ? readdirSync(directory) : []);

test('what is written over NBD is in the file after deactivate', async (t) => {
  const prepared = prepare(t);
  const { run, uri, file, directory } = prepared;
  await good(run('Datapath.open', { uri, persistent: true }));
  const nbd = await attach(prepared);
  await good(run('Datapath.activate', { uri, domain: '1' }));
  const { status, stdout } = await io(t, nbd, 'read -v 0 512', 'write -P 7 4096 4096');
  assert.equal(status, 0, stdout);
  assert.match(stdout, /begun/);
  await good(run('Datapath.deactivate', { uri, domain: '1' }));
  assert.deepEqual(readFileSync(file).subarray(4096, 8192), Buffer.alloc(4096, 7));
  await good(run('Datapath.detach', { uri, domain: '1' }));
  await good(run('Datapath.close', { uri }));
  assert.deepEqual([left(directory), serversOf(directory)], [[], []]);
});

test('deactivate waits until the file is on the storage', async (t) => {
  const prepared = prepare(t);
  await attach(prepared);
  const script = `
import os, sys; sys.path.insert(0, ${JSON.stringify(DATAPATH_PLUGIN)}); sys.dont_write_bytecode = True
import datapath
os.fdatasync = lambda fd: print(os.readlink('/proc/self/fd/%d' % fd))
datapath.deactivate({'uri': ${JSON.stringify(prepared.uri)}, 'domain': '1'})`;
  const env = { RAW_FILE_RUN_DIRECTORY: prepared.directory };
  const { stdout } = await runProgram(t, PYTHON, ['-c', script], { env });
  assert.equal(stdout, `${prepared.file}\n`);
});

test('each step can be called again', async (t) => {
  const prepared = prepare(t);
  const { run, uri, directory } = prepared;
  const params = { uri, domain: '1' };
  const nbd = await attach(prepared);
  const servers = serversOf(directory);
  assert.equal(servers.length, 1);
  assert.equal(await attach(prepared), nbd);
  for (const method of ['activate', 'activate', 'deactivate', 'deactivate'])
    await good(run(`Datapath.${method}`, params));
  assert.deepEqual(serversOf(directory), servers);
  for (const method of ['detach', 'detach', 'deactivate']) await good(run(`Datapath.${method}`, params));
  assert.deepEqual(serversOf(directory), []);
});

test('two domains have a server each, also at the same time', async (t) => {
  const prepared = prepare(t);
  const { run, uri, directory } = prepared;
  const [one, other] = await Promise.all([attach(prepared, '1'), attach(prepared, '2')]);
  assert.notEqual(one, other);
  await good(run('Datapath.detach', { uri, domain: '1' }));
  assert.equal(serversOf(directory).length, 1);
  assert.equal((await io(t, other, 'write 0 512')).status, 0);
});

test('a server that has died is started again at the same place', async (t) => {
  const prepared = prepare(t);
  const { run, uri, directory } = prepared;
  const nbd = await attach(prepared);
  await stopServers(directory);
  await good(run('Datapath.activate', { uri, domain: '1' }));
  assert.equal((await io(t, nbd, 'read 0 512')).status, 0);
});

test('the server of an attach that was killed before it was kept is found', async (t) => {
  const prepared = prepare(t);
  const { run, uri, directory } = prepared;
  for (const method of ['attach', 'detach']) {
    await attach(prepared);
    for (const name of readdirSync(directory)) if (/\.(json|pid)$/.test(name)) rmSync(join(directory, name));
    await good(run(`Datapath.${method}`, { uri, domain: '1' }));
    assert.equal(serversOf(directory).length, method === 'attach' ? 1 : 0);
  }
  assert.deepEqual(left(directory), []);
});

test('a server that has ended does not linger though the plugin was held up when it had looked', async (t) => {
  const script = `
import signal, subprocess, sys; sys.path.insert(0, ${JSON.stringify(DATAPATH_PLUGIN)}); sys.dont_write_bytecode = True
import nbd
server = subprocess.Popen(['sleep', '1000'])
clock = [0]
def held_up(*_):
    nbd.has_files = lambda *_: False
    clock[0] = 3600
    return True
nbd.is_server, nbd.has_files, nbd.time.monotonic = lambda *_: True, held_up, lambda: clock[0]
print(nbd.end_with(signal.SIGKILL, {server.pid: 0}, None))`;
  assert.equal((await runProgram(t, PYTHON, ['-c', script])).stdout, 'True\n');
});

test('a process that has the number of a server that died is left alone', async (t) => {
  const prepared = prepare(t);
  const { run, uri, directory } = prepared;
  await attach(prepared);
  const servers = serversOf(directory);
  const child = spawn('sleep', ['1000']);
  t.after(() => child.kill('SIGKILL'));
  await once(child, 'spawn');
  for (const name of readdirSync(directory).filter((each) => /\.(json|pid)$/.test(each))) {
    const text = readFileSync(join(directory, name), 'utf8');
    writeFileSync(join(directory, name), text.replace(String(servers[0]), String(child.pid)));
  }
  await good(run('Datapath.detach', { uri, domain: '1' }));
  assert.equal(child.exitCode, null);
  assert.equal(child.signalCode, null);
  assert.deepEqual(serversOf(directory), []);
});

test('what nobody may write is served to be read', async (t) => {
  const prepared = prepare(t);
  chmodSync(prepared.file, 0o444);
  const nbd = await attach(prepared);
  const { status, stderr } = await io(t, nbd, 'write 0 512');
  assert.equal(status, 1);
  assert.match(stderr, /Permission denied/);
  const { stdout } = await runProgram(t, 'qemu-io', ['-r', '--format=raw', '-c', 'read -v 0 16', nbd]);
  assert.match(stdout, /begun/);
});

test('the file is locked as long as it is served', async (t) => {
  const prepared = prepare(t);
  const { run, uri, file } = prepared;
  const lock = async () => (await runProgram(t, 'flock', ['--nonblock', file, 'true'])).status;
  await attach(prepared);
  assert.equal(await lock(), 1);
  await good(run('Datapath.detach', { uri, domain: '1' }));
  assert.equal(await lock(), 0);
});

test('sockets are for this user alone', async (t) => {
  const prepared = prepare(t);
  const [, socket = ''] = /^nbd:unix:(.*):exportname=disk$/.exec(await attach(prepared)) ?? [];
  assert.equal(statSync(socket).mode & 0o777, 0o600);
  assert.equal(statSync(prepared.directory).mode & 0o777, 0o700);
});

test('a server goes on without the session that started it', async (t) => {
  const prepared = prepare(t);
  await attach(prepared);
  const [pid = 0] = serversOf(prepared.directory);
  const fields = (of: number | string) =>
    readFileSync(`/proc/${of}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  const [, parent, group, session] = fields(pid);
  const [, , ownGroup, ownSession] = fields('self');
  assert.notEqual(Number(parent), process.pid);
  assert.notEqual(group, ownGroup);
  assert.notEqual(session, ownSession);
});

test('who is not root serves files as well', async (t) => {
  const prepared = prepare(t, { launcher: asNobody(), within: openDirectory });
  const { run, uri, directory } = prepared;
  const nbd = await attach(prepared);
  assert.equal((await io(t, nbd, 'write 0 512')).status, 0);
  await good(run('Datapath.detach', { uri, domain: '1' }));
  assert.deepEqual(left(directory), []);
});

test('detach succeeds whatever is there', async (t) => {
  const prepared = prepare(t);
  const { run, uri, directory, file } = prepared;
  await good(run('Datapath.detach', { uri, domain: 'never' }));
  await attach(prepared);
  rmSync(file);
  await good(run('Datapath.deactivate', { uri, domain: '1' }));
  await good(run('Datapath.detach', { uri, domain: '1' }));
  await good(run('Datapath.detach', { uri: 'nonsense', domain: '1' }));
  assert.deepEqual([left(directory), serversOf(directory)], [[], []]);
});

test('a detach that could not take down all is told in the log, and the next one does', async (t) => {
  const prepared = prepare(t);
  const { run, uri, directory } = prepared;
  await attach(prepared);
  chmodSync(directory, 0o750);
  const { status, stderr } = await run('Datapath.detach', { uri, domain: '1' });
  assert.equal(status, 0);
  assert.match(stderr, /could not be taken down.*expected a directory of uid \d+ with mode 0700/);
  chmodSync(directory, 0o700);
  await good(run('Datapath.detach', { uri, domain: '1' }));
  assert.deepEqual([left(directory), serversOf(directory)], [[], []]);
});

const NO_URIS: readonly [string, RegExp][] = [
  ['file:///etc/passwd', /^uri: expected raw\+file:\/\/ and an absolute path/],
  ['raw+file://host/a', /^uri: expected raw\+file:/],
  ['raw+file:///a?b', /^uri: expected raw\+file:/],
  ['raw+file:a', /^uri: expected raw\+file:/],
  ['raw+file:///a%00b', /^uri: expected raw\+file:/],
  ['raw+file:///a%ff', /^uri: /],
  ['raw+file:///dev/zero', /^uri: expected the real path of a file, got \/dev\/zero/],
  ['raw+file:///etc/../etc/passwd', /^uri: expected the real path of a file/],
];
for (const [uri, reason] of NO_URIS) {
  test(`${uri} is refused`, async (t) => {
    const { run } = prepare(t);
    const [code, text] = await errorOf(run('Datapath.attach', { uri, domain: '1' }));
    assert.equal(code, 'INVALID_ARGUMENT');
    assert.match(String(text), reason);
  });
}

test('a link is no file', async (t) => {
  const { run, file, uri } = prepare(t);
  symlinkSync(file, `${file}-link`);
  const [code] = await errorOf(run('Datapath.attach', { uri: `${uri}-link`, domain: '1' }));
  assert.equal(code, 'INVALID_ARGUMENT');
});

test('what is not there is told by its path', async (t) => {
  const { run } = prepare(t);
  const attached = run('Datapath.attach', { uri: 'raw+file:///nowhere/a', domain: '1' });
  assert.deepEqual(await errorOf(attached), ['FILE_DOES_NOT_EXIST', '/nowhere/a']);
});

test('what is not attached is not activated', async (t) => {
  const { run, uri } = prepare(t);
  assert.deepEqual(await errorOf(run('Datapath.activate', { uri, domain: '1' })), ['NOT_ATTACHED', uri]);
});

test('writes that are not to stay are not taken', async (t) => {
  const { run, uri } = prepare(t);
  const [code] = await errorOf(run('Datapath.open', { uri, persistent: false }));
  assert.equal(code, 'Unimplemented');
});

test('a server that can not start tells why', async (t) => {
  const prepared = prepare(t);
  const { run, uri, directory, file } = prepared;
  // A socket can't be made where a directory is.
  await attach(prepared);
  const [socket = ''] = readdirSync(directory).filter((name) => name.endsWith('.sock'));
  await good(run('Datapath.detach', { uri, domain: '1' }));
  mkdirSync(join(directory, socket));
  mkdirSync(join(directory, socket, 'x'));
  const [code] = await errorOf(run('Datapath.attach', { uri, domain: '1' }));
  assert.ok(code === 'NO_SERVER' || code === 'IO_ERROR');
  assert.ok(existsSync(file));
});

test('a directory whose path leaves no room for sockets is refused', async (t) => {
  const { uri } = prepare(t);
  const directory = join(tempDirectory(t), 'x'.repeat(100));
  const env = { RAW_FILE_RUN_DIRECTORY: directory, RAW_FILE_SERVER: 'nbd' };
  const run = scriptsOf(t, DATAPATH_PLUGIN, { env });
  const attached = run('Datapath.attach', { uri, domain: '1' });
  assert.deepEqual(await errorOf(attached), ['RUN_DIRECTORY', `${directory}: expected at most 76 bytes`]);
});

test('where there is no server program the error says what to install', async (t) => {
  const { uri, directory } = prepare(t);
  const bin = tempDirectory(t);
  const { stdout } = await runProgram(t, 'sh', ['-c', 'command -v env']);
  symlinkSync(stdout.trim(), join(bin, 'env'));
  symlinkSync(PYTHON, join(bin, 'python3'));
  const env = { RAW_FILE_RUN_DIRECTORY: directory, RAW_FILE_SERVER: 'nbd', PATH: bin };
  const run = scriptsOf(t, DATAPATH_PLUGIN, { env });
  const attached = run('Datapath.attach', { uri, domain: '1' });
  assert.deepEqual(await errorOf(attached), [
    'NO_SERVER',
    'qemu-nbd is not there: install it (Debian: qemu-utils)',
  ]);
});
