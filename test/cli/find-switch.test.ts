import assert from 'node:assert/strict';
import { symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { findSwitch } from '../../src/cli/find-switch.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { ctl, startSwitchProcess } from './helpers.ts';

const NO_ENVIRONMENT = { DATAPATHD_SWITCH_PATH: '' };

function configFile(t: TestContext, text: string): string {
  const path = join(tempDirectory(t), 'datapathd.toml');
  writeFileSync(path, text);
  return path;
}

test('--path comes before the environment, and that before the configuration', (t) => {
  const config = configFile(t, '[switch]\npath = "/from/config"\n');
  const environment = { DATAPATHD_SWITCH_PATH: '/from/environment' };
  assert.equal(findSwitch({ path: '/given', config }, environment), '/given');
  assert.equal(findSwitch({ path: undefined, config }, environment), '/from/environment');
  assert.equal(findSwitch({ path: undefined, config }, {}), '/from/config');
});

test('a socket whose name is a number is no port', async (t) => {
  const { switchSocket } = await startSwitchProcess(t);
  const cwd = tempDirectory(t);
  symlinkSync(switchSocket, join(cwd, '8080'));
  for (const words of [['list'], ['call', 'q', '--body', 'x']]) {
    const { stderr } = await ctl(t, [...words, '--path', '8080'], { cwd });
    assert.doesNotMatch(stderr, /cannot connect/);
  }
});

test('an empty --path: status 2 and one line', async (t) => {
  const { status, stderr } = await ctl(t, ['list', '--path', '']);
  assert.deepEqual([status, stderr], [2, 'datapathctl: --path: expected a socket, got ""\n']);
});

const CONFIGURED: readonly (readonly [string, string])[] = [
  ['[switch]\npath = "/a/sock"\n', '/a/sock'],
  ['[sockets]\ndirectory = "/b"\n', '/b/switch.sock'],
  ['[switch]\nmode = "join"\n', '/run/message-switch/sock'],
];
for (const [text, expected] of CONFIGURED) {
  test(`a configuration with ${JSON.stringify(text)} names ${expected}`, (t) => {
    assert.equal(findSwitch({ path: undefined, config: configFile(t, text) }, {}), expected);
  });
}

test('without any of these, the socket below the current folder is found', async (t) => {
  const daemon = await startSwitchProcess(t);
  const cwd = dirname(daemon.directory);
  // A configuration that says nothing about sockets stands for the one of this machine.
  const config = configFile(t, '[log]\nlevel = "info"\n');
  const { stdout } = await ctl(t, ['status', '--config', config], { cwd, env: NO_ENVIRONMENT });
  assert.match(stdout, /^switch {3}\.\/run\/switch\.sock, /);
});

test('a configuration that was named and is wrong: status 1 with the place', async (t) => {
  const config = configFile(t, '[switch]\npth = "/a"\n');
  const { status, stderr } = await ctl(t, ['list', '--config', config], { env: NO_ENVIRONMENT });
  assert.equal(status, 1);
  assert.match(stderr, /^datapathctl: switch\.pth: no such setting \(.*datapathd\.toml:2\).*\n$/);
});

const COMMANDS = [
  ['status'],
  ['top'],
  ['list'],
  ['call', 'q', 'm'],
  ['serve', 'q', '--program', 'cat'],
  ['tail'],
  ['trace', 'q.1'],
  ['mscgen'],
  ['diagnostics'],
  ['queue', 'show', 'q'],
  ['queue', 'purge', 'q'],
  ['queue', 'requeue', 'q', '1'],
  ['ack', 'q', '1'],
  ['destroy', 'q'],
  ['bench', 'q'],
  ['bench', 'q', '--self-serve'],
  ['shutdown'],
];
for (const words of COMMANDS) {
  test(`${words.join(' ')} without a switch: status 5 and one line with the path`, async (t) => {
    const { status, stdout, stderr } = await ctl(t, [...words, '--path', '/nowhere/sock']);
    assert.match(stderr, /^datapathctl: cannot connect to \/nowhere\/sock \(ENOENT\): .*\n$/);
    assert.equal(stdout, '');
    assert.equal(status, 5);
  });
}

test('something at the socket that is no switch: status 5', async (t) => {
  const path = join(tempDirectory(t), 'sock');
  const server = createServer((socket) => socket.end('220 mail.example ESMTP\r\n'));
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.after(() => server.close());
  const { status, stderr } = await ctl(t, ['list', '--path', path]);
  assert.equal(status, 5);
  assert.match(stderr, /^datapathctl: the switch at .* is lost: .*\n$/);
});

test('an HTTP server that is no switch: status 1, with what was expected', async (t) => {
  const path = join(tempDirectory(t), 'sock');
  const server = createServer((socket) =>
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n{"a":1}')),
  );
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.after(() => server.close());
  const { status, stderr } = await ctl(t, ['list', '--path', path]);
  assert.equal(status, 1);
  assert.equal(stderr, 'datapathctl: no answer of a message switch: expected a list, got {"a":1}\n');
});
