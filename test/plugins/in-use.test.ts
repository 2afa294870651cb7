import assert from 'node:assert/strict';
import { renameSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { PYTHON } from '../helpers/plugins.ts';
import { runProgram } from '../helpers/programs.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { DATAPATH_PLUGIN, good, goodStruct, SCHEME, scriptsOf, textOf, VOLUME_PLUGIN } from './helpers.ts';
import { stopServers } from './servers.ts';
import { createVolume, prepareSr } from './sr.ts';

/** What the plugins for raw files do to each other's files at the same time. */

test('a snapshot that a domain uses is not destroyed', async (t) => {
  const { run, sr, data } = await prepareSr(t);
  const { key: origin } = await createVolume(run, sr);
  const key = textOf((await goodStruct(run('Volume.snapshot', { sr, key: origin ?? null }))).key);
  for (const method of ['Volume.destroy', 'SR.destroy']) {
    const words = ['--shared', data(key), join(VOLUME_PLUGIN, method), '--json'];
    const { stdout } = await runProgram(t, 'flock', words, { input: JSON.stringify({ sr, key }) });
    assert.equal(JSON.parse(stdout).code, 'VOLUME_IN_USE', method);
  }
  await good(run('Volume.destroy', { sr, key }));
});

for (const method of ['snapshot', 'revert', 'destroy']) {
  test(`nobody begins to use a disk in the midst of its ${method}`, async (t) => {
    const { run, sr, data } = await prepareSr(t);
    const key = textOf((await createVolume(run, sr)).key);
    const snapshot = textOf((await goodStruct(run('Volume.snapshot', { sr, key }))).key);
    const script = `
import errno, os, sys; sys.path.insert(0, ${JSON.stringify(VOLUME_PLUGIN)}); sys.dont_write_bytecode = True
import content, store, volume
def ioctl(*_): raise OSError(errno.EOPNOTSUPP, 'not here')
content.fcntl.ioctl = ioctl
def use():
    with open(${JSON.stringify(data(key))}) as file:
        try: content.fcntl.flock(file, content.fcntl.LOCK_SH | content.fcntl.LOCK_NB); print('is used')
        except BlockingIOError: print('waits')
def first(function): return lambda *words: (use(), function(*words))
content.copy_sparse = first(content.copy_sparse)
store.remove_volume = first(store.remove_volume)
volume.${method}(${JSON.stringify({ sr, key, snapshot })})`;
    assert.equal((await runProgram(t, PYTHON, ['-c', script])).stdout, 'waits\n');
  });
}

/** Puts another file in the place of one whose lock is waited for. */
const REPLACES = `
import fcntl, os
flock = fcntl.flock

def late(file, kind):
    path = os.readlink("/proc/self/fd/%d" % file)
    if kind == fcntl.LOCK_SH and os.path.exists(path + ".new"):
        os.rename(path + ".new", path)
    flock(file, kind)

fcntl.flock = late
`;

test('of a disk that is reverted before it is attached the new file is locked', async (t) => {
  const folder = tempDirectory(t);
  const [directory, file] = [join(folder, 'run'), join(folder, 'a.raw')];
  writeFileSync(join(folder, 'sitecustomize.py'), REPLACES);
  for (const path of [file, `${file}.new`]) {
    writeFileSync(path, '');
    truncateSync(path, 4096);
  }
  t.after(() => stopServers(directory));
  const env = { RAW_FILE_RUN_DIRECTORY: directory, RAW_FILE_SERVER: 'nbd', PYTHONPATH: folder };
  const run = scriptsOf(t, DATAPATH_PLUGIN, { env });
  await good(run('Datapath.attach', { uri: `${SCHEME}://${file}`, domain: '1' }));
  assert.throws(() => renameSync(`${file}.new`, file), { code: 'ENOENT' });
  assert.equal((await runProgram(t, 'flock', ['--nonblock', file, 'true'])).status, 1);
});
