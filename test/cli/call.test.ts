import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connectClient } from '../helpers/client.ts';
import { type DaemonProcess, QUEUE, startDaemonProcess } from '../helpers/daemon.ts';
import type { Ran } from '../helpers/programs.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { login } from '../switch/helpers.ts';
import { ctl as runCtl, shellProgram, startCtl, startEcho, startSwitchProcess } from './helpers.ts';

const ctl = (t: TestContext, ...words: string[]): Promise<Ran> => runCtl(t, words);

const call = (t: TestContext, daemon: DaemonProcess, ...words: string[]): Promise<Ran> =>
  ctl(t, 'call', '--path', daemon.switchSocket, ...words);

const EMPTY_LIST = '{"result":[],"error":null,"id":1}\n';

test('a method is called and its answer printed', async (t) => {
  const daemon = await startDaemonProcess(t);
  const ran = await call(t, daemon, QUEUE, 'Plugin.ls');
  assert.deepEqual(ran, { status: 0, stdout: EMPTY_LIST, stderr: '' });
});

test('params, a body and a file make the request', async (t) => {
  const daemon = await startDaemonProcess(t);
  const body = '{"method":"Plugin.ls","params":[{"dbg":"me"}],"id":1}';
  const file = join(tempDirectory(t), 'request.json');
  writeFileSync(file, body);
  for (const words of [
    ['Plugin.ls', '{"dbg":"me"}'],
    ['--body', body],
    ['--file', file],
  ]) {
    assert.equal((await call(t, daemon, QUEUE, ...words)).stdout, EMPTY_LIST);
  }
});

test('an answer that is an error is printed like any other', async (t) => {
  const daemon = await startDaemonProcess(t);
  const { stdout, status } = await call(t, daemon, QUEUE, 'Plugin.foo');
  assert.equal(stdout, '{"result":null,"error":["Unimplemented","Plugin.foo"],"id":1}\n');
  assert.equal(status, 0);
});

test('a queue that is not there: status 3, and it is not created', async (t) => {
  const daemon = await startDaemonProcess(t);
  for (let time = 0; time < 2; time += 1) {
    const { status, stderr } = await call(t, daemon, 'no.such.queue', 'Plugin.ls');
    assert.equal(status, 3);
    assert.match(stderr, /^datapathctl: there is no queue no\.such\.queue: .*\n$/);
  }
});

test('nobody answers in time: status 4', async (t) => {
  const daemon = await startDaemonProcess(t);
  const client = await connectClient(t, daemon.switchSocket);
  client.send('GET /login/me HTTP/1.1\r\n\r\nGET /persistent/idle HTTP/1.1\r\n\r\n');
  while ((await client.receiveLine()) !== '\r');
  while ((await client.receiveLine()) !== '\r');
  const { status, stderr } = await call(t, daemon, 'idle', 'Some.method', '--timeout', '0.1');
  assert.equal(status, 4);
  assert.match(stderr, /no answer from idle within 0\.1 s/);
});

test('a request may come on standard input, without the line break at its end', async (t) => {
  const { switchSocket } = await startSwitchProcess(t);
  await startEcho(t, switchSocket, 'echo');
  const words = ['call', 'echo', '--json', '--path', switchSocket];
  const { stdout } = await runCtl(t, words, { input: 'line\nline\n' });
  assert.equal(JSON.parse(stdout).answer, 'line\nline');
});

test('with --json the answer is what its JSON says, with every digit, beside the time it took', async (t) => {
  const { switchSocket } = await startSwitchProcess(t);
  await startEcho(t, switchSocket, 'echo');
  const body = '{"result": 9223372036854775807}';
  const { stdout } = await runCtl(t, ['call', 'echo', '--json', '--body', body, '--path', switchSocket]);
  assert.match(
    stdout,
    /^\{"queue":"echo","answer":\{"result":9223372036854775807\},"milliseconds":[0-9.]+\}\n$/,
  );
});

test('params are sent with every digit of their integers', async (t) => {
  const { switchSocket } = await startSwitchProcess(t);
  await startEcho(t, switchSocket, 'echo');
  const words = ['call', 'echo', 'Volume.resize', '{"new_size": 9007199254740993}', '--path', switchSocket];
  const request =
    '{"method":"Volume.resize","params":[{"dbg":"datapathctl","new_size":9007199254740993}],"id":1}';
  assert.equal((await runCtl(t, words)).stdout, `${request}\n`);
});

test('a file or standard input is sent and an answer printed byte for byte', async (t) => {
  const { switchSocket } = await startSwitchProcess(t);
  startCtl(t, ['serve', 'od', '--program', shellProgram(t, 'od -An -tx1'), '--path', switchSocket]);
  const client = await login(t, switchSocket, 'watcher:1');
  while ((await client.text('GET', '/list/alive/od')) === '[]');
  const bytes = Buffer.from([0xef, 0xbb, 0xbf, 0xff, 0x00, 0x0a]);
  const file = join(tempDirectory(t), 'request');
  writeFileSync(file, bytes);
  const call = ['call', 'od', '--path', switchSocket];
  assert.equal((await runCtl(t, [...call, '--file', file])).stdout, ' ef bb bf ff 00 0a\n');
  const input = Buffer.concat([bytes, Buffer.from('\n')]);
  assert.equal((await runCtl(t, call, { input })).stdout, ' ef bb bf ff 00 0a\n');
});

test('a call leaves no reply queue behind', async (t) => {
  const { switchSocket } = await startSwitchProcess(t);
  await startEcho(t, switchSocket, 'echo');
  await runCtl(t, ['call', 'echo', '--body', 'x', '--path', switchSocket]);
  const client = await login(t, switchSocket, 'me:1');
  assert.equal(await client.text('GET', '/list/'), '["echo"]');
});

test('no switch: status 5, with the path', async (t) => {
  const { status, stderr } = await ctl(t, 'call', QUEUE, 'Plugin.ls');
  assert.equal(status, 5);
  assert.match(stderr, /^datapathctl: .*\/nowhere\/sock/);
});

const USAGE: readonly (readonly [string, string[], RegExp])[] = [
  ['no command', [], /Usage: datapathctl/],
  ['an unknown command', ['cal'], /unknown command 'cal'/],
  ['no request', ['call', QUEUE], /give a method, --body or --file/],
  ['two requests', ['call', QUEUE, 'Plugin.ls', '--body', '{}'], /only one of them/],
  ['params that are no object', ['call', QUEUE, 'Plugin.ls', '[1]'], /params: expected a JSON object/],
  [
    'params that hold what a double does not',
    ['call', QUEUE, 'Plugin.ls', '{"a":1e400}'],
    /params: .*too large/,
  ],
  [
    'a timeout that is no number',
    ['call', QUEUE, 'Plugin.ls', '--timeout', 'long'],
    /expected a number of seconds/,
  ],
  ['a timeout in no numerals', ['call', QUEUE, 'Plugin.ls', '--timeout', '0x10'], /a number of seconds/],
  ['a number of a message that is none', ['ack', QUEUE, '1e3'], /expected the number of a message/],
  ['a count of none', ['bench', QUEUE, '--calls', '0'], /expected a whole number from 1/],
  ['an id without its queue', ['trace', '17'], /expected queue\.number/],
  ['a shell that nobody completes', ['completion', 'csh'], /expected bash, zsh, fish/],
  ['one word too many', ['destroy', QUEUE, QUEUE], /too many arguments/],
  ['an unknown option', ['list', '--alll'], /unknown option '--alll' \(Did you mean --all\?\)/],
  ['a file that is not there', ['call', QUEUE, '--file', '/nowhere/request.json'], /ENOENT/],
];
for (const [name, words, expected] of USAGE) {
  test(`${name}: status 2 and what was expected`, async (t) => {
    const { status, stderr } = await ctl(t, ...words);
    assert.match(stderr, expected);
    assert.equal(status, 2);
    if (words.length > 0) assert.match(stderr, /^datapathctl: .*\n$/);
  });
}

test('--help tells the commands, the exit statuses and examples', async (t) => {
  const { status, stdout } = await ctl(t, '--help');
  assert.equal(status, 0);
  for (const expected of [/call .*send one request/, /3 no such queue/, /datapathctl call org/])
    assert.match(stdout, expected);
});

test('--version prints the version alone', async (t) => {
  assert.match((await ctl(t, '--version')).stdout, /^[0-9]+\.[0-9]+\.[0-9]+\n$/);
});
