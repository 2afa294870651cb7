import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { kill } from '../helpers/daemon.ts';
import { resultOf, startStorage, throughSocket } from '../helpers/plugins.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { attachSr, createVdi, using, withPlugins } from './storage-helpers.ts';

/** A script that a killed daemon has left running never does its work beside what the next one does. */

test('a script under way at a kill is ended before anything is served again', async (t) => {
  const flags = [`--switch.stateDirectory=${join(tempDirectory(t), 'state')}`];
  const never = new Promise<never>(() => {});
  let hold = true;
  const { plugins, storage } = await withPlugins(t, ({ answer }) => async (scriptCall) => {
    if (hold && scriptCall.method === 'Datapath.activate') await never;
    return answer(scriptCall);
  });
  const first = await startStorage(t, plugins, { flags });
  const before = throughSocket(t, first);
  await attachSr(before);
  const use = using(await createVdi(before));
  await resultOf(before('VDI.attach3', { ...use, read_write: true }));
  before('VDI.activate3', use).catch(() => {});
  await plugins.called(({ method }) => method === 'Datapath.activate');
  await kill(first);
  hold = false;

  const second = await startStorage(t, plugins, { flags, directory: first.directory });
  await second.logged(({ msg }) => msg.startsWith('scripts that were left running are ended'));
  const half = await second.logged(({ msg }) => msg.startsWith('a step of a datapath was begun'));
  assert.equal(half.step, 'activate');
  await resultOf(throughSocket(t, second)('DP.destroy2', { ...use, allow_leak: false }));
  assert.deepEqual([...storage.disks, ...storage.sins], []);
});
