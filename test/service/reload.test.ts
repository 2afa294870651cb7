import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { latest } from '../../src/daemon/latest.ts';
import { LIVE, LIVE_IN_SWITCH } from '../../src/daemon/reload.ts';
import { withPlugins } from '../daemon/storage-helpers.ts';
import { exchange } from '../helpers/client.ts';
import {
  type DaemonOptions,
  type DaemonProcess,
  type LogLine,
  MAIN,
  spawnDaemon,
  startDaemonProcess,
} from '../helpers/daemon.ts';
import { startStorage, throughSocket, VOLUME } from '../helpers/plugins.ts';
import { runProgram } from '../helpers/programs.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { login } from '../switch/helpers.ts';
import { startReceiver } from './helpers.ts';

const SWITCH_ALONE = '[storage]\nenabled = false\n';

/** The flag for a configuration file that can be changed. */
function configFile(t: TestContext, text: string) {
  const path = join(tempDirectory(t), 'datapathd.toml');
  writeFileSync(path, text);
  return { path, flag: `--config=${path}`, write: (next: string) => writeFileSync(path, next) };
}

async function startWithFile(t: TestContext, text: string, { flags = [], ...options }: DaemonOptions = {}) {
  const file = configFile(t, text);
  const daemon = await startDaemonProcess(t, { ...options, flags: [...flags, file.flag] });
  return { file, daemon, reload: (next: string) => reloadWith(daemon, file, next) };
}

/** Changes the file and reloads; gives what was logged of it. */
async function reloadWith(
  daemon: DaemonProcess,
  file: Pick<ReturnType<typeof configFile>, 'write'>,
  text: string,
): Promise<LogLine[]> {
  file.write(text);
  const before = daemon.log.length;
  daemon.child.kill('SIGHUP');
  const isOver = ({ msg }: LogLine): boolean =>
    /^the configuration (was read again|stays as it is)/.test(msg);
  await daemon.logged((line) => daemon.log.indexOf(line) >= before && isOver(line));
  return daemon.log.slice(before).filter((line) => line.setting !== undefined || isOver(line));
}

const queryOf = (dbg: string): string => JSON.stringify({ method: 'Plugin.Query', params: [{ dbg }], id: 1 });

test('a level that is set anew holds from then on, and is logged with the old one and its place', async (t) => {
  const { daemon, file, reload } = await startWithFile(t, '');
  const [change, summary] = await reload('[log]\nlevel = "debug"\n');
  assert.equal(change?.msg, 'log.level is "debug" from now on, and was "info"');
  assert.deepEqual(
    [change?.setting, change?.from, change?.to, change?.place],
    ['log.level', '"info"', '"debug"', `${file.path}:2`],
  );
  assert.equal(summary?.msg, 'the configuration was read again: 1 changed, 0 wait');
  await exchange(t, daemon.socket, queryOf('after the reload'));
  await daemon.logged(({ level, dbg }) => level === 'debug' && dbg === 'after the reload');
});

test('what is taken out of the file is its default again', async (t) => {
  const { reload } = await startWithFile(t, '[log]\nlevel = "debug"\n');
  const [change] = await reload('');
  assert.equal(change?.msg, 'log.level is "info" from now on, and was "debug"');
  assert.equal(change?.place, 'default');
});

test('what can only change at a start is named with both values, at every reload until then', async (t) => {
  const { reload } = await startWithFile(t, SWITCH_ALONE);
  const next = `${SWITCH_ALONE}[sockets]\nrequestTimeout = "5s"\n`;
  for (const [change, summary] of [await reload(next), await reload(next)]) {
    assert.equal(change?.level, 'warn');
    assert.equal(change?.msg, 'sockets.requestTimeout stays "30s" until a restart, and is "5s" then');
    assert.equal(summary?.msg, 'the configuration was read again: 0 changed, 1 wait');
  }
});

test('a flag stays above the file', async (t) => {
  const { reload } = await startWithFile(t, '', { flags: ['--log.level=info'] });
  assert.deepEqual(
    (await reload('[log]\nlevel = "debug"\n')).map(({ msg }) => msg),
    ['the configuration was read again: 0 changed, 0 wait'],
  );
});

for (const [what, wrong, reason] of [
  ['no TOML', '[log', /datapathd\.toml:3: /],
  [
    'a wrong value',
    '[log]\nlevel = "debug"\n[switch]\nmaxQueues = 0\n',
    /^switch\.maxQueues: expected .*:6\)$/,
  ],
  [
    'a user who is not there',
    '[log]\nlevel = "debug"\n[[switch.policy]]\nuid = "nobody-knows"\nallow = ["send"]\n',
    /^switch\.policy, table 1, uid: there is no user "nobody-knows"$/,
  ],
] as const) {
  test(`a file with ${what} changes nothing and says why`, async (t) => {
    const { daemon, reload } = await startWithFile(t, SWITCH_ALONE);
    const [line, ...others] = await reload(SWITCH_ALONE + wrong);
    assert.deepEqual(others, []);
    assert.equal(line?.level, 'error');
    assert.match(String(line?.reason), reason);
    assert.equal(line?.msg, `the configuration stays as it is: ${line?.reason}`);
    await login(t, daemon.switchSocket, 'me');
  });
}

test('limits of the switch hold from then on', async (t) => {
  const limited = `${SWITCH_ALONE}[switch]\n`;
  const { daemon, reload } = await startWithFile(t, `${limited}maxQueues = 1\n`);
  const client = await login(t, daemon.switchSocket, 'me');
  const create = async (name: string): Promise<number> =>
    (await client.ask('GET', `/persistent/${name}`)).status;
  assert.deepEqual([await create('one'), await create('two')], [200, 503]);
  await reload(`${limited}maxQueues = 3\n`);
  assert.equal(await create('two'), 200);

  await reload(`${limited}maxSessions = 1\n`);
  const answer = await exchange(t, daemon.switchSocket, 'GET /login/you HTTP/1.1\r\n\r\n');
  assert.match(answer, /^HTTP\/1\.1 503 .*switch\.maxSessions/s);
});

test('a client may end the daemon or not, as is set', async (t) => {
  const { daemon, reload } = await startWithFile(t, `${SWITCH_ALONE}[switch]\nallowShutdown = false\n`);
  const client = await login(t, daemon.switchSocket, 'me');
  assert.equal((await client.ask('POST', '/shutdown', '')).status, 403);
  await reload(SWITCH_ALONE);
  assert.equal((await client.ask('POST', '/shutdown', '')).status, 200);
  assert.equal(await daemon.ended, 0);
});

test('a queue takes as many messages and bytes as is set', async (t) => {
  const limited = `${SWITCH_ALONE}[switch]\n`;
  const { daemon, reload } = await startWithFile(t, `${limited}maxQueueMessages = 1\n`);
  const client = await login(t, daemon.switchSocket, 'me');
  await client.text('GET', '/persistent/mine');
  const send = async (body: string): Promise<number> =>
    (await client.ask('POST', '/request/mine/mine', body)).status;
  assert.deepEqual([await send('1'), await send('2')], [200, 503]);
  await reload(`${limited}maxQueueBytes = 3\n`);
  assert.deepEqual([await send('22'), await send('3')], [200, 503]);
  await reload(limited);
  assert.equal(await send('3'), 200);
});

test('a policy holds for who connects from then on', async (t) => {
  const IS_ROOT = process.getuid?.() === 0;
  const directory = join(tempDirectory(t), 'run');
  mkdirSync(directory);
  for (const path of [directory, join(directory, '..')]) chmodSync(path, 0o755);
  const { daemon, reload } = await startWithFile(t, SWITCH_ALONE, {
    directory,
    flags: ['--sockets.mode=0666'],
  });
  // Only root has another user to be had: else the peer is the daemon's own user, who may do all.
  const other = IS_ROOT ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--'] : [];
  const ask = async (): Promise<string> => {
    const curl = ['curl', '-s', '--unix-socket', daemon.switchSocket, 'http://switch/login/you'];
    const [program = '', ...words] = [...other, ...curl, '-o', '/dev/null', '-w', '%{http_code}'];
    return (await runProgram(t, program, words)).stdout;
  };
  assert.equal(await ask(), IS_ROOT ? '403' : '200');
  await reload(`${SWITCH_ALONE}[[switch.policy]]\nuid = 65534\nallow = ["send"]\n`);
  assert.equal(await ask(), '200');
});

test('how often a source may log is as is set, and what was left out is still told of', async (t) => {
  const { daemon, reload } = await startWithFile(t, '[log]\nmaxRepeats = 1\nrepeatInterval = "1h"\n');
  const wrong = (): Promise<string> => exchange(t, daemon.socket, '{"method"}');
  await wrong();
  await wrong();
  await reload('[log]\nmaxRepeats = 2\nrepeatInterval = "1h"\n');
  for (let count = 0; count < 4; count += 1) await wrong();
  await reload('');
  const warnings = daemon.log.filter(({ socket }) => socket === daemon.socket);
  assert.deepEqual(
    warnings.map(({ leftOut }) => leftOut),
    [undefined, 1],
  );
});

test('how long scripts may take is as is set', async (t) => {
  const { plugins } = await withPlugins(t, () => () => new Promise(() => {}));
  const file = configFile(t, '');
  const daemon = await startStorage(t, plugins, { flags: [file.flag, '--plugins.killGrace=10ms'] });
  await reloadWith(daemon, file, '[plugins]\n[[plugins.timeouts]]\nmethod = "SR.probe"\nafter = "10ms"\n');
  const { error } = await throughSocket(
    t,
    daemon,
    VOLUME,
  )('SR.probe', {
    queue: VOLUME,
    device_config: { uri: 'mine://' },
    sm_config: {},
  });
  assert.match(JSON.stringify(error), /timed out|10 ms/);
});

test('a rule is compiled again only when it is set anew', () => {
  const setting = { rules: ['a'] };
  const compiled: string[][] = [];
  const rules = latest(
    () => setting.rules,
    (value) => {
      compiled.push(value);
      return value.join();
    },
  );
  assert.deepEqual([rules(), rules()], ['a', 'a']);
  setting.rules = ['b', 'c'];
  assert.deepEqual([rules(), rules()], ['b,c', 'b,c']);
  assert.deepEqual(compiled, [['a'], ['b', 'c']]);
});

/** A switch whose service manager is the test. */
async function startNotifying(t: TestContext) {
  const address = join(tempDirectory(t), 'notify');
  const receiver = await startReceiver(t, address);
  const file = configFile(t, SWITCH_ALONE);
  const daemon = spawnDaemon(t, { env: { NOTIFY_SOCKET: address }, flags: [file.flag] });
  await receiver.received('READY=1');
  return { receiver, file, daemon };
}

test('the service manager is told of a reload, and of a file that is wrong until it is mended', async (t) => {
  const { receiver, file, daemon } = await startNotifying(t);
  await reloadWith(daemon, file, `${SWITCH_ALONE}[log]\nlevel = 5\n`);
  await receiver.received('keeps its configuration: log.level: expected');
  const texts = receiver.seen.map(({ text }) => text);
  const [, ready, reloading = '', reloaded] = texts;
  assert.equal(ready, 'READY=1\nSTATUS=switches messages\n');
  assert.match(reloading, /^RELOADING=1\nMONOTONIC_USEC=/);
  assert.equal(reloaded, 'READY=1\n');
  const told = receiver.seen.length;
  await reloadWith(daemon, file, SWITCH_ALONE);
  await receiver.received('STATUS=switches messages\n', told);
});

test('the service manager, which tells everybody, is told no secret of a file that is wrong', async (t) => {
  const { receiver, file, daemon } = await startNotifying(t);
  await reloadWith(daemon, file, `${SWITCH_ALONE}[traces]\nendpoint = "http://me:hunter2@collector"\n`);
  const { text } = await receiver.received('keeps its configuration: traces.endpoint: expected');
  assert.match(text, /got "http:\/\/\*\*\*@collector"/);
});

test('a terminal that is closed ends the daemon', async (t) => {
  const directory = join(tempDirectory(t), 'run');
  const words = [process.execPath, MAIN, `--sockets.directory=${directory}`, '--switch.stateDirectory='];
  // The terminal is closed when the daemon listens; it is the end of the daemon that ends the program.
  const terminal = `
import os, pty, sys
pid, screen = pty.fork()
if pid == 0: os.execvp(sys.argv[1], sys.argv[1:])
seen = b''
while b' serves' not in seen: seen += os.read(screen, 65536)
os.close(screen)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;
  const child = spawn('python3', ['-c', terminal, ...words, '--storage.enabled=false'], {
    env: { ...process.env, TERM: 'xterm' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const [status] = await once(child.stdout, 'data');
  assert.equal(String(status).trim(), '0');
  assert.ok(!existsSync(join(directory, 'switch.sock')));
  assert.match(readFileSync(join(directory, 'datapathd.lock'), 'latin1'), /^[0-9]+\n$/);
});

test('the page lists just the settings that change at once', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/systemd.md'), 'utf8');
  const [, table = ''] = /\| changes at once \|.*\n\| --- .*\n((?:\|.*\n)+)/.exec(page) ?? [];
  const firstCells = table.split('\n').map((row) => row.split('|')[1] ?? '');
  const named = firstCells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name));
  assert.deepEqual(named.sort(), [...LIVE, ...LIVE_IN_SWITCH].sort());
});
