import assert from 'node:assert/strict';
import { chmodSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fails, readJson, SR, VOLUME, writeProgram } from '../helpers/plugins.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { ctl, endOf, startCtl } from './helpers.ts';
import { startProxy } from './proxy.ts';
import { DISK, SCHEME, startAnswering, startWithSkeletons, structsOf } from './storage-helpers.ts';

test('plugin list and plugin show tell what the daemon has found and uses', async (t) => {
  const { run, json, root } = await startWithSkeletons(t);
  const lines = (await run('plugin', 'list')).stdout.split('\n');
  assert.match(lines[0] ?? '', /^KIND +NAME +STATE +VERSION +RUNNING +WAITING +NOTES$/);
  assert.match(lines[1] ?? '', new RegExp(`^volume +${VOLUME} +registered +0\\.1 +0 +0$`));
  assert.match(lines[2] ?? '', /^datapath +raw\+file +registered +0\.1 +0 +0$/);

  const [plugin, second] = structsOf((await json('plugin', 'show', VOLUME)).value);
  assert.equal(second, undefined);
  const { methods, features, since, ...rest } = plugin ?? {};
  assert.deepEqual(rest, {
    ...{ kind: 'volume', name: VOLUME, directory: join(root, 'volume', VOLUME), state: 'registered' },
    ...{ version: '0.1', required_api_version: '5.0', description: 'Volumes are files in a directory' },
    configuration: { directory: 'the directory that holds the volumes' },
    ...{ warnings: [], running: 0, waiting: 0, workers: 0 },
  });
  assert.ok(Array.isArray(methods) && methods.includes('sr.attach'));
  assert.ok(Array.isArray(features) && features.includes('VDI_CLONE'));
  assert.match(`${since}`, /^\d{4}-.*Z$/);
  const shown = (await run('plugin', 'show', VOLUME)).stdout;
  assert.match(shown, /^API version: +5\.0$/m);
  assert.match(shown, /^device_config:\n {2}directory: the directory that holds the volumes\n$/m);
});

test('plugin list tells why a plugin is refused, and that the one from before is kept', async (t) => {
  const { daemon, run, json, root } = await startWithSkeletons(t);
  writeProgram(join(root, 'datapath/raw+file/main.sh'), '#!/bin/sh\necho no >&2\nexit 3\n');
  chmodSync(join(root, 'volume', VOLUME), 0o777);
  const refused = (name: string) =>
    daemon.logged(({ msg }) => msg.startsWith(`the plugin ${name} is refused`));
  await Promise.all([refused('raw+file'), refused(VOLUME)]);
  const plugins = structsOf((await json('plugin', 'list')).value);
  assert.deepEqual(
    plugins.map(({ name, state }) => [name, state]),
    [
      [VOLUME, 'refused'],
      ['raw+file', 'kept'],
    ],
  );
  const { stdout } = await run('plugin', 'list');
  assert.match(
    stdout,
    new RegExp(`^volume +${VOLUME} +refused .* can be written by everybody \\(mode 0777\\)$`, 'm'),
  );
  assert.match(stdout, /^datapath +raw\+file +kept .*Plugin\.Query: exit 3 .*\(no\)$/m);
});

test('plugin call gives params to the script and prints its answer, with every digit', async (t) => {
  const { run, json, plugins } = await startAnswering(t, () => undefined);
  const big = '9007199254740993';
  const words = ['plugin', 'call', VOLUME, 'Volume.resize', 'sr=a=b', 'key=k', `new_size:=${big}`];
  assert.deepEqual(await run(...words), { status: 0, stdout: 'null\n', stderr: '' });
  const made = plugins.calls.at(-1);
  assert.equal(made?.method, 'Volume.resize');
  assert.match(made?.stdin ?? '', new RegExp(`"sr":"a=b".*"new_size":${big}[,}]`));

  const { value } = await json('plugin', 'call', VOLUME, 'SR.ls', '{"sr":"handle"}');
  const { milliseconds, ...called } = structsOf([value])[0] ?? {};
  assert.deepEqual(called, { plugin: VOLUME, method: 'SR.ls', result: [DISK] });
  assert.equal(typeof milliseconds, 'number');
  assert.match(
    (await run('plugin', 'call', VOLUME, 'SR.ls', 'sr=handle')).stdout,
    /^\[\n {2}\{\n {4}"key": "disk",$/m,
  );
});

test('plugin call calls a datapath plugin through the datapath queue', async (t) => {
  const { json, made } = await startAnswering(t, () => undefined);
  const { value } = await json('plugin', 'call', SCHEME, 'Datapath.attach', `uri=${SCHEME}://x`, 'domain=5');
  const [called] = structsOf([value]);
  assert.deepEqual(called?.result, { implementations: [['File', { path: '/disk' }]] });
  assert.deepEqual(made(), ['Datapath.attach']);
});

test('plugin call tells an error of the script in one line, and of another failure its last words', async (t) => {
  const { run, json } = await startAnswering(t, ({ method }) => {
    if (method === 'SR.ls') return fails('SR_is_odd', 'very', 'odd');
    return method === 'Volume.stat' ? { print: 'no JSON', exit: 3 } : undefined;
  });
  const failed = await run('plugin', 'call', VOLUME, 'SR.ls', 'sr=h');
  assert.deepEqual(failed, {
    status: 1,
    stdout: '',
    stderr: `datapathctl: ${VOLUME} SR.ls: SR_is_odd: very: odd\n`,
  });
  const { ran, value } = await json('plugin', 'call', VOLUME, 'SR.ls', 'sr=h');
  assert.equal(ran.status, 1);
  const [called] = structsOf([value]);
  assert.ok(Array.isArray(called?.error) && called.error[0] === 'Backend_error_with_backtrace');
  const broken = await run('plugin', 'call', VOLUME, 'Volume.stat', 'sr=h', 'key=k');
  assert.equal(broken.status, 1);
  assert.match(
    broken.stderr,
    new RegExp(`^datapathctl: ${VOLUME} Volume\\.stat: ${VOLUME} Volume\\.stat: exit 3 after .*\n$`),
  );
});

test('plugin record keeps the calls that a daemon makes, which plugin replay makes again', async (t) => {
  const { daemon, call, directory, root } = await startWithSkeletons(t);
  const file = join(tempDirectory(t), 'calls.jsonl');
  const words = ['plugin', 'record', VOLUME, file, '--count', '4', '--path', daemon.switchSocket];
  const recording = startCtl(t, words);
  assert.match(await recording.complaint(), /^datapathctl: the calls of .* go to .*: Ctrl-C ends it$/);
  const device_config = { directory };
  await call('SR.create', { name_label: 'n', name_description: 'd', device_config, physical_size: 0 });
  await call('SR.attach', { device_config });
  await call('VDI.create', { vdi_info: { vdi: '', name_label: 'disk', virtual_size: 4096 } });
  await call('SR.stat');
  assert.equal(await recording.line(), `4 calls kept in ${file}`);
  assert.equal(await endOf(recording.child), 0);

  assert.equal(statSync(file).mode & 0o777, 0o600);
  const kept = structsOf(readFileSync(file, 'utf8').trim().split('\n').map(readJson));
  assert.deepEqual(
    kept.map(({ method, outcome }) => [method, outcome]),
    [
      ['SR.create', 'result'],
      ['SR.attach', 'result'],
      ['SR.stat', 'result'],
      ['Volume.create', 'result'],
    ],
  );
  assert.deepEqual(kept[0]?.params, {
    ...{ dbg: 'a test', uuid: SR, configuration: { directory }, name: 'n', description: 'd' },
  });
  const replayed = await ctl(t, ['plugin', 'replay', file, join(root, 'volume', VOLUME)]);
  assert.equal(replayed.status, 0, replayed.stderr);
  assert.match(replayed.stdout, /^same +Volume\.create +/m);
  assert.match(replayed.stdout, /^4 calls made, none came out otherwise$/m);
});

test('plugin record ends at Ctrl-C with what it has', async (t) => {
  const { daemon } = await startWithSkeletons(t);
  const file = join(tempDirectory(t), 'calls.jsonl');
  const recording = startCtl(t, ['plugin', 'record', VOLUME, file, '--json', '--path', daemon.switchSocket]);
  await recording.complaint();
  recording.child.kill('SIGINT');
  assert.deepEqual(JSON.parse(await recording.line()), {
    plugin: VOLUME,
    kind: 'volume',
    file,
    calls: 0,
    lost: 0,
  });
  assert.equal(await endOf(recording.child), 0);
});

test('plugin record keeps a call that ended before Ctrl-C, though the daemon was asked before it', async (t) => {
  const { daemon, run } = await startAnswering(t, () => undefined);
  const { path, hold } = await startProxy(t, daemon.switchSocket, 'passes');
  const file = join(tempDirectory(t), 'calls.jsonl');
  const recording = startCtl(t, ['plugin', 'record', VOLUME, file, '--path', path]);
  await recording.complaint();
  const letGo = await hold(/calls/);
  assert.equal((await run('plugin', 'call', VOLUME, 'SR.ls', 'sr=handle')).status, 0);
  recording.child.kill('SIGINT');
  letGo();
  assert.equal(await recording.line(), `1 call kept in ${file}`);
});

test('what can not be called is said in one line', async (t) => {
  const { run } = await startAnswering(t, () => undefined);
  const call = ['plugin', 'call'];
  const cases: [string[], number, RegExp][] = [
    [
      ['plugin', 'show', 'nope'],
      1,
      /^datapathctl: there is no plugin nope: datapathctl plugin list tells which there are\n$/,
    ],
    [[...call, 'nope', 'SR.ls'], 1, /there is no plugin nope/],
    [[...call, VOLUME, 'Datapath.attach'], 1, /is a volume plugin: Datapath\.attach can't be called on it/],
    [[...call, SCHEME, 'Plugin.Query'], 1, /is a datapath plugin: Plugin\.Query can't be called on it/],
    [
      [...call, SCHEME, 'Datapath.attach', 'uri=other:x'],
      2,
      /uri: expected one of the scheme raw, got one of other/,
    ],
    [
      [...call, VOLUME, 'SR.ls', 'nonsense'],
      2,
      /params: expected key=value, key:=JSON or a JSON object, got nonsense/,
    ],
    [[...call, VOLUME, 'SR.ls', 'sr:=nonsense'], 2, /params\.sr: expected JSON behind :=, got nonsense/],
    [[...call, VOLUME, 'SR.ls', '{"sr"'], 2, /params: expected a JSON object such as .*, got \{"sr"/],
    [[...call, VOLUME, 'SR.ls'], 1, /SMAPIv3\.SR\.ls: params\.sr: expected string, got nothing/],
    [['plugin', 'record', VOLUME, '/nowhere/file'], 1, /ENOENT.*\/nowhere\/file/],
  ];
  for (const [words, status, expected] of cases) {
    const ran = await run(...words);
    assert.equal(ran.status, status, words.join(' '));
    assert.match(ran.stderr, expected);
    assert.equal(ran.stderr.trim().split('\n').length, 1);
  }
});
