import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connectClient } from '../helpers/client.ts';
import { type DaemonProcess, QUEUE, spawnDaemon, startDaemonProcess, stop } from '../helpers/daemon.ts';
import { tempDirectory } from '../helpers/temp.ts';

/**
 * A service manager: listens on the sockets `NAME=PATH`, connects to each, and only then starts the daemon, which has to answer
 * on those connections, too.
 */
const MANAGER = `
import ctypes, os, signal, socket, sys
count = int(sys.argv[1])
listening, waiting = [], []
for word in sys.argv[2:2 + count]:
    name, _, path = word.partition('=')
    kind = socket.SOCK_DGRAM if name == 'datagrams' else socket.SOCK_STREAM
    one = socket.socket(socket.AF_UNIX, kind)
    one.bind(path)
    if kind == socket.SOCK_STREAM: one.listen(5)
    os.chmod(path, 0o640)
    listening.append((name, one))
# Clients that are there, and have asked, before any daemon is.
early = [socket.socket(socket.AF_UNIX) for name, _ in listening if name != 'datagrams']
for client, (_, one) in zip(early, listening):
    client.connect(one.getsockname())
    client.send(b'GET / HTTP/1.1\\r\\n\\r\\n')
# Before there is a daemon, which may serve before this goes on. The daemon's own is the default again.
signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
child = os.fork()
if child != 0:
    # The parent keeps the sockets, as systemd does, until the daemon has ended.
    for client in early:
        if client.recv(9) != b'HTTP/1.1 ': sys.exit('an early client is not answered')
        client.close()
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
ctypes.CDLL(None).prctl(1, signal.SIGKILL) # PR_SET_PDEATHSIG
# Apart from where they are to be, so that none is overwritten.
spare = [os.dup2(one.fileno(), 100 + at) for at, (_, one) in enumerate(listening)]
for at, fd in enumerate(spare): os.dup2(fd, 3 + at)
for fd in spare: os.close(fd)
os.environ.update(LISTEN_PID=os.environ.get('TEST_PID', str(os.getpid())), LISTEN_FDS=str(count))
os.environ['LISTEN_FDNAMES'] = ':'.join(name for name, _ in listening)
os.execv(sys.argv[2 + count], sys.argv[2 + count:])
`;

interface Activated {
  readonly directory: string;
  readonly launcher: readonly string[];
  path(name: string): string;
}

/** How to start a daemon with sockets: the name of each, and that of its file in the daemon's folder. */
function activated(t: TestContext, sockets: readonly (readonly [name: string, file: string])[]): Activated {
  const directory = join(tempDirectory(t), 'run');
  mkdirSync(directory, { mode: 0o700 });
  const path = (file: string): string => join(directory, file);
  const words = sockets.map(([name, file]) => `${name}=${path(file)}`);
  return { directory, path, launcher: ['python3', '-c', MANAGER, `${words.length}`, ...words] };
}

const LS = '{"method":"Plugin.ls","params":[{"dbg":"me"}],"id":1}\n';
const LOGIN = 'GET /login/me HTTP/1.1\r\n\r\n';

async function answerOf(t: TestContext, path: string, request: string): Promise<string> {
  const client = await connectClient(t, path);
  client.send(request);
  return client.receiveLine();
}

const served = async (daemon: DaemonProcess): Promise<unknown> =>
  (await daemon.logged(({ msg }) => msg.endsWith(' serves'))).sockets;

test('sockets that are passed by name are served where they are, and stay', async (t) => {
  const { directory, path, launcher } = activated(t, [
    ['switch', 'elsewhere'],
    [QUEUE, 'queue'],
  ]);
  const daemon = spawnDaemon(t, { directory, launcher });
  assert.deepEqual(await served(daemon), [path('xenstored.sock'), path('queue'), path('elsewhere')]);
  assert.match(await answerOf(t, path('queue'), LS), /"result":\[\]/);
  assert.match(await answerOf(t, path('elsewhere'), LOGIN), /^HTTP\/1\.1 200 /);
  // Their permissions are those that they were given.
  assert.equal(statSync(path('queue')).mode & 0o777, 0o640);
  await stop(daemon);
  assert.deepEqual(readdirSync(directory).sort(), ['datapathd.lock', 'elsewhere', 'queue']);
});

test('sockets without a name of ours are known by their paths', async (t) => {
  const sockets = [
    ['datapathd.socket', 'switch.sock'],
    ['datapathd.socket', QUEUE],
  ] as const;
  const { directory, launcher } = activated(t, sockets);
  const daemon = await startDaemonProcess(t, { directory, launcher });
  assert.match(await answerOf(t, daemon.socket, LS), /"result":\[\]/);
  assert.match(await answerOf(t, daemon.switchSocket, LOGIN), /^HTTP\/1\.1 200 /);
  assert.equal(statSync(daemon.socket).mode & 0o777, 0o640);
});

test('a name that all sockets of a unit have gives none of them to another', async (t) => {
  for (const name of ['switch', QUEUE]) {
    const sockets = [
      [name, name === 'switch' ? QUEUE : 'switch.sock'],
      [name, name === 'switch' ? 'switch.sock' : QUEUE],
    ] as const;
    const { directory, launcher } = activated(t, sockets);
    const daemon = await startDaemonProcess(t, { directory, launcher });
    assert.match(await answerOf(t, daemon.socket, LS), /"result":\[\]/);
    assert.match(await answerOf(t, daemon.switchSocket, LOGIN), /^HTTP\/1\.1 200 /);
    await stop(daemon);
  }
});

test('no descriptor that is passed gets to a child of the daemon', async (t) => {
  const { directory, launcher } = activated(t, [['switch', 'switch.sock']]);
  const daemon = await startDaemonProcess(t, { directory, launcher });
  const pid = readFileSync(join(directory, 'datapathd.lock'), 'latin1').trim();
  const flags = /^flags:\s+([0-7]+)$/m.exec(readFileSync(`/proc/${pid}/fdinfo/3`, 'latin1'))?.[1] ?? '0';
  assert.equal(Number.parseInt(flags, 8) & 0o2000000, 0o2000000);
  await stop(daemon);
});

test('a socket that nothing serves is warned of', async (t) => {
  const { directory, path, launcher } = activated(t, [['other', 'other.sock']]);
  const daemon = await startDaemonProcess(t, { directory, launcher });
  const text = `nothing serves the socket ${path('other.sock')} (other) that the service manager has opened`;
  await daemon.logged(({ level, msg }) => level === 'warn' && msg === text);
});

test('what is passed to another process is none of ours', async (t) => {
  const { directory, launcher } = activated(t, [['switch', 'elsewhere']]);
  const daemon = await startDaemonProcess(t, { directory, launcher, env: { TEST_PID: '1' } });
  assert.match(await answerOf(t, daemon.switchSocket, LOGIN), /^HTTP\/1\.1 200 /);
});

test('a descriptor that is no socket that listens ends the start, and is named', async (t) => {
  const { directory, launcher } = activated(t, [['datagrams', 'datagrams']]);
  const daemon = spawnDaemon(t, { directory, launcher });
  assert.equal(await daemon.ended, 1);
  await assert.rejects(
    daemon.printed(/never/),
    /LISTEN_FDS: expected a Unix stream socket that listens as descriptor 3 \("datagrams"\)/,
  );
});
