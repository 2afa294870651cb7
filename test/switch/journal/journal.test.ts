import assert from 'node:assert/strict';
import { copyFileSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { crc32 } from 'node:zlib';
import { JournalError } from '../../../src/switch/journal/replay.ts';
import { readRecords } from '../../../src/switch/journal/segment.ts';
import { tempDirectory } from '../../helpers/temp.ts';
import { acked, created, held, openJournal, sentMessage } from './helpers.ts';

const FIRST = 'segment-0000000001.journal';

const recordsIn = (path: string): number => {
  let records = 0;
  readRecords(path, 0, Number.POSITIVE_INFINITY, () => {
    records += 1;
  });
  return records;
};

function copyOf(t: TestContext, directory: string): string {
  // A snapshot may be renamed in another thread meanwhile: only files that stay while they are copied are a state.
  for (;;) {
    const copy = tempDirectory(t);
    const names = readdirSync(directory);
    try {
      for (const name of names) copyFileSync(join(directory, name), join(copy, name));
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') continue;
      throw error;
    }
    if (isDeepStrictEqual(readdirSync(directory), names)) return copy;
  }
}

test('what is committed is there after a start without a stop', async (t) => {
  const first = openJournal(t);
  await first.commit(created('q'));
  await Promise.all([1, 2, 3].map((id) => first.commit(sentMessage('q', id))));
  await first.commit(acked('q', 2));
  const second = openJournal(t, { directory: copyOf(t, first.directory) });
  assert.deepEqual(held(second.queues), ['q 1', 'q 3']);
  assert.equal(second.queues.find('q')?.get(3)?.payload.toString(), 'message 3');
  assert.deepEqual(second.warnings, []);
});

test('what is committed in one turn is one record', async (t) => {
  const { directory, commit } = openJournal(t);
  await commit(created('q'));
  const before = recordsIn(join(directory, FIRST));
  await Promise.all(Array.from({ length: 50 }, (_, id) => commit(sentMessage('q', id))));
  assert.equal(recordsIn(join(directory, FIRST)), before + 1);
});

test('commits are settled in their order', async (t) => {
  const { commit } = openJournal(t);
  const settled: number[] = [];
  const commits = Array.from({ length: 20 }, async (_, at) => {
    if (at % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
    await commit(created(`q${at}`));
    settled.push(at);
  });
  await Promise.all(commits);
  const late = settled.filter((at) => at % 3 === 0);
  const early = settled.filter((at) => at % 3 !== 0);
  assert.deepEqual(
    [...early, ...late],
    [...early.toSorted((a, b) => a - b), ...late.toSorted((a, b) => a - b)],
  );
});

test('cut at every byte of its last records, it keeps all whole ones, and says that it cut', async (t) => {
  const first = openJournal(t);
  await first.commit(created('q'));
  const sizes: number[] = [];
  for (const id of [1, 2, 3]) {
    await first.commit(sentMessage('q', id));
    sizes.push(statSync(join(first.directory, FIRST)).size);
  }
  const bytes = readFileSync(join(first.directory, FIRST));
  const [one = 0, two = 0, three = 0] = sizes;
  for (let length = one; length <= three; length += 1) {
    const directory = tempDirectory(t);
    writeFileSync(join(directory, FIRST), bytes.subarray(0, length));
    const again = openJournal(t, { directory });
    const whole = length === three ? 3 : length >= two ? 2 : 1;
    assert.deepEqual(held(again.queues), ['q 1', 'q 2', 'q 3'].slice(0, whole));
    assert.equal(again.warnings.length, sizes.includes(length) ? 0 : 1, `${length} bytes`);
    assert.equal(await again.commit(sentMessage('q', 9)), undefined);
    const third = openJournal(t, { directory: copyOf(t, directory) });
    assert.deepEqual(held(third.queues), [...held(again.queues)]);
    assert.deepEqual(third.warnings, []);
  }
});

test('zeros behind the last record, as a crash of the machine leaves them, are cut off', async (t) => {
  const first = openJournal(t);
  await first.commit(created('q'), sentMessage('q', 1));
  const directory = copyOf(t, first.directory);
  writeFileSync(join(directory, FIRST), Buffer.alloc(4096), { flag: 'a' });
  const again = openJournal(t, { directory });
  assert.deepEqual(held(again.queues), ['q 1']);
  assert.match(again.warnings[0] ?? '', /the last 4096 bytes are a write that was cut short/);
});

/** A journal whose second of three messages is damaged. */
async function damaged(t: TestContext): Promise<{ directory: string; offset: number }> {
  const first = openJournal(t);
  await first.commit(created('q'), sentMessage('q', 1));
  const offset = statSync(join(first.directory, FIRST)).size;
  await first.commit(sentMessage('q', 2));
  await first.commit(sentMessage('q', 3));
  const directory = copyOf(t, first.directory);
  const bytes = readFileSync(join(directory, FIRST));
  bytes.writeUInt8(bytes.readUInt8(offset + 12) ^ 0xff, offset + 12);
  writeFileSync(join(directory, FIRST), bytes);
  return { directory, offset };
}

test('damage in the middle ends the start, with what, where and how to go on', async (t) => {
  const { directory, offset } = await damaged(t);
  assert.throws(
    () => openJournal(t, { directory }),
    (error) => {
      assert.ok(error instanceof JournalError);
      assert.ok(error.message.startsWith(`${join(directory, FIRST)}: byte ${offset}: `), error.message);
      assert.match(error.message, /backup, or .*--journal\.repair=true/);
      return true;
    },
  );
});

test('journal.repair sets the damaged file aside, keeps the rest and says what was lost', async (t) => {
  const { directory, offset } = await damaged(t);
  const repaired = openJournal(t, { directory, repair: true });
  assert.deepEqual(held(repaired.queues), ['q 1', 'q 3']);
  assert.match(repaired.warnings[0] ?? '', new RegExp(`bytes ${offset} to [0-9]+ are lost`));
  assert.match(repaired.warnings[1] ?? '', /set aside as .*damaged-segment-0000000001\.journal/);
  assert.ok(repaired.files().includes(`damaged-${FIRST}`));
  await repaired.journal.close();
  const again = openJournal(t, { directory });
  assert.deepEqual(held(again.queues), ['q 1', 'q 3']);
  assert.deepEqual(again.warnings, []);
});

test('a segment that is missing ends the start, and is named', async (t) => {
  const first = openJournal(t, { segmentBytes: 1 });
  for (const name of ['a', 'b', 'c', 'd']) await first.commit(created(name));
  const directory = tempDirectory(t);
  for (const name of first.files().filter((each) => !each.includes('0000000003'))) {
    copyFileSync(join(first.directory, name), join(directory, name));
  }
  assert.throws(() => openJournal(t, { directory }), /segment-0000000003\.journal is missing/);
});

test('the first segment of all that is missing, without a snapshot, ends the start too', async (t) => {
  const first = openJournal(t, { segmentBytes: 1 });
  for (const name of ['a', 'b', 'c']) await first.commit(created(name));
  const directory = tempDirectory(t);
  for (const name of first.files().filter((each) => !each.includes('0000000001'))) {
    copyFileSync(join(first.directory, name), join(directory, name));
  }
  assert.throws(() => openJournal(t, { directory }), /segment-0000000001\.journal is missing/);
});

test('a file of a newer format is refused with both formats', (t) => {
  const { directory } = openJournal(t);
  const path = join(directory, FIRST);
  const copy = tempDirectory(t);
  // The head says 1 behind the magic; its checksum is not looked at before the format is known to be ours.
  const bytes = readFileSync(path);
  const at = bytes.indexOf('datapathd journal') + 'datapathd journal'.length;
  bytes.writeUInt8(2, at);
  writeFileSync(join(copy, FIRST), withChecksum(bytes));
  assert.throws(
    () => openJournal(t, { directory: copy }),
    /is of format 2, and this version of datapathd reads format 1/,
  );
});

/** The file's only record, with its checksum made right. */
function withChecksum(bytes: Buffer): Buffer {
  bytes.writeUInt32LE(crc32(bytes.subarray(8)), 4);
  return bytes;
}

test('a stop leaves one snapshot, and the next start finds the same', async (t) => {
  const first = openJournal(t);
  await first.commit(created('q'), created('t', 'owner'));
  for (let id = 0; id < 10; id += 1) await first.commit(sentMessage('q', id));
  for (let id = 0; id < 9; id += 1) await first.commit(acked('q', id));
  await first.journal.close();
  assert.deepEqual(
    first.files().map((name) => name.split('-')[0]),
    ['segment', 'snapshot'],
  );
  const second = openJournal(t, { directory: first.directory });
  assert.deepEqual(held(second.queues), ['q 9']);
  assert.deepEqual(second.queues.ownedBy('owner'), ['t']);
  assert.ok(second.queues.unusedId >= 10);
});

test('it is compacted while it is written, and nothing is lost or comes back', async (t) => {
  const first = openJournal(t, { segmentBytes: 2000, sync: 'never' });
  await first.commit(created('q'), created('keep'));
  const expected: string[] = [];
  for (let id = 0; id < 2000; id += 1) {
    await first.commit(sentMessage('q', id));
    if (id % 10 === 0) {
      await first.commit(sentMessage('keep', id));
      expected.push(`keep ${id}`);
    }
    if (id > 5) await first.commit(acked('q', id - 5));
  }
  assert.ok(first.files().some((name) => name.startsWith('snapshot')));
  const second = openJournal(t, { directory: copyOf(t, first.directory) });
  const left = ['q 0', ...[1995, 1996, 1997, 1998, 1999].map((id) => `q ${id}`)];
  // The first five were never acked.
  assert.deepEqual(held(second.queues), [...expected, ...left].sort());
  assert.deepEqual(second.warnings, []);
});
