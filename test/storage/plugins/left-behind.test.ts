import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { signalGroup } from '../../../src/storage/plugins/group.ts';
import { endLeftBehind, keepRunningScripts } from '../../../src/storage/plugins/left-behind.ts';
import { tempDirectory } from '../../helpers/temp.ts';

/** Scripts go on when their daemon is killed: the next one ends them before it does their work again. */

const BOOT = 'this-boot';
/** Longer than any machine takes to let a process end. */
const GRACE_MS = 3_600_000;

/** A process in a group of its own, that says when it runs and ends when it is told to. */
async function startScript(
  t: TestContext,
  program = 'echo runs; exec cat',
): Promise<ChildProcess & { pid: number }> {
  const child = spawn('sh', ['-c', program], { detached: true, stdio: ['pipe', 'pipe', 'inherit'] });
  const { pid } = child;
  assert.ok(pid);
  t.after(() => {
    if (signalGroup(pid, 0)) signalGroup(pid, 'SIGKILL');
  });
  await once(child.stdout, 'data');
  return Object.assign(child, { pid });
}

/** The signal that ended it. */
async function endOf(script: ChildProcess): Promise<string | null> {
  if (script.exitCode === null && script.signalCode === null) await once(script, 'exit');
  return script.signalCode;
}

const end = (directory: string, grace = GRACE_MS): Promise<number[]> =>
  endLeftBehind({ directory, boot: BOOT }, grace, () => assert.fail('it lingers'));

test('a script that was left running is ended', async (t) => {
  const directory = tempDirectory(t);
  const script = await startScript(t);
  keepRunningScripts({ directory, boot: BOOT }).began(script.pid);
  assert.deepEqual(await end(directory), [script.pid]);
  assert.equal(await endOf(script), 'SIGTERM');
  assert.deepEqual(readdirSync(directory), []);
});

test('one that does not end by itself is killed', async (t) => {
  const directory = tempDirectory(t);
  const script = await startScript(t, 'trap "" TERM; echo runs; while :; do read line || sleep 0.01; done');
  keepRunningScripts({ directory, boot: BOOT }).began(script.pid);
  await end(directory, 20);
  assert.equal(await endOf(script), 'SIGKILL');
});

test('what it has started is ended, also when it is gone itself', async (t) => {
  const directory = tempDirectory(t);
  const leader = await startScript(t, 'exec 3<&0; sh -c "echo runs; exec cat <&3" & wait');
  keepRunningScripts({ directory, boot: BOOT }).began(leader.pid);
  process.kill(leader.pid, 'SIGKILL');
  await once(leader, 'exit');
  assert.ok(signalGroup(leader.pid, 0));
  assert.deepEqual(await end(directory), [leader.pid]);
  await end(directory);
});

test('a script that has ended is not looked for', async (t) => {
  const directory = tempDirectory(t);
  const script = await startScript(t);
  const over = keepRunningScripts({ directory, boot: BOOT }).began(script.pid);
  over();
  assert.deepEqual(await end(directory), []);
  assert.ok(signalGroup(script.pid, 0));
});

test('a note that can not be taken away stays, and nobody hears of it', async (t) => {
  const directory = tempDirectory(t);
  const script = await startScript(t);
  const over = keepRunningScripts({ directory, boot: BOOT }).began(script.pid);
  // What a file system does that has become read-only, to root as well.
  const note = join(directory, `${script.pid}`);
  rmSync(note);
  mkdirSync(note);
  over();
  assert.deepEqual(readdirSync(directory), [`${script.pid}`]);
});

test('another process that got the number is left alone', async (t) => {
  const directory = tempDirectory(t);
  const script = await startScript(t);
  keepRunningScripts({ directory, boot: BOOT }).began(script.pid);
  const note = join(directory, `${script.pid}`);
  writeFileSync(note, `${readFileSync(note, 'utf8')}0`);
  assert.deepEqual(await end(directory), []);
  assert.ok(signalGroup(script.pid, 0));
  assert.ok(!existsSync(note));
});

test('a number of an earlier boot means nothing', async (t) => {
  const directory = tempDirectory(t);
  const script = await startScript(t);
  keepRunningScripts({ directory, boot: 'another-boot' }).began(script.pid);
  assert.deepEqual(await end(directory), []);
  assert.ok(signalGroup(script.pid, 0));
});

test('a folder that is not there holds nothing', async (t) => {
  assert.deepEqual(await end(join(tempDirectory(t), 'none')), []);
});

test('a disk that is full keeps no script from running', (t) => {
  const directory = join(tempDirectory(t), 'scripts');
  const { began } = keepRunningScripts({ directory, boot: BOOT });
  // A folder that is gone stands for a disk that takes nothing.
  rmSync(directory, { recursive: true });
  began(process.pid)();
});
