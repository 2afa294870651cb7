import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fstatSync, mkdirSync, readFileSync, readSync, writeFileSync, writeSync } from 'node:fs';
import { createServer, Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { groupId, lockFile, openFileLimit, openPipe, peerIdentity, userId } from '../src/posix.ts';
import { runProgram } from './helpers/programs.ts';
import { tempDirectory } from './helpers/temp.ts';

const POSIX = JSON.stringify(join(import.meta.dirname, '../src/posix.ts'));

/** Takes the lock in another process, which stays until it is killed; gives what that process was told. */
async function lockElsewhere(
  t: TestContext,
  path: string,
): Promise<{ child: ChildProcess; outcome: unknown }> {
  const script = `
    import { lockFile } from ${POSIX};
    const lock = lockFile(${JSON.stringify(path)}, String(process.pid));
    console.log(JSON.stringify(lock));
    setInterval(() => {}, 2 ** 30);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  return { child, outcome: JSON.parse(line) };
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

function lock(path: string): Extract<ReturnType<typeof lockFile>, { type: 'locked' }> {
  const outcome = lockFile(path, `${process.pid}`);
  assert.ok(outcome.type === 'locked');
  return outcome;
}

const lockPath = (t: TestContext): string => join(tempDirectory(t), 'lock');

test('a second process is refused and told the pid of the first', async (t) => {
  const path = lockPath(t);
  const { release } = lock(path);
  const { outcome } = await lockElsewhere(t, path);
  assert.deepEqual(outcome, { type: 'held', note: `${process.pid}` });
  release();
});

test('the other way round too, and the lock is free when its holder was killed', async (t) => {
  const path = lockPath(t);
  const { child, outcome } = await lockElsewhere(t, path);
  assert.deepEqual(outcome, { type: 'locked' });
  assert.deepEqual(lockFile(path, 'me'), { type: 'held', note: `${child.pid}` });
  await kill(child);
  lock(path).release();
});

test('a lock that was released is free for another process', async (t) => {
  const path = lockPath(t);
  lock(path).release();
  const { outcome } = await lockElsewhere(t, path);
  assert.deepEqual(outcome, { type: 'locked' });
});

test('the same process is refused a second lock', (t) => {
  const path = lockPath(t);
  const { release } = lock(path);
  assert.equal(lockFile(path, '1').type, 'held');
  release();
});

test('to release twice closes nothing else', (t) => {
  const path = lockPath(t);
  const first = lock(path);
  first.release();
  // It gets the number of the descriptor that was closed.
  const second = lock(path);
  first.release();
  assert.equal(lockFile(path, '1').type, 'held');
  second.release();
});

test('the pid of the holder stands in the file, without what stood there before', (t) => {
  const path = lockPath(t);
  writeFileSync(path, '1234567890123\nand more');
  const { release } = lock(path);
  assert.equal(readFileSync(path, 'utf8'), `${process.pid}\n`);
  release();
});

for (const [what, content] of [
  ['nothing', ''],
  ['garbage', 'no\npid \x1b[31m'],
  ['bytes that are no text', Buffer.from([0xff, 0x00, 0xfe])],
  ['very much', '1'.repeat(1_000_000)],
] as const) {
  test(`a lock is held, or free, whatever the file says: ${what}`, (t) => {
    const path = lockPath(t);
    writeFileSync(path, content);
    const { release } = lock(path);
    writeFileSync(path, content);
    assert.deepEqual(lockFile(path, '1'), { type: 'held', note: 'unknown' });
    release();
  });
}

test('a place where no file can be is an error that names it', (t) => {
  const directory = tempDirectory(t);
  mkdirSync(join(directory, 'folder'));
  assert.throws(() => lockFile(join(directory, 'folder'), '1'), /EISDIR.*folder/);
  assert.throws(() => lockFile(join(directory, 'nowhere/lock'), '1'), /ENOENT.*nowhere\/lock/);
});

test('the limit of open files is what the shell says', async (t) => {
  const script = `import { openFileLimit } from ${POSIX}; console.log(openFileLimit());`;
  const words = [process.execPath, '--input-type=module', '-e', script];
  const limited = 'ulimit -n 123 && ulimit -n && exec "$@"';
  const { stdout, stderr } = await runProgram(t, 'bash', ['-c', limited, 'bash', ...words]);
  assert.deepEqual({ stdout, stderr }, { stdout: '123\n123\n', stderr: '' });
});

test('this process may have some files open', () => {
  assert.ok(openFileLimit() > 10);
});

test('a group has the number that the system gives it', async (t) => {
  const { stdout } = await runProgram(t, 'getent', ['group', 'root', 'daemon', 'nogroup']);
  for (const line of stdout.trim().split('\n')) {
    const [name = '', , gid] = line.split(':');
    assert.equal(groupId(name), Number(gid));
  }
  assert.equal(groupId('root'), 0);
});

test('a group may be given by its number, whether it has a name or not', () => {
  assert.equal(groupId('0'), 0);
  assert.equal(groupId('4294967294'), 4_294_967_294);
});

test('what is no group has no number', () => {
  // The last number is what chown(2) takes for "as it is".
  for (const group of [
    'nosuchgroup',
    '',
    'root:x',
    'roo',
    'ROOT',
    '-1',
    '1.5',
    '4294967295',
    '9999999999',
    '0x0',
  ]) {
    assert.equal(groupId(group), undefined, group);
  }
});

test('a user has the number that the system gives it, or that it is given by', async (t) => {
  const { stdout } = await runProgram(t, 'getent', ['passwd', 'root', 'daemon', 'nobody']);
  for (const line of stdout.trim().split('\n')) {
    const [name = '', , uid] = line.split(':');
    assert.equal(userId(name), Number(uid));
  }
  assert.equal(userId('nobody'), 65_534);
  assert.equal(userId('12345'), 12_345);
  for (const user of ['nosuchuser', 'nogroup', '', 'root:x', '4294967295']) {
    assert.equal(userId(user), undefined, user);
  }
});

/** What is told of a client that socat is, behind the words of a launcher. */
async function identityOf(t: TestContext, launcher: readonly string[] = []) {
  const path = join(tempDirectory(t), 'socket');
  const told = Promise.withResolvers<ReturnType<typeof peerIdentity>>();
  const server = createServer((socket) => {
    told.resolve(peerIdentity(socket));
    socket.destroy();
  }).listen(path);
  t.after(() => server.close());
  await once(server, 'listening');
  // socat is another process: its pid is not ours.
  const [program = '', ...args] = [...launcher, 'socat', '-u', `UNIX-CONNECT:${path}`, 'STDOUT'];
  const client = spawn(program, args, { stdio: 'ignore' });
  return { pid: client.pid, identity: await told.promise };
}

/** The further groups of this process, as proc(5) has them: Node tells the first one with them. */
const ownGroups = (): number[] =>
  (/^Groups:(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '')
    .split(/\s+/)
    .filter((gid) => gid !== '')
    .map(Number);

test('the kernel tells who is at the other end of a Unix socket', async (t) => {
  const { pid, identity } = await identityOf(t);
  const [uid, gid] = [process.getuid?.(), process.getgid?.()];
  assert.deepEqual(identity, { pid, uid, gid, groups: ownGroups() });
});

test('it tells all groups of the peer, however many', async (t) => {
  if (process.getuid?.() !== 0) {
    // Only root may give a process other groups than its own.
    assert.deepEqual((await identityOf(t)).identity?.groups, ownGroups());
    return;
  }
  for (const count of [0, 1, 32, 33, 1000]) {
    const groups = Array.from({ length: count }, (_, index) => 3_000_000_000 + index);
    const words = count === 0 ? '--clear-groups' : `--groups=${groups.join(',')}`;
    const { identity } = await identityOf(t, ['setpriv', words, '--']);
    assert.deepEqual(identity?.groups, groups);
  }
});

test('of a socket that is closed nothing is told', async (t) => {
  const socket = new Socket();
  t.after(() => socket.destroy());
  assert.equal(peerIdentity(socket), undefined);
});

test('what is written into a pipe is read from it, and a child has no end of it that it was not given', async (t) => {
  const { readEnd, writeEnd } = openPipe();
  assert.ok(fstatSync(readEnd).isFIFO());
  writeSync(writeEnd, 'x');
  const bytes = Buffer.alloc(2);
  assert.deepEqual([readSync(readEnd, bytes), bytes.toString('latin1', 0, 1)], [1, 'x']);
  const { stdout } = await runProgram(t, 'ls', ['-l', '/proc/self/fd']);
  const { ino } = fstatSync(readEnd);
  assert.ok(!stdout.includes(`pipe:[${ino}]`), stdout);
  for (const end of [readEnd, writeEnd]) closeSync(end);
});
