import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import packageJson from '../../package.json' with { type: 'json' };
import { SETTINGS } from '../../src/config/schema.ts';
import { renderHelp } from '../../src/config.ts';
import { MAIN } from '../helpers/daemon.ts';
import { runProgram } from '../helpers/programs.ts';
import { configFile } from './helpers.ts';

const datapathd = (t: TestContext, flags: readonly string[], env: Record<string, string> = {}) =>
  runProgram(t, process.execPath, [MAIN, ...flags], { env });

test('--help prints every setting and ends', async (t) => {
  assert.deepEqual(await datapathd(t, ['--help']), { status: 0, stdout: renderHelp(), stderr: '' });
});

test('--version prints the version and ends', async (t) => {
  const { version } = packageJson;
  assert.deepEqual(await datapathd(t, ['--version']), { status: 0, stdout: `${version}\n`, stderr: '' });
});

test('--check-config says that all is well, and ends', async (t) => {
  const file = configFile(t, '[log]\nlevel = "warn"');
  const { status, stdout, stderr } = await datapathd(t, ['--check-config', '--config', file]);
  assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
  assert.match(stdout, /^.+\n$/);
});

test('--check-config ends with one line and a status of its own when something is wrong', async (t) => {
  const file = configFile(t, '[log]\nlevel = "loud"');
  const { status, stdout, stderr } = await datapathd(t, ['--check-config', '--config', file]);
  assert.deepEqual({ status, stdout }, { status: 2, stdout: '' });
  const expected = 'expected one of trace, debug, info, warn, error, fatal, silent, got "loud"';
  assert.equal(stderr, `datapathd: log.level: ${expected} (${file}:2)\n`);
});

test('--print-config prints each setting with the source that it came from', async (t) => {
  const file = configFile(t, '[log]\nlevel = "warn"');
  const { status, stdout, stderr } = await datapathd(
    t,
    ['--print-config', '--config', file, '--sockets.maxDepth', '9'],
    { DATAPATHD_SWITCH_MODE: 'off' },
  );
  assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
  const lines = stdout.trimEnd().split('\n');
  assert.equal(lines.length, SETTINGS.length);
  for (const line of lines) assert.match(line, /^[a-z]+\.\w+ = .* # \S/);
  assert.match(stdout, new RegExp(`^log\\.level = "warn" +# ${file}:2$`, 'm'));
  assert.match(stdout, /^switch\.mode = "off" +# environment DATAPATHD_SWITCH_MODE$/m);
  assert.match(stdout, /^sockets\.maxDepth = 9 +# flag --sockets\.maxDepth$/m);
  assert.match(stdout, /^shutdown\.timeout = "10s" +# default$/m);
});

test('the start ends at a word that is no flag with a flag as it is typed, in which nothing is hidden', async (t) => {
  const { status, stderr } = await datapathd(t, ['serve']);
  assert.equal(status, 2);
  assert.equal(stderr, 'datapathd: "serve": expected a flag, such as --log.level=debug; see --help\n');
});

test('the start ends with one line at an unknown variable', async (t) => {
  const { status, stderr } = await datapathd(t, ['--config=/dev/null'], { DATAPATHD_LOG_LEVL: 'info' });
  assert.equal(status, 2);
  const expected = 'no such setting (environment); did you mean DATAPATHD_LOG_LEVEL?';
  assert.equal(stderr, `datapathd: DATAPATHD_LOG_LEVL: ${expected}\n`);
});
