import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SocketError } from '../../src/socket/listen.ts';
import { connectClient, exchange } from '../helpers/client.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { echo, lines, listen } from './helpers.ts';

const serveLines = () => lines(echo);

test('the socket file has exactly the mode asked for, whatever the umask', async (t) => {
  const umask = process.umask(0);
  t.after(() => process.umask(umask));
  const { path } = await listen(t, serveLines, { mode: 0o640 });
  assert.equal(statSync(path).mode & 0o777, 0o640);
});

test('listening leaves the umask of the process as it was', async (t) => {
  const before = process.umask();
  await listen(t, serveLines);
  assert.equal(process.umask(), before);
});

test('the folder of the socket keeps its mode', async (t) => {
  const folder = join(tempDirectory(t), 'open');
  mkdirSync(folder, { mode: 0o755 });
  await listen(t, serveLines, { path: join(folder, 'socket') });
  assert.equal(statSync(folder).mode & 0o777, 0o755);
});

test('a socket file left by a process that was killed is taken over', async (t) => {
  const path = join(tempDirectory(t), 'socket');
  const code = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => console.log('up'))`;
  const child = spawn(process.execPath, ['-e', code]);
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.ok(existsSync(path));

  await listen(t, serveLines, { path });
  assert.equal(await exchange(t, path, 'hello\n'), 'hello\n');
});

test('a socket that a live process answers on is left alone', async (t) => {
  const first = await listen(t, serveLines);
  await assert.rejects(listen(t, serveLines, { path: first.path }), (error: Error) => {
    assert.ok(error instanceof SocketError);
    assert.equal(error.message, `${first.path} is in use by another process`);
    return true;
  });
  assert.equal(await exchange(t, first.path, 'still here\n'), 'still here\n');
});

test('a socket of another kind is left to the process that has it', async (t) => {
  const path = join(tempDirectory(t), 'socket');
  const code =
    'import socket, sys; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(sys.argv[1]); print(flush=True)';
  const child = spawn('python3', ['-c', `${code}; sys.stdin.read()`, path]);
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  await assert.rejects(listen(t, serveLines, { path }), { message: `${path} is in use by another process` });
  assert.ok(existsSync(path));
});

test('a file that is no socket is not removed', async (t) => {
  const path = join(tempDirectory(t), 'socket');
  writeFileSync(path, 'precious');
  await assert.rejects(listen(t, serveLines, { path }), {
    message: `${path} is in the way: it is no socket`,
  });
  assert.ok(existsSync(path));
});

test('a path longer than a Unix socket can have says so', async (t) => {
  const path = join(tempDirectory(t), 'x'.repeat(100));
  const bytes = Buffer.byteLength(path);
  await assert.rejects(listen(t, serveLines, { path }), {
    message: `the path of a Unix socket has at most 107 bytes, this one ${bytes}: ${path} (sockets.directory)`,
  });
});

test('a connection above the budget is told so, and the others are served', async (t) => {
  const budget = { open: 0, max: 1 };
  const { path, counters } = await listen(t, serveLines, { budget });
  const first = await connectClient(t, path);
  first.send('one\n');
  assert.equal(await first.receiveLine(), 'one');
  const second = await connectClient(t, path);
  assert.equal((await second.receiveAll()).toString(), 'too many\n');
  assert.equal(counters.refused, 1);
  first.send('two\n');
  assert.equal(await first.receiveLine(), 'two');
});

test('the budget is shared by all sockets', async (t) => {
  const budget = { open: 0, max: 1 };
  const one = await listen(t, serveLines, { budget });
  const two = await listen(t, serveLines, { budget });
  const first = await connectClient(t, one.path);
  first.send('one\n');
  await first.receiveLine();
  const second = await connectClient(t, two.path);
  assert.equal((await second.receiveAll()).toString(), 'too many\n');
});

test('a connection that closes gives its place back', async (t) => {
  const budget = { open: 0, max: 1 };
  const { path } = await listen(t, serveLines, { budget });
  for (const word of ['one\n', 'two\n', 'three\n']) assert.equal(await exchange(t, path, word), word);
});

test('stopping removes the socket file and lets what is under way finish', async (t) => {
  const socket = await listen(t, serveLines);
  const client = await connectClient(t, socket.path);
  client.send('one\n');
  assert.equal(await client.receiveLine(), 'one');
  await socket.stopListening();
  socket.finish();
  await socket.drained;
  assert.ok(!existsSync(socket.path));
  assert.equal((await client.receiveAll()).length, 0);
});

test('the counters tell connections, bytes and protocols', async (t) => {
  const { path, counters } = await listen(t, serveLines);
  const client = await connectClient(t, path);
  client.send('abc\n');
  await client.receiveLine();
  assert.deepEqual(
    { ...counters, protocols: Object.fromEntries(counters.protocols) },
    { open: 1, accepted: 1, refused: 0, bytesIn: 4, bytesOut: 4, protocols: { lines: 1 } },
  );
});
