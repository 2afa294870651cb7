import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isStruct } from '../../src/wire/value.ts';
import { PYTHON } from '../helpers/plugins.ts';
import { runProgram } from '../helpers/programs.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { errorOf, good, goodStruct, SR_UUID, scriptsOf, textOf, VOLUME_PLUGIN } from './helpers.ts';
import { createVolume, prepareSr } from './sr.ts';

/** SRs of the plugin for raw files, and what may not lead out of them. */

const FOREIGN_KEY = '00000000-0000-4000-8000-00000000000f';

test('an SR tells its properties, and takes others', async (t) => {
  const { run, sr, path } = await prepareSr(t);
  await good(run('SR.set_name', { sr, new_name: 'ä' }));
  await good(run('SR.set_description', { sr, new_description: 'e' }));
  const { free_space, total_space, ...told } = await goodStruct(run('SR.stat', { sr }));
  assert.ok(Number(total_space) >= Number(free_space) && Number(free_space) > 0);
  assert.deepEqual(told, {
    ...{ sr: path, uuid: SR_UUID, name: 'ä', description: 'e' },
    ...{ datasources: [], clustered: false, health: ['Healthy', ''] },
  });
});

test('an SR is created once, and again only as itself', async (t) => {
  const { run, path } = await prepareSr(t);
  const told = { configuration: { path }, name: 'other', description: '' };
  assert.deepEqual(await good(run('SR.create', { uuid: SR_UUID, ...told })), { path });
  assert.equal((await goodStruct(run('SR.stat', { sr: path }))).name, 'n');
  assert.deepEqual(await errorOf(run('SR.create', { uuid: FOREIGN_KEY, ...told })), [
    'SR_EXISTS',
    path,
    SR_UUID,
  ]);
});

test('an SR that is destroyed leaves the files that are not its own', async (t) => {
  const { run, sr, path } = await prepareSr(t);
  await createVolume(run, sr);
  for (const place of ['notes', '.new-mine', `${FOREIGN_KEY}.raw`]) writeFileSync(join(path, place), '');
  await good(run('SR.destroy', { sr }));
  assert.deepEqual(readdirSync(path).sort(), [`${FOREIGN_KEY}.raw`, '.new-mine', 'notes'].sort());
  assert.deepEqual(await errorOf(run('SR.attach', { configuration: { path } })), ['SR_does_not_exist', path]);
});

test('a directory that could be an SR is found, and SRs in it', async (t) => {
  const { run, path } = await prepareSr(t);
  const parent = join(path, '..');
  mkdirSync(join(parent, 'another'));
  const found = await good(run('SR.probe', { configuration: { path: parent } }));
  assert.ok(Array.isArray(found));
  assert.deepEqual(
    found.map(
      (each) => isStruct(each) && [each.configuration, each.complete, isStruct(each.sr) && each.sr.uuid],
    ),
    [
      [{ path: parent }, true, false],
      [{ path }, true, SR_UUID],
    ],
  );
});

test('an SR that is damaged hides no other in the same directory', async (t) => {
  const { run, path } = await prepareSr(t);
  const [parent, damaged] = [join(path, '..'), join(path, '../damaged')];
  mkdirSync(damaged);
  writeFileSync(join(damaged, 'sr.json'), '{');
  const { value, stderr } = await run('SR.probe', { configuration: { path: parent } });
  assert.ok(Array.isArray(value));
  assert.deepEqual(
    value.map((each) => isStruct(each) && each.configuration),
    [{ path: parent }, { path }],
  );
  assert.match(stderr, /an SR is left out: .*SR_DAMAGED.*damaged/);
  const [code] = await errorOf(run('SR.probe', { configuration: { path: damaged } }));
  assert.equal(code, 'SR_DAMAGED');
});

test('detaching what is not attached succeeds', async (t) => {
  const run = scriptsOf(t, VOLUME_PLUGIN);
  assert.equal(await good(run('SR.detach', { sr: '/nowhere' })), null);
});

const NO_CONFIGURATIONS = [
  { configuration: {}, reason: 'path: expected a text, and it is missing' },
  { configuration: { path: 'here' }, reason: "configuration.path: expected an absolute path, got 'here'" },
  {
    configuration: { path: '/a\0b' },
    reason: "configuration.path: expected an absolute path, got '/a\\x00b'",
  },
  { configuration: { path: '/nowhere/at/all' }, reason: 'configuration.path: /nowhere/at is not there' },
];
for (const { configuration, reason } of NO_CONFIGURATIONS) {
  test(`the configuration ${JSON.stringify(configuration)} is refused`, async (t) => {
    const run = scriptsOf(t, VOLUME_PLUGIN);
    const params = { uuid: SR_UUID, configuration, name: '', description: '' };
    assert.deepEqual(await errorOf(run('SR.create', params)), ['INVALID_ARGUMENT', reason]);
  });
}

const NO_HANDLES: Readonly<Record<string, (path: string) => string>> = {
  'a link to an SR': (path) => {
    symlinkSync(path, `${path}-link`);
    return `${path}-link`;
  },
  'a directory that is no SR': (path) => {
    mkdirSync(`${path}-none`);
    return `${path}-none`;
  },
  'a path with dots': (path) => join(path, 'x').replace(/x$/, '../sr'),
  'a path with a slash at its end': (path) => `${path}/`,
  'a file': (path) => join(path, 'sr.json'),
  'a path that is not absolute': () => 'sr',
  'no text at all': () => '',
  'a text with a zero byte': (path) => `${path}\0`,
};
for (const [what, handleOf] of Object.entries(NO_HANDLES)) {
  test(`${what} is no handle`, async (t) => {
    const { run, path } = await prepareSr(t);
    const sr = handleOf(path);
    for (const method of ['SR.ls', 'SR.stat', 'SR.destroy', 'Volume.create']) {
      const params = { sr, name: '', description: '', size: 1, sharable: false };
      assert.deepEqual(await errorOf(run(method, params)), ['Sr_not_attached', sr]);
    }
    if (what === 'a directory that is no SR') assert.deepEqual(readdirSync(sr), []);
  });
}

const METHODS_OF_KEYS = ['Volume.stat', 'Volume.destroy', 'Volume.set_name', 'Volume.clone'];

for (const key of [
  '..',
  '.',
  '',
  '../other',
  '/etc',
  `.new-${FOREIGN_KEY}`,
  FOREIGN_KEY.toUpperCase(),
  `${FOREIGN_KEY}\n`,
]) {
  test(`${JSON.stringify(key)} is no key`, async (t) => {
    const { run, sr } = await prepareSr(t);
    for (const method of METHODS_OF_KEYS) {
      assert.deepEqual(await errorOf(run(method, { sr, key, new_name: 'x' })), [
        'Volume_does_not_exist',
        key,
      ]);
    }
  });
}

test('a path that leads to a volume is no key', async (t) => {
  const { run, sr } = await prepareSr(t);
  const own = textOf((await createVolume(run, sr)).key);
  for (const key of [`${own}/`, `${own}/../${own}`, `./${own}`]) {
    assert.deepEqual(await errorOf(run('Volume.stat', { sr, key })), ['Volume_does_not_exist', key]);
  }
});

/** A volume outside of the SR. */
function outside(t: TestContext): string {
  const path = join(tempDirectory(t), FOREIGN_KEY);
  mkdirSync(path);
  writeFileSync(join(path, 'data.raw'), 'theirs');
  writeFileSync(
    join(path, 'volume.json'),
    '{"version":1,"name":"","description":"","sharable":false,"keys":{}}',
  );
  return path;
}

test('a link in an SR is no volume', async (t) => {
  const { run, sr, path } = await prepareSr(t);
  const theirs = outside(t);
  symlinkSync(theirs, join(path, FOREIGN_KEY));
  assert.deepEqual(await good(run('SR.ls', { sr })), []);
  for (const method of METHODS_OF_KEYS) {
    const params = { sr, key: FOREIGN_KEY, new_name: 'x' };
    assert.deepEqual(await errorOf(run(method, params)), ['Volume_does_not_exist', FOREIGN_KEY]);
  }
  await good(run('SR.attach', { configuration: { path } }));
  assert.deepEqual(readdirSync(theirs).sort(), ['data.raw', 'volume.json']);
});

test('a link in the place of data is not followed', async (t) => {
  const { run, sr, path, data } = await prepareSr(t);
  const theirs = join(outside(t), 'data.raw');
  const key = textOf((await createVolume(run, sr)).key);
  rmSync(data(key));
  symlinkSync(theirs, data(key));
  for (const method of ['Volume.stat', 'Volume.clone', 'Volume.resize', 'Volume.destroy']) {
    const [code] = await errorOf(run(method, { sr, key, new_size: 8192 }));
    assert.equal(code, 'VOLUME_DAMAGED', method);
  }
  assert.deepEqual(await good(run('SR.ls', { sr })), []);
  assert.equal(readFileSync(theirs, 'utf8'), 'theirs');
  assert.deepEqual(
    readdirSync(path).filter((name) => name.startsWith('.new')),
    [],
  );
});

test('what was left half made is never listed, and removed when the SR is attached', async (t) => {
  const { run, sr, path, data } = await prepareSr(t);
  const key = textOf((await createVolume(run, sr)).key);
  for (const name of ['.new-', '.gone-']) {
    mkdirSync(join(path, name + FOREIGN_KEY));
    writeFileSync(join(path, name + FOREIGN_KEY, 'volume.json'), '{"na');
  }
  writeFileSync(join(data(key), '../.volume.json.new'), '{"na');
  writeFileSync(join(data(key), '../.data.raw.new'), 'half');
  writeFileSync(join(path, '.sr.json.new'), '{');
  const listed = await good(run('SR.ls', { sr }));
  assert.ok(Array.isArray(listed));
  assert.equal(listed.length, 1);
  await good(run('SR.attach', { configuration: { path } }));
  assert.deepEqual(readdirSync(path).sort(), ['.lock', '.sr.lock', key, 'sr.json']);
  assert.deepEqual(readdirSync(join(path, key)), ['data.raw', 'volume.json']);
});

test('nothing is cleared up while a volume is being made', async (t) => {
  const { run, path } = await prepareSr(t);
  mkdirSync(join(path, `.new-${FOREIGN_KEY}`));
  const maker = await runProgram(
    t,
    'flock',
    [...['--shared', join(path, '.lock')], ...[join(VOLUME_PLUGIN, 'SR.attach'), '--json']],
    { input: JSON.stringify({ configuration: { path } }) },
  );
  assert.equal(maker.status, 0, maker.stderr);
  assert.ok(existsSync(join(path, `.new-${FOREIGN_KEY}`)));
  await good(run('SR.attach', { configuration: { path } }));
  assert.ok(!existsSync(join(path, `.new-${FOREIGN_KEY}`)));
});

for (const damage of ['', '{"na', '[]', '{"name":5,"description":"","sharable":false,"keys":{}}']) {
  test(`a volume whose metadata are ${damage || 'empty'} is listed to be read, and hides no other`, async (t) => {
    const { run, sr, data } = await prepareSr(t);
    const [key, other] = [await createVolume(run, sr), await createVolume(run, sr)].map(({ key }) =>
      textOf(key),
    );
    writeFileSync(join(data(key ?? ''), '../volume.json'), damage);
    const listed = await good(run('SR.ls', { sr }));
    assert.ok(Array.isArray(listed));
    const told = listed.map(
      (each) => isStruct(each) && [each.key, each.name, each.read_write, each.virtual_size],
    );
    const expected = [
      [key, key, false, 4096],
      [other, 'n', true, 4096],
    ];
    assert.deepEqual(told.sort(), expected.sort());
    const [code, ...params] = await errorOf(run('Volume.set', { sr, key: key ?? '', k: 'a', v: 'b' }));
    assert.deepEqual([code, params[0]], ['VOLUME_DAMAGED', key]);
  });
}

for (const [what, make] of [
  ['a link', (path: string) => symlinkSync('/dev/null', path)],
  ['a directory', (path: string) => mkdirSync(path)],
] as const) {
  test(`a volume whose metadata are ${what} hides no other`, async (t) => {
    const { run, sr, data } = await prepareSr(t);
    const [key, other] = [await createVolume(run, sr), await createVolume(run, sr)].map(({ key }) =>
      textOf(key),
    );
    const path = join(data(key ?? ''), '../volume.json');
    rmSync(path);
    make(path);
    const listed = await good(run('SR.ls', { sr }));
    assert.ok(Array.isArray(listed));
    const told = listed.map((each) => isStruct(each) && [each.key, each.name]);
    assert.deepEqual(
      told.sort(),
      [
        [key, key],
        [other, 'n'],
      ].sort(),
    );
  });
}

test('a volume whose data are gone is left out', async (t) => {
  const { run, sr, data } = await prepareSr(t);
  const key = textOf((await createVolume(run, sr)).key);
  renameSync(data(key), `${data(key)}.elsewhere`);
  const { value, stderr } = await run('SR.ls', { sr });
  assert.deepEqual(value, []);
  assert.match(stderr, /a volume is left out: .*VOLUME_DAMAGED.*data are not there/);
});

test('what a domain uses is neither destroyed nor reverted', async (t) => {
  const { run, sr, data } = await prepareSr(t);
  const key = textOf((await createVolume(run, sr)).key);
  const snapshot = textOf((await goodStruct(run('Volume.snapshot', { sr, key }))).key);
  const whileServed = async (method: string) => {
    const words = ['--shared', data(key), join(VOLUME_PLUGIN, method), '--json'];
    const { stdout } = await runProgram(t, 'flock', words, { input: JSON.stringify({ sr, key, snapshot }) });
    return JSON.parse(stdout);
  };
  for (const method of ['Volume.destroy', 'Volume.revert', 'SR.destroy']) {
    const { code, params } = await whileServed(method);
    assert.deepEqual([code, params], ['VOLUME_IN_USE', [key, 'detach it from its domain first']], method);
  }
  for (const method of ['Volume.revert', 'SR.destroy']) await good(run(method, { sr, key, snapshot }));
});

test('without shared blocks a disk that a domain uses is not copied, as it may change meanwhile', async (t) => {
  const { run, sr, data, path } = await prepareSr(t);
  const key = textOf((await createVolume(run, sr)).key);
  const script = `
import errno, sys; sys.path.insert(0, ${JSON.stringify(VOLUME_PLUGIN)}); sys.dont_write_bytecode = True
import content, volume
def ioctl(*_): raise OSError(errno.EOPNOTSUPP, 'not here')
content.fcntl.ioctl = ioctl
try: print(volume.snapshot({'sr': ${JSON.stringify(sr)}, 'key': ${JSON.stringify(key)}})['name'])
except volume.Failure as failure: print(failure.code)`;
  const snapshot = (...words: string[]) =>
    runProgram(t, 'flock', ['--shared', ...words, PYTHON, '-c', script]);
  assert.equal((await snapshot(data(key))).stdout, 'VOLUME_IN_USE\n');
  assert.deepEqual(
    readdirSync(path).filter((name) => name.startsWith('.new')),
    [],
  );
  assert.equal((await snapshot(join(path, 'sr.json'))).stdout, 'n\n');
});
