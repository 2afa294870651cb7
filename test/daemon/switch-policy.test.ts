import assert from 'node:assert/strict';
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type DaemonProcess, spawnDaemon, startDaemonProcess } from '../helpers/daemon.ts';
import { runProgram } from '../helpers/programs.ts';
import { tempDirectory } from '../helpers/temp.ts';

const IS_ROOT = process.getuid?.() === 0;
const NOBODY = 65_534;
/** A group that nobody has by itself. */
const GROUP = 54_321;

/**
 * Words that make a program another user's. Only root has another user to be had: else the peer is the daemon's own user,
 * who may do all.
 */
const asNobody = (group?: number): readonly string[] => {
  if (!IS_ROOT) return [];
  const groups = group === undefined ? '--clear-groups' : `--groups=${group}`;
  const read = ['--inh-caps=+dac_read_search', '--ambient-caps=+dac_read_search'];
  return ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, groups, ...read, '--'];
};

/** A switch whose socket everybody may open, with a policy as JSON. */
function startOpenSwitch(t: TestContext, policy: readonly object[]): Promise<DaemonProcess> {
  // Others may look into the folder, too.
  const directory = join(tempDirectory(t), 'run');
  mkdirSync(directory);
  for (const path of [directory, join(directory, '..')]) chmodSync(path, 0o755);
  const flags = ['--storage.enabled=false', '--sockets.mode=0666'];
  return startDaemonProcess(t, { directory, flags: [...flags, `--switch.policy=${JSON.stringify(policy)}`] });
}

/** Asks on one connection; gives the status and the body of each answer. */
async function ask(
  t: TestContext,
  { switchSocket }: DaemonProcess,
  launcher: readonly string[],
  targets: readonly string[],
): Promise<readonly string[]> {
  const curl = [
    'curl',
    '-s',
    '--unix-socket',
    switchSocket,
    '-w',
    '%{stderr}%{http_code} %{num_connects}\\n',
  ];
  const [program = '', ...args] = [
    ...launcher,
    ...curl,
    ...targets.map((target) => `http://switch${target}`),
  ];
  const { stdout, stderr } = await runProgram(t, program, args);
  return [...stderr.trimEnd().split('\n'), stdout];
}

const CREATE = ['/login/me', '/persistent/mine'];
const CREATE_AND_OBSERVE = [...CREATE, '/list/'];

test('another user may not connect without a rule; the own may, whomever the rules name', async (t) => {
  const daemon = await startOpenSwitch(t, [{ uid: 12_345, allow: ['create', 'observe'] }]);
  const came = await ask(t, daemon, asNobody(), CREATE_AND_OBSERVE);
  if (IS_ROOT) {
    // Each in a connection of its own: it is closed with the answer.
    const refusal = `the user ${NOBODY} may not connect (switch.policy)\n`;
    assert.deepEqual(came, ['403 1', '403 1', '403 1', refusal.repeat(3)]);
  } else assert.deepEqual(came, ['200 1', '200 0', '200 0', 'mine["mine"]']);
});

for (const [what, rule, group] of [
  ['the number of a user', { uid: NOBODY }, undefined],
  ['the name of a user', { uid: 'nobody' }, undefined],
  ['a group', { gid: NOBODY }, undefined],
  ['a further group of a user', { gid: GROUP }, GROUP],
] as const) {
  test(`a rule with ${what} allows that user just what it says; the own may do all`, async (t) => {
    const daemon = await startOpenSwitch(t, [{ ...rule, queue: 'm*', allow: ['create'] }]);
    const came = await ask(t, daemon, asNobody(group), CREATE_AND_OBSERVE);
    const refusal = `the user ${NOBODY} may not observe (switch.policy)`;
    const last = IS_ROOT ? ['403 0', `mine${refusal}`] : ['200 0', 'mine["mine"]'];
    assert.deepEqual(came, ['200 1', '200 0', ...last]);
  });
}

for (const [field, rule, what] of [
  ['uid', { uid: 'nosuchuser', allow: ['send'] }, 'user "nosuchuser"'],
  ['gid', { gid: 'nosuchgroup', allow: ['send'] }, 'group "nosuchgroup"'],
] as const) {
  test(`a ${field} that nobody has ends the start with the field and what it says`, async (t) => {
    const policy = JSON.stringify([{ uid: 'root', allow: ['send'] }, rule]);
    const daemon = spawnDaemon(t, { flags: [`--switch.policy=${policy}`] });
    const text = `switch.policy, table 2, ${field}: there is no ${what}`;
    await assert.rejects(
      daemon.logged(() => false),
      (error) => {
        assert.ok(error instanceof Error && error.message.includes(text), `${error}`);
        return true;
      },
    );
    assert.notEqual(await daemon.ended, 0);
  });
}
