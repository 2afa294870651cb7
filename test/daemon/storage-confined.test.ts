import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { LogLine } from '../helpers/daemon.ts';
import { SCHEME } from '../helpers/fake-storage.ts';
import { startStorage, VOLUME } from '../helpers/plugins.ts';
import { withPlugins } from './storage-helpers.ts';

/** What systemd gives each service. */
const SERVICE = { INVOCATION_ID: '0123456789abcdef0123456789abcdef' };
const IS_ROOT = process.getuid?.() === 0;
/** As the unit has it; who is not root may nothing to begin with. */
const MAY_NOTHING = IS_ROOT ? ['setpriv', '--bounding-set=-all', '--inh-caps=-all'] : [];

const isWarning = ({ level, msg }: LogLine): boolean => level === 'warn' && msg.includes('confined');
const saying = (reason: string): string =>
  `the plugins are confined: ${reason}; unless that is meant, add the drop-in datapathd.service.d/storage-plugins.conf`;
const MOUNTS_NOTHING = saying('the service may mount nothing (CAP_SYS_ADMIN)');
const MOUNTS_HIDDEN = saying('what they mount is hidden from the host, as the service has mounts of its own');

async function warningsAtStart(
  t: TestContext,
  env: NodeJS.ProcessEnv,
  launcher: readonly string[],
): Promise<string[]> {
  const { plugins } = await withPlugins(t);
  const { log } = await startStorage(t, plugins, { env, launcher });
  return log.filter(isWarning).map(({ msg }) => msg);
}

test('a service that may mount nothing and has plugins says so once, with what to do', async (t) => {
  assert.deepEqual(await warningsAtStart(t, SERVICE, MAY_NOTHING), [MOUNTS_NOTHING]);
});

/** Runs what follows where a shell is the host's first process. */
const ON_A_HOST = ['unshare', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', 'sh', '-c'];

if (IS_ROOT) {
  test('a service whose mounts the host does not see says so', async (t) => {
    const launcher = [...ON_A_HOST, 'unshare --mount "$@"; :', 'sh'];
    assert.deepEqual(await warningsAtStart(t, SERVICE, launcher), [MOUNTS_HIDDEN]);
  });

  test('a service whose mounts are those of the host says nothing', async (t) => {
    assert.deepEqual(await warningsAtStart(t, SERVICE, [...ON_A_HOST, '"$@"; :', 'sh']), []);
  });
}

test('without plugins nothing is said of that until there is one', async (t) => {
  const { plugins } = await withPlugins(t);
  plugins.remove(`volume/${VOLUME}`);
  plugins.remove(`datapath/${SCHEME}`);
  const daemon = await startStorage(t, plugins, { env: SERVICE, launcher: MAY_NOTHING });
  assert.deepEqual(daemon.log.filter(isWarning), []);
  plugins.write('datapath/late', []);
  await daemon.logged(isWarning);
});

test('what is no service of systemd has the rights of whoever has started it, and nothing is said', async (t) => {
  assert.deepEqual(await warningsAtStart(t, { INVOCATION_ID: undefined }, MAY_NOTHING), []);
});
