import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { openDurableStorage } from '../../src/storage/durable.ts';
import type { StorageOperation } from '../../src/storage/operations.ts';
import { StorageState } from '../../src/storage/state.ts';
import { choiceOf } from './model-driver.ts';
import { change } from './model-operations.ts';
import { BOOT, fill, openStorage, restarted, snapshotOf } from './model-storage.ts';

const sorted = (operations: readonly StorageOperation[]): string[] =>
  operations.map((operation) => JSON.stringify(operation)).sort();

const attached = (sr: string): StorageOperation => ({
  type: 'sr-attached',
  attached: { sr, queue: 'q', handle: 'h', datasources: [], takenOver: false },
});
const datapath: StorageOperation = {
  type: 'datapath-changed',
  datapath: {
    ...{ sr: 'sr', vdi: 'a', domain: '7', choice: choiceOf(), holders: [] },
    ...{ underWay: null, phase: 'attached', backend: null },
  },
};
const opened: StorageOperation = {
  type: 'opened',
  opened: { sr: 'sr', vdi: 'a', vm: '7', choice: choiceOf(), persistent: true },
};

test('what was committed is found again, after a stop and after kill -9, however often it is compacted', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(change, { minLength: 1, maxLength: 3 }), { maxLength: 12 }),
      fc.constantFrom(1, 4096, 1024 * 1024),
      async (commits, segmentBytes) => {
        const first = await openStorage(t, { segmentBytes });
        const expected = new StorageState();
        expected.apply({ type: 'booted', boot: BOOT });
        for (const operations of commits) for (const each of operations) expected.apply(each);
        await Promise.all(commits.map((operations) => first.commit(operations)));
        assert.deepEqual(sorted(snapshotOf(first)), sorted([...expected.snapshot()]));
        await first.close();
        const second = await openStorage(t, { directory: first.directory, segmentBytes });
        assert.deepEqual(sorted(snapshotOf(second)), sorted([...expected.snapshot()]));
        await second.commit([attached('last')]);
        assert.deepEqual(sorted(snapshotOf(await restarted(t, second))), sorted(snapshotOf(second)));
        await second.close();
      },
    ),
    { numRuns: 30 },
  );
});

test('in the same boot of the host what is attached stays so, and nothing is said', async (t) => {
  const first = await openStorage(t);
  await first.commit([attached('sr'), datapath, opened]);
  await first.close();
  const second = await openStorage(t, { directory: first.directory });
  assert.deepEqual(snapshotOf(second), snapshotOf(first));
  assert.deepEqual(second.infos, []);
});

test('after another boot nothing is attached, and that is said', async (t) => {
  const first = await openStorage(t);
  await first.commit([attached('sr'), attached('other'), datapath, opened]);
  await first.close();
  const second = await openStorage(t, { directory: first.directory, boot: 'boot-2' });
  assert.deepEqual(snapshotOf(second), [{ type: 'booted', boot: 'boot-2' }]);
  assert.deepEqual(second.infos, [
    'the host was booted since: of 2 SRs and 1 datapaths that were attached, and 1 disks that were open, none is now',
  ]);
  await second.close();
  const third = await openStorage(t, { directory: first.directory, boot: 'boot-2' });
  assert.deepEqual(snapshotOf(third), [{ type: 'booted', boot: 'boot-2' }]);
  assert.deepEqual(third.infos, []);
});

for (const [what, operation] of [
  ['an SR', attached('sr')],
  ['a datapath', datapath],
  ['an open disk', opened],
] as const) {
  test(`that ${what} alone is gone after another boot is said as well`, async (t) => {
    const first = await openStorage(t);
    await first.commit([operation]);
    await first.close();
    const second = await openStorage(t, { directory: first.directory, boot: 'boot-2' });
    assert.equal(second.infos.length, 1);
  });
}

test('after another boot of a host on which nothing was attached there is nothing to say', async (t) => {
  const first = await openStorage(t);
  await first.close();
  const second = await openStorage(t, { directory: first.directory, boot: 'boot-2' });
  assert.deepEqual(second.infos, []);
});

test('what can not be kept has not happened, and the reason is told', async (t) => {
  const storage = await openStorage(t, { segmentBytes: 1 });
  assert.equal(storage.trouble(), undefined);
  fill(storage);
  await assert.rejects(storage.commit([attached('sr')]), /the journal can not be written: EEXIST/);
  assert.equal(storage.state.srs.size, 0);
  assert.match(storage.trouble() ?? '', /the journal can not be written/);
});

test('what only takes away happens while nothing can be kept', async (t) => {
  const storage = await openStorage(t, { segmentBytes: 1 });
  await storage.commit([attached('sr')]);
  const makeRoom = fill(storage);
  await assert.rejects(storage.commit([attached('other')]));
  await storage.commit([{ type: 'sr-detached', sr: 'sr' }]);
  assert.equal(storage.state.srs.size, 0);
  makeRoom();
  await storage.written;
  assert.equal((await restarted(t, storage)).state.srs.size, 0);
});

test('without a journal it is held for as long as the process lives', async () => {
  const storage = await openDurableStorage({ journal: undefined, boot: BOOT, info: () => {} });
  await storage.commit([attached('sr')]);
  assert.deepEqual([...storage.state.srs.keys()], ['sr']);
  assert.equal(storage.trouble(), undefined);
  await storage.close();
});

test('a stop leaves a snapshot, from which the next start is quick', async (t) => {
  const storage = await openStorage(t);
  for (let at = 0; at < 20; at += 1) await storage.commit([attached('sr'), datapath]);
  await storage.close();
  assert.ok(readdirSync(storage.directory).some((name) => name.startsWith('snapshot')));
});
