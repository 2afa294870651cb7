import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connectClient, exchange } from '../helpers/client.ts';
import { type DaemonProcess, MAIN, QUEUE, spawnDaemon, startDaemonProcess, stop } from '../helpers/daemon.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { login } from '../switch/helpers.ts';

const LS = '{"method":"Plugin.ls","params":[{"dbg":"me"}],"id":1}\n';
const QUERY = '{"method":"Plugin.Query","params":[{"dbg":"me"}],"id":1}\n';

/** A store that takes connections and never says a word. */
async function silentStore(t: TestContext): Promise<string> {
  const path = join(tempDirectory(t), 'store');
  const server = createServer((socket) => t.after(() => socket.destroy())).listen(path);
  t.after(() => server.close());
  await once(server, 'listening');
  return path;
}

/** A daemon with a call under way: one that waits for the first word of the store. */
async function withCallUnderWay(t: TestContext, flags: readonly string[]) {
  const store = await silentStore(t);
  const daemon = await startDaemonProcess(t, {
    flags: ['--xenstore.mode=socket', `--xenstore.socket=${store}`, ...flags],
  });
  const caller = await connectClient(t, daemon.socket);
  caller.send(LS);
  // Another connection's call is answered: the one before has been read.
  const other = await connectClient(t, daemon.socket);
  other.send(QUERY);
  await other.receiveLine();
  return { daemon, caller };
}

const permissions = (path: string): number => statSync(path).mode & 0o777;

const socketFiles = ({ directory }: DaemonProcess): string[] =>
  readdirSync(directory).filter((name) => statSync(join(directory, name)).isSocket());

test('the start says where the sockets are and what to type next', async (t) => {
  const daemon = await startDaemonProcess(t);
  const { socket, switchSocket, storeSocket } = daemon;
  const { sockets } = await daemon.logged(({ msg }) => msg.endsWith(' serves'));
  assert.deepEqual(sockets, [storeSocket, socket, switchSocket]);
  const text = await daemon.printed(/socat -t60 - UNIX-CONNECT:/);
  for (const path of [socket, switchSocket, storeSocket]) assert.ok(text.includes(`  ${path}\n`), text);
  assert.match(text, /xenstore-write .*\/uuid/);
});

test('under systemd, whose journal has the log, no words for a person are written', async (t) => {
  const daemon = await startDaemonProcess(t, { env: { JOURNAL_STREAM: '8:1234' } });
  await stop(daemon);
  assert.equal(await daemon.printed(/^$/), '');
});

test('a log that can not be written any more ends nothing', async (t) => {
  const fullDisk = ['bash', '-c', 'exec "$@" 2> /dev/full', 'bash'];
  for (const launcher of [[], fullDisk]) {
    const daemon = spawnDaemon(t, { launcher });
    await daemon.printed(/socat -t60 - UNIX-CONNECT:/);
    daemon.child.stderr?.destroy();
    // What can't be read is logged; what comes behind it is answered all the same.
    await exchange(t, daemon.socket, '{"method"}');
    assert.equal(await exchange(t, daemon.socket, LS), '{"result":[],"error":null,"id":1}\n');
    daemon.child.kill('SIGTERM');
    assert.equal(await daemon.ended, 0);
  }
});

test('on a terminal the log is for people', async (t) => {
  const directory = join(tempDirectory(t), 'run');
  const child = spawn(
    'python3',
    [
      '-c',
      'import pty, sys; pty.spawn(sys.argv[1:])',
      process.execPath,
      MAIN,
      `--sockets.directory=${directory}`,
      '--switch.stateDirectory=',
    ],
    { env: { ...process.env, TERM: 'xterm' } },
  );
  t.after(() => child.kill('SIGKILL'));
  let screen = '';
  for await (const chunk of child.stdout) {
    screen += chunk;
    if (!screen.includes(' serves')) continue;
    process.kill(Number(readFileSync(join(directory, 'datapathd.lock'), 'latin1')), 'SIGTERM');
    break;
  }
  assert.match(screen, /INFO.*datapathd [0-9.]+ serves/);
  assert.doesNotMatch(screen, /"level"/);
});

test('the folder and the sockets are private', async (t) => {
  const daemon = await startDaemonProcess(t);
  assert.equal(permissions(daemon.directory), 0o700);
  for (const name of socketFiles(daemon)) assert.equal(permissions(join(daemon.directory, name)), 0o600);
});

test('sockets.mode and sockets.group open the sockets to a group', async (t) => {
  const gid = process.getgid?.() ?? 0;
  const daemon = await startDaemonProcess(t, {
    flags: ['--sockets.mode=0660', `--sockets.group=${gid}`],
  });
  const { mode, gid: group } = statSync(daemon.socket);
  assert.equal(mode & 0o777, 0o660);
  assert.equal(group, gid);
});

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} ends it with status 0, and no socket file stays`, async (t) => {
    const daemon = await startDaemonProcess(t);
    const idle = await connectClient(t, daemon.socket);
    daemon.child.kill(signal);
    assert.equal(await daemon.ended, 0);
    assert.deepEqual(socketFiles(daemon), []);
    assert.equal((await idle.receiveAll()).length, 0);
  });
}

test('a call that is under way at SIGTERM is still answered', async (t) => {
  const { daemon, caller } = await withCallUnderWay(t, ['--xenstore.startTimeout=300ms']);
  daemon.child.kill('SIGTERM');
  assert.equal(await caller.receiveLine(), '{"result":[],"error":null,"id":1}');
  assert.equal(await daemon.ended, 0);
});

test('a call that waits on the switch at SIGTERM is still answered', async (t) => {
  const store = await silentStore(t);
  const daemon = await startDaemonProcess(t, {
    flags: ['--xenstore.mode=socket', `--xenstore.socket=${store}`, '--xenstore.startTimeout=300ms'],
  });
  const client = await login(t, daemon.switchSocket, 'me');
  await client.text('GET', '/transient/mine');
  assert.match(
    await client.text('POST', `/request/${QUEUE}/mine`, LS),
    /^\[\["org\.xen\.xapi\.datapath",[0-9]+\]\]$/,
  );
  // What is asked before the end is answered, however soon that comes.
  const transferred = client.text('POST', '/transfer', '{"timeout":30,"queues":["mine"]}');
  daemon.child.kill('SIGTERM');
  const answer = await transferred;
  assert.ok(answer.includes('\\"result\\":[]'), answer);
  assert.equal(await daemon.ended, 0);
});

test('shutdown.timeout bounds the wait for calls under way', async (t) => {
  const { daemon } = await withCallUnderWay(t, ['--xenstore.startTimeout=1h', '--shutdown.timeout=200ms']);
  await stop(daemon);
  assert.deepEqual(socketFiles(daemon), []);
});

test('a shutdown.timeout of 0 waits for nothing that is under way', async (t) => {
  const { daemon } = await withCallUnderWay(t, ['--xenstore.startTimeout=1h', '--shutdown.timeout=0']);
  await stop(daemon);
  assert.deepEqual(socketFiles(daemon), []);
});

test('a second signal ends it at once', async (t) => {
  const { daemon } = await withCallUnderWay(t, ['--xenstore.startTimeout=1h', '--shutdown.timeout=1h']);
  daemon.child.kill('SIGTERM');
  await daemon.logged(({ msg }) => msg === 'stopping');
  daemon.child.kill('SIGTERM');
  assert.equal(await daemon.ended, 1);
});

test('a client of the switch may ask for the end', async (t) => {
  const daemon = await startDaemonProcess(t);
  const client = await connectClient(t, daemon.switchSocket);
  client.send('GET /login/me HTTP/1.1\r\n\r\nPOST /shutdown HTTP/1.1\r\nContent-Length: 0\r\n\r\n');
  assert.equal(await daemon.ended, 0);
  assert.match((await client.receiveAll()).toString(), /^HTTP\/1.1 200 .*HTTP\/1.1 200 /s);
});

test('a second daemon on the folder refuses to start, and names the first', async (t) => {
  const first = await startDaemonProcess(t);
  const second = spawnDaemon(t, { directory: first.directory });
  assert.equal(await second.ended, 1);
  await assert.rejects(
    second.logged(() => false),
    new RegExp(`the pid ${first.pid} already runs in`),
  );
  assert.match(await exchange(t, first.socket, LS), /"result":\[\]/);
});

test('what a killed daemon left is taken over', async (t) => {
  const first = await startDaemonProcess(t);
  first.child.kill('SIGKILL');
  assert.equal(await first.ended, 'SIGKILL');
  assert.equal(existsSync(first.socket), true);
  const second = await startDaemonProcess(t, { directory: first.directory });
  assert.equal(await exchange(t, second.socket, LS), '{"result":[],"error":null,"id":1}\n');
  assert.equal(readFileSync(join(second.directory, 'datapathd.lock'), 'latin1').trim(), `${second.pid}`);
});

test('a path that is too long for a Unix socket ends the start with its length', async (t) => {
  const directory = join(tempDirectory(t), 'x'.repeat(100));
  const daemon = spawnDaemon(t, { directory });
  assert.equal(await daemon.ended, 1);
  await assert.rejects(
    daemon.logged(() => false),
    /at most 107 bytes, this one 1[0-9][0-9]: /,
  );
});

test('fewer open files than sockets.maxConnections needs are said at the start', async (t) => {
  const daemon = await startDaemonProcess(t, {
    launcher: ['bash', '-c', 'ulimit -n 300; exec "$@"', 'bash'],
  });
  const warning = await daemon.logged(({ level }) => level === 'warn');
  assert.match(
    warning.msg,
    /LimitNOFILE allows 236 connections, fewer than sockets.maxConnections \(10000\)/,
  );
});

test('one connection more than sockets.maxConnections, on any socket, is told so and closed', async (t) => {
  const daemon = await startDaemonProcess(t, {
    flags: ['--sockets.maxConnections=3', '--xenstore.mode=socket', '--xenstore.socket=/nowhere'],
  });
  const open = [];
  for (const path of [daemon.socket, daemon.switchSocket, daemon.socket]) {
    open.push(await connectClient(t, path));
  }
  const refused = await connectClient(t, daemon.socket);
  assert.match((await refused.receiveAll()).toString(), /sockets.maxConnections \(3\)/);
  await daemon.logged(({ msg }) => msg.includes('a connection was refused'));
  open[0]?.send(QUERY);
  assert.match((await open[0]?.receiveLine()) ?? '', /"plugin":"datapath"/);
});

test('storage.enabled=false is a switch alone', async (t) => {
  const daemon = await startDaemonProcess(t, { flags: ['--storage.enabled=false'] });
  assert.deepEqual(socketFiles(daemon), ['switch.sock']);
});

test('switch.mode=off is the sockets alone', async (t) => {
  const daemon = await startDaemonProcess(t, { flags: ['--switch.mode=off'] });
  assert.deepEqual(socketFiles(daemon), [QUEUE, 'xenstored.sock']);
});

test('switch.path puts the switch elsewhere', async (t) => {
  const path = join(tempDirectory(t), 'elsewhere');
  const daemon = await startDaemonProcess(t, { flags: [`--switch.path=${path}`] });
  assert.equal(statSync(path).isSocket(), true);
  await stop(daemon);
  assert.equal(existsSync(path), false);
});

test('a normal user can run it', async (t) => {
  // Without root there is nothing to give up. With it, the sources may lie where others can't look.
  const drop = ['--reuid=65534', '--regid=65534', '--clear-groups'];
  const read = ['--inh-caps=+dac_read_search', '--ambient-caps=+dac_read_search'];
  const parent = tempDirectory(t);
  chmodSync(parent, 0o777);
  const directory = join(parent, 'run');
  const daemon = await startDaemonProcess(t, {
    directory,
    launcher: process.getuid?.() === 0 ? ['setpriv', ...drop, ...read, '--'] : [],
  });
  assert.equal(await exchange(t, daemon.socket, LS), '{"result":[],"error":null,"id":1}\n');
});
