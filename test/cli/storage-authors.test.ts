import assert from 'node:assert/strict';
import { lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Language, writeSkeleton } from '../../src/cli/plugin/skeleton.ts';
import { readJson, VOLUME } from '../helpers/plugins.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { ctl } from './helpers.ts';
import { replace, replaceInProgram, skeleton, structsOf } from './storage-helpers.ts';

const scratch = ['--device-config', 'directory={scratch}/sr'];

for (const language of ['python', 'sh'] satisfies Language[]) {
  test(`a new volume plugin in ${language} passes lint and test`, async (t) => {
    const root = tempDirectory(t);
    const made = await ctl(t, [
      'plugin',
      'new',
      'volume',
      VOLUME,
      '--language',
      language,
      '--directory',
      root,
    ]);
    const directory = join(root, 'volume', VOLUME);
    assert.equal(made.stdout, `${directory} is written: datapathctl plugin lint ${directory} looks at it\n`);
    const linted = await ctl(t, ['plugin', 'lint', directory]);
    assert.equal(linted.stderr, '');
    assert.match(
      linted.stdout,
      new RegExp(`^volume plugin ${VOLUME}: 19 scripts, version 0\\.1, asked in .*\n$`),
    );
    const tested = await ctl(t, ['plugin', 'test', directory, ...scratch]);
    assert.deepEqual([tested.status, tested.stderr], [0, '']);
    const lines = tested.stdout.trim().split('\n');
    assert.match(lines[0] ?? '', /^ok {7}SR\.create +[0-9.]+ m?s$/);
    assert.match(lines[1] ?? '', /^skipped {2}SR\.probe +0\.0 ms {2}there is no such script$/);
    assert.match(lines.at(-1) ?? '', /^31 calls made, none failed, 1 skipped$/);
  });

  test(`a new datapath plugin in ${language} passes lint and test`, async (t) => {
    const root = tempDirectory(t);
    const words = ['plugin', 'new', 'datapath', 'mine', '--language', language, '--directory', root];
    const directory = join(root, 'datapath/mine');
    assert.deepEqual(JSON.parse((await ctl(t, [...words, '--json'])).stdout), {
      ...{ kind: 'datapath', name: 'mine', directory },
    });
    const linted = await ctl(t, ['plugin', 'lint', directory, '--json']);
    const [found] = structsOf([readJson(linted.stdout)]);
    assert.deepEqual([found?.kind, found?.name, found?.problems], ['datapath', 'mine', []]);
    const disk = join(root, 'disk');
    writeFileSync(disk, '');
    const tested = await ctl(t, ['plugin', 'test', directory, '--uri', `mine://${disk}`, '--json']);
    assert.deepEqual([tested.status, tested.stderr], [0, '']);
    const [result] = structsOf([readJson(tested.stdout)]);
    assert.deepEqual([result?.plugin, result?.failed, result?.skipped], ['mine', 0, 0]);
    const twice = ['attach', 'activate', 'deactivate', 'detach'].flatMap((step) => [step, step]);
    assert.deepEqual(
      structsOf(result?.calls ?? null).map(({ method, outcome }) => [method, outcome]),
      ['open', ...twice, 'close'].map((step) => [`Datapath.${step}`, 'ok']),
    );
  });
}

test('the volume plugin that comes with the daemon passes lint and test', async (t) => {
  const directory = join(import.meta.dirname, '../../src/plugins/volume/org.xen.xapi.storage.rawfiles');
  const linted = await ctl(t, ['plugin', 'lint', directory, '--json']);
  assert.deepEqual(structsOf([readJson(linted.stdout)])[0]?.problems, []);
  const tested = await ctl(t, ['plugin', 'test', directory, '--device-config', 'path={scratch}/sr']);
  assert.deepEqual([tested.status, tested.stderr], [0, ''], tested.stdout);
});

test('test tells what is wrong with an answer, and removes what it has made', async (t) => {
  const directory = skeleton(t);
  const sr = join(tempDirectory(t), 'sr');
  replace(directory, 'Volume.set', '#!/bin/sh\necho null\n');
  replace(directory, 'Volume.clone', '#!/bin/sh\necho "no clones" >&2\nexit 5\n');
  replace(directory, 'SR.set_name', '#!/bin/sh\necho 7\n');
  const { status, stdout, stderr } = await ctl(t, [
    'plugin',
    'test',
    directory,
    '--device-config',
    `directory=${sr}`,
  ]);
  assert.equal(status, 1);
  assert.match(stderr, /^datapathctl: 3 of \d+ calls failed\n$/);
  assert.match(
    stdout,
    /^failed {3}SR\.set_name .* an answer of another type: result: expected null, got number 7$/m,
  );
  assert.match(
    stdout,
    /^failed {3}Volume\.stat .* keys\.test: expected "a \\"text\\" with Ünicode", got nothing$/m,
  );
  assert.match(stdout, /^failed {3}Volume\.clone .* exit 5 after .*; its last words: no clones$/m);
  assert.deepEqual(readdirSync(sr), []);
});

test('test goes no further than it can, and removes what it has made', async (t) => {
  const directory = skeleton(t);
  const sr = join(tempDirectory(t), 'sr');
  replace(directory, 'Volume.stat', '#!/bin/sh\nexit 1\n');
  const ran = await ctl(t, ['plugin', 'test', directory, '--device-config', `directory=${sr}`, '--json']);
  assert.equal(ran.status, 1);
  const [result] = structsOf([readJson(ran.stdout)]);
  assert.deepEqual(
    structsOf(result?.calls ?? null)
      .slice(-4)
      .map(({ method, outcome }) => [method, outcome]),
    [
      ['Volume.create', 'ok'],
      ['Volume.stat', 'failed'],
      ['Volume.destroy', 'ok'],
      ['SR.destroy', 'ok'],
    ],
  );
  assert.deepEqual(readdirSync(sr), []);
});

test('what test has recorded is replayed, and what comes out otherwise is told', async (t) => {
  const directory = skeleton(t);
  const file = join(tempDirectory(t), 'calls.jsonl');
  const tested = await ctl(t, ['plugin', 'test', directory, ...scratch, '--record', file]);
  assert.equal(tested.status, 0);
  assert.match(readFileSync(file, 'utf8'), /"configuration":\{"directory":"\{scratch\}\/sr"\}/);
  assert.equal(lstatSync(file).mode & 0o777, 0o600);
  const same = await ctl(t, ['plugin', 'replay', file, directory]);
  assert.equal(same.status, 0, same.stdout);
  assert.match(same.stdout, /^31 calls made, none came out otherwise$/m);

  replaceInProgram(directory, `"physical_utilisation":%s`, `"physical_utilisation":1%s`);
  replace(directory, 'Volume.clone', '#!/bin/sh\necho \'{"code":"No_clones","params":[]}\'\nexit 1\n');
  const { status, stdout } = await ctl(t, ['plugin', 'replay', file, directory, '--json']);
  assert.equal(status, 1);
  const calls = structsOf(structsOf([readJson(stdout)])[0]?.calls ?? null);
  const created = calls.find(({ method }) => method === 'Volume.create');
  assert.equal(created?.outcome, 'differs');
  assert.match(`${created?.differences}`, /^physical_utilisation: 0, now 10$/);
  const cloned = calls.find(({ method }) => method === 'Volume.clone');
  assert.deepEqual([cloned?.outcome, cloned?.differences], ['failed', ['then an answer, now No_clones']]);
});

test('with --strict every other answer is a failure', async (t) => {
  const directory = skeleton(t);
  const file = join(tempDirectory(t), 'calls.jsonl');
  const call = { method: 'SR.detach', params: { sr: 'x' }, outcome: 'result', answer: 7, milliseconds: 1 };
  writeFileSync(file, `${JSON.stringify(call)}\n`);
  const loose = await ctl(t, ['plugin', 'replay', file, directory]);
  assert.equal(loose.status, 0);
  assert.match(loose.stdout, /^differs {2}SR\.detach .*\n +the answer: 7, now null\n/);
  const strict = await ctl(t, ['plugin', 'replay', file, directory, '--strict']);
  assert.equal(strict.status, 1);
  assert.equal(strict.stderr, 'datapathctl: 1 of 1 call came out otherwise\n');
});

test('what the scripts write on their standard error is shown with --verbose', async (t) => {
  const directory = skeleton(t);
  replace(directory, 'SR.detach', '#!/bin/sh\necho "detaching now" >&2\necho null\n');
  const words = ['plugin', 'test', directory, ...scratch];
  assert.equal((await ctl(t, words)).stderr, '');
  assert.match((await ctl(t, [...words, '--verbose'])).stderr, /^datapathctl: detaching now$/m);
});

test('a script that takes too long is ended, and has failed', async (t) => {
  const directory = skeleton(t);
  replace(directory, 'SR.attach', '#!/bin/sh\nexec sleep 600\n');
  // The limit is for the scripts before it, too, which are to end within it on any machine.
  const { status, stdout } = await ctl(t, ['plugin', 'test', directory, ...scratch, '--timeout', '10']);
  assert.equal(status, 1);
  assert.match(stdout, /^failed {3}SR\.attach .* timed out after 10 s/m);
});

test('what can not be tried or written is said in one line', async (t) => {
  const directory = skeleton(t);
  const datapath = writeSkeleton('datapath', 'mine', 'sh', tempDirectory(t));
  const empty = join(tempDirectory(t), 'volume/empty');
  mkdirSync(empty, { recursive: true });
  const file = join(tempDirectory(t), 'calls.jsonl');
  writeFileSync(file, '\n{"method":"SR.ls"}\n');
  const there = join(directory, '../..');
  const cases: [string[], number, RegExp][] = [
    [
      ['lint', '/nowhere/volume/x'],
      1,
      /\/nowhere\/volume\/x is no directory: name the directory of a plugin/,
    ],
    [
      ['test', directory],
      2,
      /give --device-config key=value for what the plugin asks for: directory \(the directory that holds the volumes\)/,
    ],
    [['test', datapath], 2, /a datapath plugin is tried with a disk: give --uri mine:\.\.\./],
    [
      ['test', empty],
      1,
      /the plugin can't be used: there is no executable Plugin\.Query; datapathctl plugin lint tells more/,
    ],
    [['test', directory, '--device-config', 'x'], 2, /expected key=value/],
    [
      ['test', directory, ...scratch, '--record', file],
      1,
      /calls\.jsonl is there already: name another file/,
    ],
    [['new', 'volume', VOLUME, '--directory', there], 1, /is there already: choose another name/],
    [
      ['new', 'datapath', 'Upper', '--directory', there],
      2,
      /name: expected a URI scheme: lower case letters/,
    ],
    [['new', 'nonsense', 'x'], 2, /expected volume or datapath/],
    [['new', 'volume', 'x', '--language', 'cobol'], 2, /expected python or sh/],
    [['replay', '/nowhere/calls', directory], 1, /ENOENT.*\/nowhere\/calls/],
    [
      ['replay', file, directory],
      1,
      /calls\.jsonl:2: expected params to be an object, as plugin record writes it/,
    ],
  ];
  for (const [words, status, expected] of cases) {
    const ran = await ctl(t, ['plugin', ...words]);
    assert.equal(ran.status, status, words.join(' '));
    assert.match(ran.stderr, expected);
    assert.equal(ran.stderr.trim().split('\n').length, 1);
  }
});
