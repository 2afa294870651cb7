import assert from 'node:assert/strict';
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { exchange } from '../helpers/client.ts';
import { type DaemonProcess, QUEUE, startDaemonProcess } from '../helpers/daemon.ts';
import { runProgram } from '../helpers/programs.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { connectHttp, login } from '../switch/helpers.ts';
import { ctl, startSwitchProcess } from './helpers.ts';

const levelOf = (t: TestContext, { switchSocket }: DaemonProcess, ...words: string[]) =>
  ctl(t, ['log', 'level', ...words, '--path', switchSocket]);

test('a switch alone shows its levels, and changes one until a time that it says', async (t) => {
  const daemon = await startSwitchProcess(t);
  const shown = await levelOf(t, daemon);
  assert.deepEqual([shown.status, shown.stderr], [0, '']);
  assert.match(shown.stdout, /^SUBSYSTEM +LEVEL\ndaemon +info\nswitch +info\n/);
  const changed = await levelOf(t, daemon, 'switch=debug', '--for', '10m');
  assert.deepEqual([changed.status, changed.stderr], [0, '']);
  const [, until] = /^switch +debug +until (\S+), then info$/m.exec(changed.stdout) ?? [];
  const { pid, by } = await daemon.logged(({ about }) => about === 'switch');
  assert.equal(pid, undefined);
  assert.match(String(by), new RegExp(`^the user ${process.getuid?.()} \\(pid [0-9]+\\)$`));
  await login(t, daemon.switchSocket, 'me');
  const line = await daemon.logged(({ session }) => session === 'me');
  assert.deepEqual([line.level, line.subsystem, line.outcome], ['debug', 'switch', 'ok']);
  const [, listed] = JSON.parse((await levelOf(t, daemon, '--json')).stdout);
  assert.deepEqual(listed, { subsystem: 'switch', level: 'debug', configured: 'info', until });
  assert.match((await levelOf(t, daemon, '--reset')).stdout, /^switch +info$/m);
});

test('a level ends by itself', async (t) => {
  const daemon = await startSwitchProcess(t);
  await levelOf(t, daemon, 'debug', '--for', '1ms');
  await daemon.logged(
    ({ msg }) => msg === 'the log level of monitoring is info, and was debug: its time is over',
  );
});

test('no request is logged at the usual level', async (t) => {
  const daemon = await startSwitchProcess(t);
  await login(t, daemon.switchSocket, 'me');
  await levelOf(t, daemon, 'switch=warn');
  await daemon.logged(({ about }) => about === 'switch');
  assert.ok(daemon.log.every(({ session }) => session === undefined));
});

for (const [words, complaint] of [
  [['loud'], /expected a level \(trace, .*\), or subsystem=level with one of daemon, /],
  [['xenstore=loud'], /expected a level/],
  [['store=debug'], /expected a level/],
  [['xenstore'], /^datapathctl: xenstore: expected a level, as in xenstore=debug, or --reset/],
  [['debug', '--for', 'ever'], /expected a duration such as 30s, 10m or 1h/],
  [['--for', '10m'], /^datapathctl: --for: expected a level/],
  [['debug', '--reset'], /^datapathctl: --reset: expected neither a level nor --for/],
  [['debug', '--for', '500h'], /seconds: expected a number above 0, at most 604800 \(7 days\), got 1800000/],
] as const) {
  test(`datapathctl log level ${words.join(' ')} is refused`, async (t) => {
    const { status, stderr } = await levelOf(t, await startSwitchProcess(t), ...words);
    assert.notEqual(status, 0);
    assert.match(stderr, complaint);
  });
}

test('through the datapath queue a daemon is asked that serves on another switch', async (t) => {
  const host = await startSwitchProcess(t);
  const joined = await startDaemonProcess(t, {
    flags: ['--switch.mode=join', `--switch.path=${host.switchSocket}`],
  });
  await joined.logged(({ msg }) => msg.includes('is served on the switch'));
  const changed = await levelOf(t, host, 'rpc=debug', '--queue', QUEUE);
  assert.deepEqual([changed.status, changed.stderr], [0, '']);
  assert.match(changed.stdout, /^rpc +debug +until a restart or a reload, then info$/m);
  const { by } = await joined.logged(({ about }) => about === 'rpc');
  assert.equal(by, `a caller of ${QUEUE} (datapathctl)`);
  assert.match((await levelOf(t, host)).stdout, /^rpc +info$/m);
});

test('every socket that speaks HTTP shows the levels, and a queue takes no change by HTTP', async (t) => {
  const daemon = await startDaemonProcess(t);
  const client = await connectHttp(t, daemon.socket);
  assert.equal(JSON.parse(await client.text('GET', '/log')).length, 9);
  const change = '{"subsystem":"rpc","level":"debug"}';
  const { body } = await client.ask('POST', '/log', change);
  assert.match(body.toString(), /Internal_error/);
  assert.doesNotMatch(await (await connectHttp(t, daemon.socket)).text('GET', '/log'), /debug/);
});

for (const body of ['', '[]', '{"level":1}', '{"subsystem":"rpc","level":"debug","seconds":"1"}']) {
  test(`a change that is posted as ${body || 'nothing'} is refused with the reason`, async (t) => {
    const daemon = await startSwitchProcess(t);
    const answer = await (await connectHttp(t, daemon.switchSocket)).ask('POST', '/log', body);
    assert.equal(answer.status, 400);
    assert.match(answer.body.toString(), /^(no JSON|expected an object|level: expected|seconds: expected)/);
  });
}

test('who may observe sees the levels, and only who may configure changes them', async (t) => {
  const IS_ROOT = process.getuid?.() === 0;
  const directory = join(tempDirectory(t), 'run');
  mkdirSync(directory);
  for (const path of [directory, join(directory, '..')]) chmodSync(path, 0o755);
  // Only root has another user to be had: else the peer is the daemon's own user, who may do all.
  const other = IS_ROOT ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--'] : [];
  const statuses = async (allow: string): Promise<string[]> => {
    const daemon = await startSwitchProcess(
      t,
      ['--sockets.mode=0666', `--switch.policy=[{"uid":65534,"allow":["${allow}"]}]`],
      join(directory, allow),
    );
    chmodSync(join(directory, allow), 0o755);
    const ask = async (...words: string[]): Promise<string> => {
      const curl = ['curl', '-s', '--unix-socket', daemon.switchSocket, 'http://switch/log', ...words];
      const [program = '', ...rest] = [...other, ...curl, '-o', '/dev/null', '-w', '%{http_code}'];
      return (await runProgram(t, program, rest)).stdout;
    };
    return [await ask(), await ask('-d', '{"level":"debug"}')];
  };
  assert.deepEqual(await statuses('observe'), IS_ROOT ? ['200', '403'] : ['200', '200']);
  assert.deepEqual(await statuses('configure'), IS_ROOT ? ['403', '200'] : ['200', '200']);
});

test('connections, and what xenstore tells, have their lines at debug', async (t) => {
  const daemon = await startDaemonProcess(t, { flags: ['--log.levels=sockets=debug,xenstore=debug'] });
  await exchange(t, daemon.socket, '{"method":"Plugin.ls","params":[{"dbg":"me"}],"id":1}');
  const { uid, subsystem } = await daemon.logged(
    ({ socket, pid }) => socket === daemon.socket && pid === process.pid,
  );
  assert.deepEqual([uid, subsystem], [process.getuid?.(), 'sockets']);
  await daemon.logged(({ msg, path }) => msg === 'xenstore tells of a change' && path !== undefined);
  assert.ok(daemon.log.every(({ level, subsystem: part }) => level !== 'debug' || part !== 'rpc'));
});
