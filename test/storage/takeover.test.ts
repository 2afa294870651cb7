import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { AttachedSr } from '../../src/storage/operations.ts';
import { parseStateDb } from '../../src/storage/state-db.ts';
import { handBack, type TakenOver, takeOver, UNKNOWN_QUEUE } from '../../src/storage/takeover.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { choiceOf } from './model-driver.ts';
import { fill, type OpenedStorage, openStorage, restarted } from './model-storage.ts';

const stateDb = (...srs: readonly string[]): string =>
  `(${srs.map((sr) => `(${sr}((sr handle-${sr})(uids(uid-${sr}))))`).join('')})`;

/** In one step: it is another file than the one before. */
function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

interface Began {
  readonly path: string;
  readonly storage: OpenedStorage;
  take(storage?: OpenedStorage): Promise<TakenOver>;
  give(): Promise<readonly string[]>;
}

async function begin(t: TestContext, text?: string, storage?: OpenedStorage): Promise<Began> {
  const path = join(tempDirectory(t), 'folder/state.db');
  if (text !== undefined) write(path, text);
  const opened = storage ?? (await openStorage(t));
  return {
    path,
    storage: opened,
    take: (from = opened) => takeOver({ ...from, path }),
    give: () => handBack({ ...opened, path }),
  };
}

const attachedSr = (sr: string, given: Partial<AttachedSr> = {}): AttachedSr => ({
  ...{ sr, queue: UNKNOWN_QUEUE, handle: `handle-${sr}`, datasources: [`uid-${sr}`], takenOver: true },
  ...given,
});

const srsOf = ({ state }: OpenedStorage): AttachedSr[] =>
  [...state.srs.values()].sort((a, b) => (a.sr < b.sr ? -1 : 1));

const attach = ({ commit }: OpenedStorage, attached: AttachedSr): Promise<void> =>
  commit([{ type: 'sr-attached', attached }]);

/** A disk of an SR, or of none, that is attached. */
const attachDisk = ({ commit }: OpenedStorage, sr: string): Promise<void> =>
  commit([
    {
      type: 'datapath-changed',
      datapath: {
        ...{ sr, vdi: 'a', domain: '7', choice: choiceOf(), holders: [], underWay: null },
        ...{ phase: 'attached', backend: null },
      },
    },
  ]);

const NOTHING: TakenOver = { type: 'nothing' };

test('what the old daemon has attached is attached, by a queue yet to be found, and kept', async (t) => {
  const { storage, take } = await begin(t, stateDb('a', 'b'));
  assert.deepEqual(await take(), { type: 'taken-over', attached: ['a', 'b'], detached: [], forgotten: 0 });
  assert.deepEqual(srsOf(storage), [attachedSr('a'), attachedSr('b')]);
  assert.deepEqual(srsOf(await restarted(t, storage)), [attachedSr('a'), attachedSr('b')]);
});

test('there is nothing to take over without a file, and without a setting', async (t) => {
  const { storage, take } = await begin(t);
  assert.deepEqual(await take(), NOTHING);
  assert.deepEqual(await takeOver({ ...storage, path: '' }), NOTHING);
});

test('a file is read once, also over a restart', async (t) => {
  const { storage, take } = await begin(t, stateDb('a'));
  await take();
  await storage.commit([{ type: 'sr-detached', sr: 'a' }]);
  assert.deepEqual(await take(), NOTHING);
  const next = await restarted(t, storage);
  assert.deepEqual(await take(next), NOTHING);
  assert.deepEqual(srsOf(next), []);
});

test('after a boot of the host the file is read again', async (t) => {
  const { storage, take } = await begin(t, stateDb('a'));
  await take();
  await storage.close();
  const next = await openStorage(t, { directory: storage.directory, boot: 'boot-2' });
  assert.deepEqual(srsOf(next), []);
  assert.equal((await take(next)).type, 'taken-over');
  assert.deepEqual(srsOf(next), [attachedSr('a')]);
});

test('of a file that has changed, what was attached is attached, and what was detached is not', async (t) => {
  const { path, storage, take } = await begin(t, stateDb('a', 'b'));
  await take();
  await attach(storage, attachedSr('a', { queue: 'q' }));
  write(path, stateDb('b', 'c'));
  assert.deepEqual(await take(), {
    ...{ type: 'taken-over', attached: ['c'], forgotten: 0 },
    detached: [attachedSr('a', { queue: 'q' })],
  });
  assert.deepEqual(srsOf(storage), [attachedSr('b'), attachedSr('c')]);
});

test('an SR that the old daemon never knew of stays attached', async (t) => {
  const { path, storage, take } = await begin(t, stateDb('a'));
  await take();
  const ours = attachedSr('ours', { queue: 'q', takenOver: false });
  await attach(storage, ours);
  write(path, stateDb('b'));
  await take();
  assert.deepEqual(srsOf(storage), [attachedSr('b'), ours]);
});

test('an SR that is known keeps its queue, and has a new one to be found when it has another handle', async (t) => {
  const { path, storage, take } = await begin(t, stateDb('a', 'b'));
  await attach(storage, attachedSr('a', { queue: 'q', takenOver: false }));
  await attach(storage, attachedSr('b', { queue: 'q', handle: 'old', takenOver: false }));
  assert.deepEqual(await take(), { type: 'taken-over', attached: ['b'], detached: [], forgotten: 0 });
  assert.deepEqual(srsOf(storage), [attachedSr('a', { queue: 'q' }), attachedSr('b')]);
  write(path, stateDb('a', 'b'));
  assert.deepEqual(await take(), { type: 'taken-over', attached: [], detached: [], forgotten: 0 });
});

test('disks are forgotten where the old daemon may have let go of them; URIs by themselves are not its', async (t) => {
  const { storage, take } = await begin(t, stateDb('a'));
  for (const sr of ['a', '']) await attachDisk(storage, sr);
  const outcome = await take();
  assert.deepEqual(outcome, { type: 'taken-over', attached: ['a'], detached: [], forgotten: 1 });
  assert.deepEqual(
    [...storage.state.datapaths].map(({ sr }) => sr),
    [''],
  );
});

for (const [what, damage, reason] of [
  ['damaged', (path: string) => write(path, '((a'), /^no S-expression: /],
  ['no file', (path: string) => mkdirSync(path, { recursive: true }), /EISDIR/],
  ['at a place that can not be', (path: string) => write(dirname(path), 'a file'), /ENOTDIR/],
] as const) {
  test(`a file that is ${what} is told of, changes nothing, and is looked at again`, async (t) => {
    const { path, storage, take } = await begin(t);
    const ours = attachedSr('ours', { queue: 'q', takenOver: false });
    await attach(storage, ours);
    damage(path);
    for (const _again of [1, 2]) {
      const outcome = await take();
      assert.ok(outcome.type === 'unreadable');
      assert.match(outcome.reason, reason);
    }
    assert.deepEqual(srsOf(storage), [ours]);
  });
}

test('what can not be kept is not taken over, and is at the next time', async (t) => {
  const { storage, take } = await begin(t, stateDb('a'), await openStorage(t, { segmentBytes: 1 }));
  const makeRoom = fill(storage);
  await assert.rejects(take());
  assert.deepEqual(srsOf(storage), []);
  makeRoom();
  await storage.written;
  assert.equal((await take()).type, 'taken-over');
});

test('what is handed back is what is attached, in a folder that is made, and nothing else is left there', async (t) => {
  const { path, storage, give } = await begin(t);
  await attach(storage, attachedSr('b', { handle: 'a "handle"', datasources: ['u', 'v'] }));
  await attach(storage, attachedSr('a', { datasources: [] }));
  assert.deepEqual(await give(), ['a', 'b']);
  assert.deepEqual(parseStateDb(readFileSync(path, 'utf8')), [
    { sr: 'b', handle: 'a "handle"', uids: ['u', 'v'] },
    { sr: 'a', handle: 'handle-a', uids: [] },
  ]);
  assert.deepEqual(readdirSync(dirname(path)), ['state.db']);
});

test('what can not be handed back leaves the file as it was', async (t) => {
  const { path, storage, give } = await begin(t, stateDb('before'));
  await attach(storage, attachedSr('a'));
  mkdirSync(`${path}.tmp`);
  await assert.rejects(give());
  assert.equal(readFileSync(path, 'utf8'), stateDb('before'));
});

test('after it was handed back, the next start takes the same SRs over: their disks may be any', async (t) => {
  const { storage, take, give } = await begin(t);
  const ours = attachedSr('a', { queue: 'q', takenOver: false });
  await attach(storage, ours);
  await attachDisk(storage, 'a');
  await give();
  // Until then nothing is another.
  assert.deepEqual(srsOf(storage), [ours]);
  const next = await restarted(t, storage);
  const taken: TakenOver = { type: 'taken-over', attached: [], detached: [], forgotten: 1 };
  assert.deepEqual(await take(next), taken);
  assert.deepEqual(srsOf(next), [attachedSr('a', { queue: 'q' })]);
  assert.deepEqual([...next.state.datapaths], []);
  assert.deepEqual(await take(next), NOTHING);
});

test('what this daemon did after it has handed back is believed where the old one has written nothing', async (t) => {
  const { storage, take, give } = await begin(t);
  for (const sr of ['a', 'b']) await attach(storage, attachedSr(sr, { queue: 'q' }));
  await give();
  await storage.commit([{ type: 'sr-detached', sr: 'a' }]);
  await attach(storage, attachedSr('c', { queue: 'q' }));
  await take();
  assert.deepEqual(srsOf(storage), [attachedSr('b', { queue: 'q' }), attachedSr('c', { queue: 'q' })]);
});

test('what the old daemon changed after it was handed back is so, for every SR', async (t) => {
  const { path, storage, take, give } = await begin(t);
  const ours = attachedSr('a', { queue: 'q', takenOver: false });
  await attach(storage, ours);
  await give();
  write(path, stateDb('b'));
  const next = await restarted(t, storage);
  assert.deepEqual(await take(next), {
    ...{ type: 'taken-over', attached: ['b'], forgotten: 0 },
    detached: [ours],
  });
  assert.deepEqual(srsOf(next), [attachedSr('b')]);
});
