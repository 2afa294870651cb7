import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { tempDirectory } from '../helpers/temp.ts';
import { errorOf, good, goodStruct, textOf } from './helpers.ts';
import { createVolume, prepareSr } from './sr.ts';

/**
 * NFS makes of the lock of a file one of its bytes, and so whoever wants it alone has to have opened the file for writing:
 * flock(2). Few machines that tests run on can mount it: the interpreter is given the same rule.
 */
const RULE = `
import errno, fcntl
flock = fcntl.flock

def over_nfs(file, kind):
    mode = fcntl.fcntl(file, fcntl.F_GETFL) & 3
    if mode == {fcntl.LOCK_EX: 0, fcntl.LOCK_SH: 1}.get(kind & ~fcntl.LOCK_NB):
        raise OSError(errno.EBADF, "not opened for this lock")
    flock(file, kind)

fcntl.flock = over_nfs
`;

test('over NFS disks are snapshotted, reverted and destroyed as elsewhere', async (t) => {
  const rules = tempDirectory(t);
  writeFileSync(join(rules, 'sitecustomize.py'), RULE);
  const { run, sr } = await prepareSr(t, { env: { PYTHONPATH: rules } });
  const key = textOf((await createVolume(run, sr)).key);
  await good(run('Volume.clone', { sr, key }));
  const snapshot = textOf((await goodStruct(run('Volume.snapshot', { sr, key }))).key);
  await good(run('Volume.revert', { sr, key, snapshot }));
  await good(run('Volume.destroy', { sr, key }));
  assert.deepEqual(await errorOf(run('Volume.stat', { sr, key })), ['Volume_does_not_exist', key]);
});
