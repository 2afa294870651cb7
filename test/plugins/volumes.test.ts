import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Struct, Value } from '../../src/wire/value.ts';
import { PYTHON } from '../helpers/plugins.ts';
import { runProgram } from '../helpers/programs.ts';
import { tempDirectory } from '../helpers/temp.ts';
import {
  asNobody,
  errorOf,
  good,
  goodStruct,
  inSharedMemory,
  openDirectory,
  textOf,
  VOLUME_PLUGIN,
} from './helpers.ts';
import { createVolume, prepareSr } from './sr.ts';

/** The volumes of the plugin for raw files. */

const MIB = 1024 * 1024;

test('a volume is sparse, and has whole sectors', async (t) => {
  const { run, sr, data } = await prepareSr(t);
  const { key, virtual_size, physical_utilisation } = await createVolume(run, sr, { size: 1_000_000_001 });
  assert.equal(virtual_size, 1_000_000_512);
  assert.equal(statSync(data(textOf(key))).size, 1_000_000_512);
  assert.ok(Number(physical_utilisation) < MIB, 'nothing is written yet');
});

test('what is written counts as used', async (t) => {
  const { run, sr, data } = await prepareSr(t);
  const { key } = await createVolume(run, sr, { size: 4 * MIB });
  writeFileSync(data(textOf(key)), Buffer.alloc(MIB, 1), { flag: 'r+' });
  const { physical_utilisation } = await goodStruct(run('Volume.stat', { sr, key: textOf(key) }));
  assert.ok(Number(physical_utilisation) >= MIB);
});

test('sizes of 64 bits stay exact', async (t) => {
  const { run, sr } = await prepareSr(t, { within: inSharedMemory });
  const { key, virtual_size } = await createVolume(run, sr, { size: 4_611_686_018_427_387_905n });
  assert.equal(virtual_size, 4_611_686_018_427_388_416n);
  await good(run('Volume.resize', { sr, key: textOf(key), new_size: 9_223_372_036_854_775_296n }));
  const { virtual_size: now } = await goodStruct(run('Volume.stat', { sr, key: textOf(key) }));
  assert.equal(now, 9_223_372_036_854_775_296n);
  assert.deepEqual(
    await errorOf(run('Volume.resize', { sr, key: textOf(key), new_size: 9_223_372_036_854_775_807n })),
    ['INVALID_ARGUMENT', 'new_size: expected at most 9223372036854775296, got 9223372036854775807'],
  );
});

const NO_SIZES: readonly [Value, string][] = [
  [-1, 'size: expected no negative size, got -1'],
  ['5', 'size: expected an integer, got "5"'],
  [1.5, 'size: expected an integer, got 1.5'],
  [true, 'size: expected an integer of 64 bits, got True'],
];
for (const [size, reason] of NO_SIZES) {
  test(`${JSON.stringify(size)} is no size`, async (t) => {
    const { run, sr, path } = await prepareSr(t);
    const params = { sr, name: '', description: '', size, sharable: false };
    assert.deepEqual(await errorOf(run('Volume.create', params)), ['INVALID_ARGUMENT', reason]);
    assert.deepEqual(
      readdirSync(path).filter((name) => name !== 'sr.json' && !name.startsWith('.')),
      [],
    );
  });
}

test('names, descriptions and what is kept can be changed', async (t) => {
  const { run, sr } = await prepareSr(t);
  const key = textOf((await createVolume(run, sr, { name: 'a', sharable: true })).key);
  await good(run('Volume.set_name', { sr, key, new_name: 'ä' }));
  await good(run('Volume.set_description', { sr, key, new_description: 'b\n"' }));
  await good(run('Volume.set', { sr, key, k: 'one', v: '1' }));
  await good(run('Volume.set', { sr, key, k: 'two', v: '' }));
  await good(run('Volume.unset', { sr, key, k: 'one' }));
  await good(run('Volume.unset', { sr, key, k: 'one' }));
  const { name, description, keys, sharable } = await goodStruct(run('Volume.stat', { sr, key }));
  assert.deepEqual([name, description, keys, sharable], ['ä', 'b\n"', { two: '' }, true]);
});

test('calls on one volume at the same time lose nothing of each other', async (t) => {
  const { run, sr } = await prepareSr(t);
  const key = textOf((await createVolume(run, sr)).key);
  const names = ['a', 'b', 'c', 'd', 'e', 'f'];
  await Promise.all(names.map((k) => good(run('Volume.set', { sr, key, k, v: k }))));
  const { keys } = await goodStruct(run('Volume.stat', { sr, key }));
  assert.deepEqual(keys, Object.fromEntries(names.map((name) => [name, name])));
});

test('volumes that are made at the same time are all there', async (t) => {
  const { run, sr } = await prepareSr(t);
  const made = await Promise.all(Array.from({ length: 6 }, () => createVolume(run, sr)));
  const listed = await good(run('SR.ls', { sr }));
  assert.ok(Array.isArray(listed));
  assert.deepEqual(listed.map(keyIn).sort(), made.map(keyIn).sort());
});

for (const method of ['Volume.snapshot', 'Volume.clone']) {
  test(`${method} has the data of its moment, with its holes`, async (t) => {
    const { run, sr, data } = await prepareSr(t);
    const key = textOf((await createVolume(run, sr, { size: 64 * MIB, name: 'a', description: 'b' })).key);
    await good(run('Volume.set', { sr, key, k: 'one', v: '1' }));
    writeFileSync(data(key), 'before', { flag: 'r+' });
    const made = await goodStruct(run(method, { sr, key }));
    writeFileSync(data(key), 'behind', { flag: 'r+' });
    const { name, description, keys, virtual_size } = made;
    assert.deepEqual([name, description, keys, virtual_size], ['a', 'b', {}, 64 * MIB]);
    assert.equal(made.read_write, method === 'Volume.clone');
    assert.equal(readFileSync(data(textOf(made.key))).toString('latin1', 0, 6), 'before');
    assert.ok(statSync(data(textOf(made.key))).blocks * 512 < MIB);
  });
}

test('blocks are shared where the file system can', async (t) => {
  const { run, sr, path } = await prepareSr(t);
  const key = textOf((await createVolume(run, sr)).key);
  // The call is the kernel's: linux/fs.h, FICLONE. Not every file system that tests run on knows it.
  const script = `
import sys; sys.path.insert(0, ${JSON.stringify(VOLUME_PLUGIN)}); sys.dont_write_bytecode = True
import content, json, os, volume
asked = []
def ioctl(target, request, source):
    asked.append([hex(request), os.readlink('/proc/self/fd/%d' % source)])
    os.ftruncate(target, os.fstat(source).st_size)
content.fcntl.ioctl = ioctl
content.copy_sparse = None
volume.clone({'sr': ${JSON.stringify(sr)}, 'key': ${JSON.stringify(key)}})
print(json.dumps(asked))`;
  const { stdout, stderr } = await runProgram(t, PYTHON, ['-c', script]);
  assert.deepEqual(JSON.parse(stdout || stderr), [['0x40049409', join(path, key, 'data.raw')]]);
});

test('a copy goes to another SR', async (t) => {
  const { run, sr, data } = await prepareSr(t);
  const other = await prepareSr(t);
  const key = textOf((await createVolume(run, sr, { size: 4096 })).key);
  writeFileSync(data(key), 'copied', { flag: 'r+' });
  const made = await goodStruct(run('Volume.copy', { sr, key, dest_sr: other.sr }));
  assert.equal(readFileSync(other.data(textOf(made.key))).toString('latin1', 0, 6), 'copied');
});

test('a volume gets the data of its snapshot back, and the snapshot stays', async (t) => {
  const { run, sr, data } = await prepareSr(t);
  const key = textOf((await createVolume(run, sr, { size: 4096 })).key);
  writeFileSync(data(key), 'before', { flag: 'r+' });
  const snapshot = textOf((await goodStruct(run('Volume.snapshot', { sr, key }))).key);
  writeFileSync(data(key), 'behind', { flag: 'r+' });
  await good(run('Volume.resize', { sr, key, new_size: 8192 }));
  await good(run('Volume.revert', { sr, key, snapshot }));
  assert.equal(readFileSync(data(key)).toString('latin1', 0, 6), 'before');
  const { virtual_size, read_write } = await goodStruct(run('Volume.stat', { sr, key }));
  assert.deepEqual([virtual_size, read_write], [4096, true]);
  await good(run('Volume.stat', { sr, key: snapshot }));
});

test('a revert that the disk has no room for leaves the volume as it was, and no half copy', async (t) => {
  const { run, sr, data } = await prepareSr(t);
  const key = textOf((await createVolume(run, sr)).key);
  const snapshot = textOf((await goodStruct(run('Volume.snapshot', { sr, key }))).key);
  writeFileSync(data(key), 'new');
  const params = JSON.stringify({ sr, key, snapshot });
  const script = `
import errno, sys; sys.path.insert(0, ${JSON.stringify(VOLUME_PLUGIN)}); sys.dont_write_bytecode = True
import content, protocol, volume
def full(*_): raise OSError(errno.ENOSPC, 'full')
content.fcntl.ioctl = full
print(protocol._answer({'Volume.revert': volume.revert}, 'Volume.revert', ${params})[1]['code'])`;
  assert.equal((await runProgram(t, PYTHON, ['-c', script])).stdout, 'NO_SPACE\n');
  assert.equal(readFileSync(data(key), 'utf8'), 'new');
  assert.deepEqual(readdirSync(join(data(key), '..')).sort(), ['data.raw', 'lock', 'volume.json']);
});

test('a volume does not shrink', async (t) => {
  const { run, sr } = await prepareSr(t);
  const key = textOf((await createVolume(run, sr, { size: 8192 })).key);
  await good(run('Volume.resize', { sr, key, new_size: 4096 }));
  assert.equal((await goodStruct(run('Volume.stat', { sr, key }))).virtual_size, 8192);
});

test('a snapshot is not resized', async (t) => {
  const { run, sr } = await prepareSr(t);
  const key = textOf((await createVolume(run, sr)).key);
  const snapshot = textOf((await goodStruct(run('Volume.snapshot', { sr, key }))).key);
  const resized = run('Volume.resize', { sr, key: snapshot, new_size: MIB });
  assert.deepEqual(await errorOf(resized), ['VOLUME_READ_ONLY', snapshot]);
});

test('a volume that is destroyed is gone with its files', async (t) => {
  const { run, sr, path } = await prepareSr(t);
  const key = textOf((await createVolume(run, sr)).key);
  await good(run('Volume.destroy', { sr, key }));
  assert.deepEqual(await good(run('SR.ls', { sr })), []);
  assert.deepEqual(readdirSync(path).sort(), ['.lock', '.sr.lock', 'sr.json']);
  assert.deepEqual(await errorOf(run('Volume.destroy', { sr, key })), ['Volume_does_not_exist', key]);
});

test('what differs is told in blocks', async (t) => {
  const { run, sr, data } = await prepareSr(t);
  const key = textOf((await createVolume(run, sr, { size: 16 * MIB })).key);
  writeFileSync(data(key), Buffer.alloc(MIB, 1), { flag: 'r+' });
  const clone = textOf((await goodStruct(run('Volume.clone', { sr, key }))).key);
  const changed = Buffer.alloc(MIB, 1);
  changed.fill(2, 65536 * 3 + 1, 65536 * 5);
  writeFileSync(data(clone), changed, { flag: 'r+' });
  assert.deepEqual(await good(run('Volume.compare', { sr, key, key2: clone })), {
    blocksize: 65536,
    ranges: [[3, 2]],
  });
  const other = textOf((await createVolume(run, sr, { size: MIB })).key);
  assert.deepEqual(await good(run('Volume.compare', { sr, key, key2: other })), {
    blocksize: 65536,
    ranges: [[0, 16]],
  });
});

test('volumes of the same origin are alike, the nearest first', async (t) => {
  const { run, sr } = await prepareSr(t);
  const key = textOf((await createVolume(run, sr)).key);
  await createVolume(run, sr);
  const clone = textOf((await goodStruct(run('Volume.clone', { sr, key }))).key);
  const far = textOf((await goodStruct(run('Volume.clone', { sr, key: clone }))).key);
  assert.deepEqual(await good(run('Volume.similar_content', { sr, key })), [clone, far]);
});

test('who is not root has volumes as well', async (t) => {
  const { run, sr, data } = await prepareSr(t, { within: openDirectory, launcher: asNobody() });
  const key = textOf((await createVolume(run, sr)).key);
  const snapshot = textOf((await goodStruct(run('Volume.snapshot', { sr, key }))).key);
  await good(run('Volume.revert', { sr, key, snapshot }));
  assert.equal(statSync(data(key)).mode & 0o777, 0o600);
  for (const each of [key, snapshot]) await good(run('Volume.destroy', { sr, key: each }));
});

for (const what of ['create', 'snapshot', 'destroy', 'revert', 'set']) {
  test(`kill -9 at any step of ${what} leaves volumes that are whole, and nothing else`, async (t) => {
    const steps = await killed(t, what);
    assert.ok(steps.length > 8, `${steps.length} steps`);
    for (const { listed, data, left, inside } of steps) {
      for (const volume of listed) assert.deepEqual([volume.name, volume.virtual_size], ['n', 4096]);
      assert.deepEqual(left, ['.lock', '.sr.lock', ...listed.map(keyIn), 'sr.json']);
      for (const name of inside) assert.ok(['data.raw', 'lock', 'volume.json'].includes(name), name);
      for (const each of data) assert.ok(['old', 'new', '\0\0\0'].includes(each), each);
      if (what === 'create' || what === 'destroy') assert.ok(listed.length <= 1);
      else assert.ok(listed.length >= 1);
    }
  });
}

interface Step {
  readonly listed: readonly Struct[];
  readonly data: readonly string[];
  readonly left: readonly string[];
  readonly inside: readonly string[];
}

async function killed(t: TestContext, what: string): Promise<Step[]> {
  const words = [join(import.meta.dirname, 'killed.py'), VOLUME_PLUGIN, join(tempDirectory(t), 'sr'), what];
  const { status, stdout, stderr } = await runProgram(t, PYTHON, words);
  assert.equal(status, 0, stderr);
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

const keyIn = (volume: Value): string =>
  typeof volume === 'object' && volume !== null && 'key' in volume ? textOf(volume.key) : '';
