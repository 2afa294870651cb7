import assert from 'node:assert/strict';
import { copyFileSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { crc32 } from 'node:zlib';
import { decodeRecord, frame, LARGE_RECORD_BYTES, MAX_RECORD_BYTES } from '../../src/journal/record.ts';
import { JournalError } from '../../src/journal/replay.ts';
import { readRecords } from '../../src/journal/segment.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { type Change, changeCodec, drop, names, OPTIONS, openJournal, put } from './helpers.ts';

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
    const files = readdirSync(directory);
    try {
      for (const name of files) copyFileSync(join(directory, name), join(copy, name));
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') continue;
      throw error;
    }
    if (isDeepStrictEqual(readdirSync(directory), files)) return copy;
  }
}

test('what is committed is there after a start without a stop', async (t) => {
  const first = openJournal(t);
  await Promise.all(['a', 'b', 'c'].map((name) => first.commit(put(name))));
  await first.commit(drop('b'));
  const second = openJournal(t, { directory: copyOf(t, first.directory) });
  assert.deepEqual(
    [...second.values],
    [
      ['a', 'the value of a'],
      ['c', 'the value of c'],
    ],
  );
  assert.deepEqual(second.warnings, []);
});

test('what is committed in one turn is one record', async (t) => {
  const { directory, commit } = openJournal(t);
  await commit(put('first'));
  const before = recordsIn(join(directory, FIRST));
  await Promise.all(Array.from({ length: 50 }, (_, at) => commit(put(`${at}`))));
  assert.equal(recordsIn(join(directory, FIRST)), before + 1);
});

test('what is committed in one turn is several records when it is much: a start reads none of any size', async (t) => {
  const { directory, journal } = openJournal(t, { heldBytes: () => Number.POSITIVE_INFINITY });
  const value = Buffer.alloc(LARGE_RECORD_BYTES / 4);
  const failures = Array.from({ length: 5 }, (_, at) => {
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    journal.commit([{ type: 'put', name: `${at}`, value }], resolve);
    return promise;
  });
  for (const failure of failures) assert.equal(await failure, undefined);
  const sizes: number[] = [];
  for (const name of readdirSync(directory)) {
    readRecords(join(directory, name), 0, Number.POSITIVE_INFINITY, ({ length }) => sizes.push(length));
  }
  assert.ok(sizes.reduce((sum, size) => sum + size) > 5 * value.length);
  assert.ok(Math.max(...sizes) < LARGE_RECORD_BYTES + value.length, `${sizes}`);
});

test('what is too large for a start to read it again is not written', () => {
  assert.throws(() => frame(Buffer.allocUnsafe(MAX_RECORD_BYTES + 1)), RangeError);
});

test('commits are settled in their order', async (t) => {
  const { commit } = openJournal(t);
  const settled: number[] = [];
  const commits = Array.from({ length: 20 }, async (_, at) => {
    if (at % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
    await commit(put(`${at}`));
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
  const sizes: number[] = [];
  for (const name of ['a', 'b', 'c']) {
    await first.commit(put(name));
    sizes.push(statSync(join(first.directory, FIRST)).size);
  }
  const bytes = readFileSync(join(first.directory, FIRST));
  const [one = 0, two = 0, three = 0] = sizes;
  for (let length = one; length <= three; length += 1) {
    const directory = tempDirectory(t);
    writeFileSync(join(directory, FIRST), bytes.subarray(0, length));
    const again = openJournal(t, { directory });
    const whole = length === three ? 3 : length >= two ? 2 : 1;
    assert.deepEqual(names(again), ['a', 'b', 'c'].slice(0, whole));
    assert.equal(again.warnings.length, sizes.includes(length) ? 0 : 1, `${length} bytes`);
    assert.equal(await again.commit(put('z')), undefined);
    const third = openJournal(t, { directory: copyOf(t, directory) });
    assert.deepEqual(names(third), names(again));
    assert.deepEqual(third.warnings, []);
  }
});

test('zeros behind the last record, as a crash of the machine leaves them, are cut off', async (t) => {
  const first = openJournal(t);
  await first.commit(put('a'));
  const directory = copyOf(t, first.directory);
  writeFileSync(join(directory, FIRST), Buffer.alloc(4096), { flag: 'a' });
  const again = openJournal(t, { directory });
  assert.deepEqual(names(again), ['a']);
  assert.match(again.warnings[0] ?? '', /the last 4096 bytes are a write that was cut short/);
});

/** A journal whose second of three records is damaged. */
async function damaged(t: TestContext): Promise<{ directory: string; offset: number }> {
  const first = openJournal(t);
  await first.commit(put('a'));
  const offset = statSync(join(first.directory, FIRST)).size;
  await first.commit(put('b'));
  await first.commit(put('c'));
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
  assert.deepEqual(names(repaired), ['a', 'c']);
  assert.match(repaired.warnings[0] ?? '', new RegExp(`bytes ${offset} to [0-9]+ are lost`));
  assert.match(repaired.warnings[1] ?? '', /set aside as .*damaged-segment-0000000001\.journal/);
  assert.ok(repaired.files().includes(`damaged-${FIRST}`));
  await repaired.journal.close();
  const again = openJournal(t, { directory });
  assert.deepEqual(names(again), ['a', 'c']);
  assert.deepEqual(again.warnings, []);
});

test('a segment that is missing ends the start, and is named', async (t) => {
  const first = openJournal(t, { segmentBytes: 1 });
  for (const name of ['a', 'b', 'c', 'd']) await first.commit(put(name));
  const directory = tempDirectory(t);
  for (const name of first.files().filter((each) => !each.includes('0000000003'))) {
    copyFileSync(join(first.directory, name), join(directory, name));
  }
  assert.throws(() => openJournal(t, { directory }), /segment-0000000003\.journal is missing/);
});

test('the first segment of all that is missing, without a snapshot, ends the start too', async (t) => {
  const first = openJournal(t, { segmentBytes: 1 });
  for (const name of ['a', 'b', 'c']) await first.commit(put(name));
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
  for (const name of ['a', 'b', 'c']) await first.commit(put(name));
  for (const name of ['a', 'b']) await first.commit(drop(name));
  await first.journal.close();
  assert.deepEqual(
    first.files().map((name) => name.split('-')[0]),
    ['segment', 'snapshot'],
  );
  const second = openJournal(t, { directory: first.directory });
  assert.deepEqual([...second.values], [['c', 'the value of c']]);
});

test('it is compacted while it is written, and nothing is lost or comes back', async (t) => {
  const first = openJournal(t, { segmentBytes: 2000, sync: 'never' });
  const kept: string[] = [];
  for (let at = 0; at < 2000; at += 1) {
    await first.commit(put(`${at}`));
    if (at % 10 === 0) {
      await first.commit(put(`kept ${at}`));
      kept.push(`kept ${at}`);
    }
    if (at >= 5) await first.commit(drop(`${at - 5}`));
  }
  assert.ok(first.files().some((name) => name.startsWith('snapshot')));
  const second = openJournal(t, { directory: copyOf(t, first.directory) });
  assert.deepEqual(names(second), [...kept, '1995', '1996', '1997', '1998', '1999'].sort());
  assert.deepEqual(second.warnings, []);
});

test('while it can not be written, what adds is refused, and what only takes away is owed', async (t) => {
  const first = openJournal(t, { segmentBytes: 1 });
  await first.commit(put('a'), put('b'));
  // The next segment can not be begun: there is a file of its name.
  const blocked = join(first.directory, 'segment-0000000003.journal');
  writeFileSync(blocked, '');
  assert.match((await first.commit(put('c'))) ?? '', /the journal can not be written: EEXIST/);
  assert.equal(await first.commit(drop('a')), undefined);
  assert.match((await first.commit(put('d'))) ?? '', /the journal can not be written/);
  rmSync(blocked);
  await first.journal.close();
  assert.equal(first.warnings.at(-1), 'the journal is written again');
  const second = openJournal(t, { directory: first.directory });
  assert.deepEqual(names(second), ['b']);
});

test('a stop waits for the try to write again that has begun, and makes no second one', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const first = openJournal(t, { segmentBytes: 1 });
  await first.commit(put('a'));
  const blocked = join(first.directory, 'segment-0000000003.journal');
  writeFileSync(blocked, '');
  await first.commit(put('b'));
  rmSync(blocked);
  t.mock.timers.tick(OPTIONS.retryInterval);
  await first.journal.close();
  assert.deepEqual(
    first.warnings.filter((text) => text === 'the journal is written again'),
    ['the journal is written again'],
  );
  assert.deepEqual(names(openJournal(t, { directory: first.directory })), ['a']);
});

test('a body that can be applied as it is, is not decoded', async (t) => {
  const first = openJournal(t);
  await first.commit(put('a'));
  await first.commit(put('b'));
  const bodies: Buffer[] = [];
  const applyRecord = (body: Buffer): boolean => bodies.push(Buffer.from(body)) === 1;
  const second = openJournal(t, { directory: copyOf(t, first.directory), applyRecord });
  assert.deepEqual(
    bodies.map((body) => decodeRecord(changeCodec, body)),
    [[put('a')], [put('b')]],
  );
  assert.deepEqual(names(second), ['b']);
});

test('a body that its codec can not use is damage', async (t) => {
  const first = openJournal(t);
  await first.commit(put('a'));
  const codec = {
    ...changeCodec,
    decode: (): Change => {
      throw new TypeError('none that is written');
    },
  };
  assert.throws(
    () => openJournal(t, { directory: copyOf(t, first.directory), codec }),
    /segment-0000000001\.journal: byte [0-9]+: none that is written: restore the folder/,
  );
});
