import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { BoundedLabel, Exposition } from '../../src/service/metrics.ts';
import { TimeHistogram } from '../../src/service/metrics-histogram.ts';
import { JournalMeter } from '../../src/service/metrics-journals.ts';
import { PluginMeter } from '../../src/service/metrics-plugins.ts';
import { QueueMeter } from '../../src/service/metrics-queues.ts';
import { startTextfile } from '../../src/service/metrics-textfile.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { openJournal, put } from '../journal/helpers.ts';
import { promtool, readMetrics } from './metrics-text.ts';

test('the buckets of a histogram count what is in those below them, and the last one all', () => {
  const times = new TimeHistogram();
  for (const ms of [0.0625, 31.25, 31.25, 700_000]) times.note(ms);
  const to = new Exposition();
  to.addHistogram('datapathd_journal_sync_seconds', times, 'j');
  const samples = readMetrics(to.text());
  const bucket = (le: string): number | undefined =>
    samples.get(`datapathd_journal_sync_seconds_bucket{journal="j",le="${le}"}`);
  assert.deepEqual(['0.0001', '0.025', '0.1', '600', '+Inf'].map(bucket), [1, 1, 3, 3, 4]);
  assert.equal(samples.get('datapathd_journal_sync_seconds_count{journal="j"}'), 4);
  assert.equal(samples.get('datapathd_journal_sync_seconds_sum{journal="j"}'), 700_062.5625 / 1000);
});

test('whatever stands in a label is escaped', async (t) => {
  const to = new Exposition();
  to.add('datapathd_queue_messages', 1, 'a"b\\c\nd\ud800é');
  assert.match(to.text(), /\ndatapathd_queue_messages\{queue="a\\"b\\\\c\\nd\ufffdé"\} 1\n$/);
  assert.equal(await promtool(t, ['check', 'metrics'], to.text()), '');
});

test('a label tells its first values apart for good', () => {
  const label = new BoundedLabel(2);
  assert.deepEqual(
    ['a', 'b', 'c', 'a'].map((value) => label.of(value)),
    ['a', 'b', 'other', 'a'],
  );
});

test('a queue that is named other is none of those that are told apart', () => {
  const meter = new QueueMeter(10);
  meter.found('other');
  meter.sent('other');
  assert.deepEqual(
    meter.counts.map(({ name, in: came }) => [name, came]),
    [['other', 1]],
  );
});

test('a message that is dropped while it is worked on is not measured', () => {
  const meter = new QueueMeter(10);
  meter.found('q');
  const id = { queue: 'q', id: 1 };
  meter.fetched(id, 1, 100);
  meter.ended(id);
  meter.acked(id, 200);
  assert.equal(meter.counts[0]?.runs.sum, 0);
  assert.equal(meter.counts[0]?.out, 1);
});

test('plugins beyond the limit are counted together', () => {
  const meter = new PluginMeter(1);
  for (const name of ['a', 'b', 'c']) {
    meter.note({ kind: 'volume', name, method: 'SR.ls', outcome: 'result', waited: 0, ran: 1 });
  }
  const counts = [...meter.counts].map(({ name, calls }) => [name, calls]);
  assert.deepEqual(counts, [
    ['a', 1],
    ['other', 2],
  ]);
});

test('the file is replaced in one step, leaves nothing beside it, and is gone at the end', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const directory = tempDirectory(t);
  const path = join(directory, 'datapathd.prom');
  const writes = new EventEmitter();
  let count = 0;
  const text = (): string => {
    count += 1;
    // What was written before is whole by now: one write follows the other.
    setImmediate(() => writes.emit('asked'));
    return `written ${count}\n`;
  };
  const failed = (reason: string): void => assert.fail(reason);
  const file = startTextfile({ path, interval: 1000, text, failed });
  await seen(path);
  const first = statSync(path).ino;
  assert.equal(readFileSync(path, 'utf8'), 'written 1\n');
  while (statSync(path).ino === first) {
    t.mock.timers.tick(1000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.match(readFileSync(path, 'utf8'), /^written [0-9]+\n$/);
  await file.stop();
  assert.deepEqual(readdirSync(directory), []);
});

test('every user may read the file, however narrow the umask is', async (t) => {
  const before = process.umask(0o077);
  t.after(() => process.umask(before));
  const path = join(tempDirectory(t), 'datapathd.prom');
  const failed = (reason: string): void => assert.fail(reason);
  const file = startTextfile({ path, interval: 3_600_000, text: () => 'x\n', failed });
  await seen(path);
  assert.equal(statSync(path).mode & 0o777, 0o644);
  await file.stop();
});

test('a file that can not be written is told', async (t) => {
  const path = join(tempDirectory(t), 'a-folder');
  mkdirSync(path);
  const told = new EventEmitter();
  const file = startTextfile({
    path,
    interval: 3_600_000,
    text: () => 'x\n',
    failed: (reason) => told.emit('failed', reason),
  });
  const [reason] = await once(told, 'failed');
  assert.match(reason, /EISDIR/);
  await file.stop().catch(() => {});
});

/** Settles when a file is there. */
async function seen(path: string): Promise<void> {
  while (statSync(path, { throwIfNoEntry: false }) === undefined) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('a queue that is removed leaves nothing behind that is measured', () => {
  const meter = new QueueMeter(10);
  meter.found('q');
  meter.fetched({ queue: 'q', id: 1 }, 1, 100);
  meter.removed('q');
  meter.acked({ queue: 'q', id: 1 }, 200);
  assert.equal(meter.counts[0]?.runs.sum, 0);
});

test('of very many messages that are worked on at the same time some are not measured', () => {
  const meter = new QueueMeter(10);
  meter.found('q');
  const ids = Array.from({ length: 1001 }, (_, id) => ({ queue: 'q', id }));
  for (const id of ids) meter.fetched(id, 0, 0);
  for (const id of ids) meter.acked(id, 1000);
  assert.equal(meter.counts[0]?.runs.sum, 1000);
});

test('a journal tells its size, also when it is compacted', async (t) => {
  const meter = new JournalMeter();
  const { directory, journal, commit, files } = openJournal(t, { meter });
  const size = (): number => files().reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
  await commit(put('a'), put('b'));
  assert.equal(meter.size, size());
  for (const _ of Array(50)) await commit(put('a'));
  assert.equal(meter.records, 51);
  assert.equal(
    meter.syncs.counts.reduce((sum, count) => sum + count, 0),
    51,
  );
  await journal.close();
  assert.equal(meter.compactions, 1);
  assert.equal(meter.size, size());
});
