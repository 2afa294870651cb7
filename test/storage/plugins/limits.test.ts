import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { statFields } from '../../../src/storage/plugins/group.ts';
import { createOrdering } from '../../../src/storage/plugins/ordering.ts';
import type { Plugin } from '../../../src/storage/plugins/plugin.ts';
import { createSlots } from '../../../src/storage/plugins/slots.ts';
import { timeByMethod } from '../../../src/storage/plugins/timeouts.ts';
import { stopClock } from '../../helpers/clock.ts';
import { VOLUME, writeProgram } from '../../helpers/plugins.ts';
import { asFailed, asResult, HOUR, onePlugin, preparePlugins, python, shell, untilThere } from './helpers.ts';

/** What bounds the scripts: time, output, how many at once, and the order in which they come. */

/** The state of a process, as proc(5) has it. */
const stateOf = (pid: number): string | undefined =>
  statFields(readFileSync(`/proc/${pid}/stat`, 'latin1'))[0];

/** Whether a process runs: one that is dead and not yet waited for does not. */
function runs(pid: number): boolean {
  try {
    return !/^[ZX]/.test(stateOf(pid) ?? '');
  } catch {
    return false;
  }
}

const pidIn = (path: string): number => Number(readFileSync(path, 'utf8'));

/** Tells its own pid and that of a child, neither of which ends at TERM. */
const HANGING = shell(`trap '' TERM
  cat > /dev/null
  sh -c 'trap "" TERM; echo $$ > child.new; mv child.new child; while :; do sleep 1; done' &
  while [ ! -e child ]; do sleep 0.01; done
  echo $$ > parent.new; mv parent.new parent
  echo hanging >&2
  while :; do sleep 1; done`);

/** Calls a script whose time is over when it has made a file. */
async function callTooLong(t: TestContext, plugin: Plugin, file: string, timeout: number) {
  const { pass, release } = stopClock(t);
  const outcome = plugin.call('SR.attach', {});
  await untilThere(join(plugin.directory, file));
  pass(timeout);
  release();
  return asFailed(await outcome);
}

test('a script that hangs is killed with its children, and only then is its call answered', async (t) => {
  const { plugin, plugins, directory, registry } = await onePlugin(
    t,
    { 'SR.attach': HANGING, 'SR.ls': shell('cat > /dev/null; echo []') },
    { timeouts: [{ method: 'sr.ATT*', time: 200 }] },
  );
  const failed = await callTooLong(t, plugin, 'parent', 200);
  for (const name of ['parent', 'child']) assert.equal(runs(pidIn(join(directory, name))), false, name);
  assert.equal(failed.status, 'timed out after 0.2 s');
  assert.match(
    failed.reason,
    /^org\.xen\.xapi\.storage\.mine SR\.attach: timed out after 0\.2 s, ended after \S+ s$/,
  );
  assert.equal(registry.counters.timeouts, 1);
  assert.ok(!plugins.logged.some(({ text }) => text.includes('although it was killed')));
  assert.deepEqual(asResult(await plugin.call('SR.ls', {})), []);
});

test('a script that ends at TERM is given the time to do so', async (t) => {
  const { plugin, directory } = await onePlugin(
    t,
    {
      'SR.attach': shell(`trap 'echo tidied > tidied; exit 0' TERM
        cat > /dev/null
        : > ready
        while :; do sleep 0.01; done`),
    },
    { timeout: 1000, killGrace: HOUR },
  );
  const failed = await callTooLong(t, plugin, 'ready', 1000);
  assert.equal(failed.status, 'timed out after 1 s');
  assert.equal(readFileSync(join(directory, 'tidied'), 'utf8'), 'tidied\n');
});

test('a child that stays when its parent has ended at TERM is killed, too', async (t) => {
  const { plugin, directory } = await onePlugin(
    t,
    { 'SR.attach': HANGING.replace("trap '' TERM\n", "trap 'exit 1' TERM\n") },
    { timeout: 1000 },
  );
  assert.match((await callTooLong(t, plugin, 'parent', 1000)).status, /^timed out/);
  assert.equal(runs(pidIn(join(directory, 'child'))), false);
});

test('a script that has ended is not too late when its daemon was held up itself', async (t) => {
  const { plugin, directory } = await onePlugin(
    t,
    { 'SR.attach': shell('echo $$ > pid.new; mv pid.new pid; echo 1') },
    { timeout: 1 },
  );
  const outcome = plugin.call('SR.attach', {});
  // Behind all that needs no answer of the system: the script runs.
  await new Promise((resolve) => process.nextTick(resolve));
  const pid = join(directory, 'pid');
  // Dead, and not yet waited for.
  while (!existsSync(pid) || stateOf(pidIn(pid)) !== 'Z');
  assert.equal(asResult(await outcome), 1);
});

test('a script that takes long is warned of and goes on', async (t) => {
  const { plugin, plugins, directory } = await onePlugin(
    t,
    { 'Volume.copy': shell('cat > /dev/null; while [ ! -e go ]; do sleep 0.01; done; echo 1') },
    { slowAfter: 10 },
  );
  const outcome = plugin.call('Volume.copy', {});
  // The query may have taken long as well.
  const { level, fields } = await plugins.logs(
    ({ text, fields: { method } }) => text.startsWith('a script takes more than') && method === 'Volume.copy',
  );
  assert.equal(level, 'warn');
  assert.equal(typeof fields.pid, 'number');
  writeProgram(join(directory, 'go'), '');
  assert.equal(asResult(await outcome), 1);
});

test('the first pattern that fits a method says how long it may take, else the usual time holds', () => {
  const timeOf = timeByMethod(
    [
      { method: 'Datapath.*', time: 1 },
      { method: '*.copy', time: 2 },
      { method: 'Datapath.open', time: 3 },
      { method: 'S?.x', time: 4 },
    ],
    5,
  );
  const methods = ['datapath.Open', 'Volume.copy', 'Data.copy', 'Volume.copy2', 'SR.x', 'xDatapath.open'];
  assert.deepEqual(methods.map(timeOf), [1, 2, 2, 5, 5, 5]);
});

test('a script that prints more than it may is ended, and the limit is named', async (t) => {
  const { plugin } = await onePlugin(
    t,
    { 'SR.ls': python("import sys\nwhile True: sys.stdout.write('x' * 1000)") },
    { maxOutputBytes: 10_000 },
  );
  const failed = asFailed(await plugin.call('SR.ls', {}));
  assert.equal(failed.status, 'printed more than plugins.maxOutputBytes (10000) bytes');
  assert.equal(failed.stdout, 'x'.repeat(4096));
});

test('an answer of just as many bytes as are allowed is taken', async (t) => {
  const { plugin } = await onePlugin(
    t,
    { 'SR.ls': shell(`printf '"%0*d"' "$(cat | tr -dc 0-9)" 0`) },
    { maxOutputBytes: 10_000 },
  );
  assert.equal(asResult(await plugin.call('SR.ls', { digits: 9998 })), '0'.repeat(9998));
  assert.match(asFailed(await plugin.call('SR.ls', { digits: 9999 })).status, /maxOutputBytes/);
});

/** Notes its beginning, and ends when it is let go. */
const HELD = shell(`name=$(cat | tr -dc a-z0-9)
  touch "begun-$name"
  while [ ! -e "go-$name" ]; do sleep 0.01; done
  echo 1`);

test('of one plugin so many scripts run at once, and others are not held up by those that wait', async (t) => {
  const plugins = preparePlugins(t);
  const directory = plugins.write(`volume/${VOLUME}`, { 'SR.ls': HELD });
  plugins.write('volume/other', { 'SR.ls': shell('cat > /dev/null; echo 2') });
  const registry = plugins.start({ maxRunningPerPlugin: 2 });
  await registry.ready;
  const [mine, other] = [registry.get('volume', VOLUME), registry.get('volume', 'other')];
  assert.ok(mine !== undefined && other !== undefined);
  const calls = ['a', 'b', 'c'].map((a) => mine.call('SR.ls', { a }));
  assert.equal(asResult(await other.call('SR.ls', {})), 2);
  assert.deepEqual(registry.load(), { running: 2, waiting: 1 });
  const [status] = registry.all().filter(({ name }) => name === VOLUME);
  assert.deepEqual([status?.running, status?.waiting], [2, 1]);
  assert.equal(existsSync(join(directory, 'begun-ac')), false);
  for (const name of ['ab', 'aa', 'ac']) writeProgram(join(directory, `go-${name}`), '');
  const outcomes = await Promise.all(calls);
  assert.deepEqual(outcomes.map(asResult), [1, 1, 1]);
  const [first, , third] = outcomes.map((outcome) => (outcome.type === 'result' ? outcome.waited : -1));
  assert.ok(first !== undefined && third !== undefined && third > first);
});

test('slots are given in the order of arrival, to whom they are open', async () => {
  const slots = createSlots(3);
  const order: string[] = [];
  const take = (plugin: string, name: string) =>
    slots.take(plugin, 2).then((release) => {
      order.push(name);
      return release;
    });
  const held = [take('a', 'a1'), take('a', 'a2')];
  const later = [take('a', 'a3'), take('b', 'b1'), take('b', 'b2'), take('a', 'a4')];
  const [first, second] = await Promise.all(held);
  await later[1];
  assert.deepEqual(order, ['a1', 'a2', 'b1']);
  assert.deepEqual([slots.running(), slots.waiting(), slots.waiting('a'), slots.running('a')], [3, 3, 2, 2]);
  first?.();
  first?.();
  await later[0];
  assert.deepEqual(order, ['a1', 'a2', 'b1', 'a3']);
  second?.();
  await later[2];
  assert.deepEqual(order, ['a1', 'a2', 'b1', 'a3', 'b2']);
  for (const release of await Promise.all([later[0], later[1]])) release?.();
  await later[3];
  (await later[2])?.();
  (await later[3])?.();
  assert.deepEqual([slots.running(), slots.waiting()], [0, 0]);
});

test('nobody overtakes who came before it to the same plugin, though it may use more slots', async () => {
  const slots = createSlots(3);
  const first = await slots.take('a', 1);
  const order: string[] = [];
  const second = slots.take('a', 1).then((release) => order.push('second') && release);
  const third = slots.take('a', 2).then((release) => order.push('third') && release);
  assert.equal(slots.waiting('a'), 2);
  first?.();
  await Promise.all([second, third]);
  assert.deepEqual(order, ['second', 'third']);
});

test('a caller that is gone does not wait for its turn any more, and its script is not run', async (t) => {
  const { plugin, plugins, directory } = await onePlugin(t, { 'SR.ls': HELD }, { maxRunning: 1 });
  const first = plugin.call('SR.ls', { a: 1 });
  const caller = new AbortController();
  const second = plugin.call('SR.ls', { b: 2 }, { signal: caller.signal });
  const third = plugin.call('SR.ls', { c: 3 });
  caller.abort();
  assert.equal(asFailed(await second).status, 'not run: its caller is gone');
  assert.equal(
    asFailed(await plugin.call('SR.ls', { d: 4 }, { signal: caller.signal })).status,
    'not run: its caller is gone',
  );
  for (const name of ['a1', 'c3']) writeProgram(join(directory, `go-${name}`), '');
  assert.deepEqual([await first, await third].map(asResult), [1, 1]);
  assert.deepEqual([existsSync(join(directory, 'begun-b2')), plugins.logged.length > 0], [false, true]);
});

test('a script whose caller is gone runs to its end, and its outcome is given', async (t) => {
  const { plugin, directory, registry } = await onePlugin(t, { 'SR.ls': HELD });
  const caller = new AbortController();
  const outcome = plugin.call('SR.ls', { a: 1 }, { signal: caller.signal });
  await untilThere(join(directory, 'begun-a1'));
  caller.abort();
  writeProgram(join(directory, 'go-a1'), '');
  assert.equal(asResult(await outcome), 1);
  assert.deepEqual(registry.load(), { running: 0, waiting: 0 });
});

test('what waited and what ran is counted and logged apart', async (t) => {
  let time = 0;
  const plugins = preparePlugins(t);
  plugins.write(`volume/${VOLUME}`, { 'SR.ls': shell('cat > /dev/null; echo 1') });
  // Every look at the clock is a second later.
  const registry = plugins.start({ maxRunning: 1 }, { now: () => (time += 1000) });
  await registry.ready;
  const plugin = registry.get('volume', VOLUME);
  assert.ok(plugin);
  const outcome = await plugin.call('SR.ls', {});
  assert.ok(outcome.type === 'result' && outcome.waited >= 1000 && outcome.ran >= 1000);
  const { calls, waited, ran } = registry.counters;
  assert.deepEqual({ calls, waited, ran }, { calls: 1, waited: outcome.waited, ran: outcome.ran });
  const line = plugins.logged.find(({ text }) => text === 'a script ran');
  assert.deepEqual([line?.fields.waited, line?.fields.ran], [outcome.waited, outcome.ran]);
});

test('tasks on one key run one after the other as they came, also when one fails, and others beside them', async () => {
  let time = 0;
  const ordering = createOrdering(() => time);
  const log: string[] = [];
  const gate = Promise.withResolvers<void>();
  const first = ordering.run('a', async (waited) => {
    log.push(`first ${waited}`);
    await gate.promise;
    throw new Error('of the first');
  });
  const second = ordering.run('a', async (waited) => {
    log.push(`second ${waited}`);
    return 2;
  });
  const third = ordering.run('a', async (waited) => log.push(`third ${waited}`));
  assert.equal(ordering.size('a'), 3);
  await ordering.run('b', async (waited) => log.push(`other ${waited}`));
  assert.deepEqual(log, ['first 0', 'other 0']);
  time = 7;
  gate.resolve();
  await assert.rejects(first, /of the first/);
  assert.equal(await second, 2);
  await third;
  assert.deepEqual(log, ['first 0', 'other 0', 'second 7', 'third 7']);
  await Promise.resolve();
  assert.deepEqual([ordering.size('a'), ordering.size('b')], [0, 0]);
});

test('a stop lets what runs end, and starts nothing more', async (t) => {
  const { plugin, registry, directory } = await onePlugin(t, { 'SR.ls': HELD }, { maxRunning: 1 });
  const running = plugin.call('SR.ls', { a: 1 });
  const waiting = plugin.call('SR.ls', { b: 2 });
  await untilThere(join(directory, 'begun-a1'));
  const stopped = registry.stop();
  writeProgram(join(directory, 'go-a1'), '');
  await stopped;
  assert.equal(asResult(await running), 1);
  assert.equal(asFailed(await waiting).status, 'not run: the daemon stops');
});

test('a stop whose patience is over ends what runs', async (t) => {
  const { plugin, registry, directory } = await onePlugin(t, { 'SR.ls': HANGING });
  const running = plugin.call('SR.ls', {});
  await untilThere(join(directory, 'parent'));
  await registry.stop(1);
  assert.equal(asFailed(await running).status, 'ended: the daemon stops');
  assert.equal(runs(pidIn(join(directory, 'child'))), false);
  rmSync(join(directory, 'parent'));
});
