import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { runProgram } from '../helpers/programs.ts';
import { tempDirectory } from '../helpers/temp.ts';

const PROVIDE = JSON.stringify(join(import.meta.dirname, '../helpers/provide.ts'));

/** What the tests run, and what gets it, but for the program that is to be missing. */
const PROGRAMS = [
  'curl',
  'cc',
  'python3',
  'setpriv',
  'systemd-analyze',
  'flock',
  'qemu-nbd',
  'qemu-io',
  'nbdcopy',
  'promtool',
  'chromium',
  'mscgen',
  'man',
  'groff',
  'zsh',
  'fish',
  'dpkg',
  'dpkg-deb',
  'tar',
  'sh',
];

/** Where every user finds the system's programs; then where this one does. */
const FOLDERS = ['/usr/bin', '/bin', '/usr/sbin', '/sbin', ...(process.env.PATH ?? '').split(':')];

/** Provides the tools as a normal user, where socat is not there and nothing but these programs is. */
async function provide(t: TestContext, others: readonly string[]) {
  const directory = tempDirectory(t);
  const [bin, cache] = [join(directory, 'bin'), join(directory, 'cache')];
  for (const folder of [bin, cache]) mkdirSync(folder);
  chmodSync(directory, 0o755);
  chmodSync(cache, 0o777);
  for (const name of [...PROGRAMS, ...others]) {
    const found = FOLDERS.map((folder) => join(folder, name)).find((path) => existsSync(path));
    assert.ok(found !== undefined, `${name} is needed here`);
    symlinkSync(found, join(bin, name));
  }
  const script = `
    import { spawnSync } from 'node:child_process';
    import { provideTools } from ${PROVIDE};
    const env = provideTools(${JSON.stringify(cache)}, process.env);
    const { stdout } = spawnSync('socat', ['-V'], { env, encoding: 'utf8' });
    console.log(stdout);
  `;
  // Without root there is nothing to give up. With it, the sources may lie where others can't look.
  const user = ['--reuid=65534', '--regid=65534', '--clear-groups'];
  const read = ['--inh-caps=+dac_read_search', '--ambient-caps=+dac_read_search'];
  const launcher = process.getuid?.() === 0 ? ['setpriv', ...user, ...read, '--'] : [];
  const words = [...launcher, process.execPath, '--input-type=module-typescript', '-e', script];
  const [program = '', ...args] = words;
  return runProgram(t, program, args, { env: { PATH: bin, LD_LIBRARY_PATH: '', HOME: directory } });
}

test('a program that is missing comes as a Debian package, unpacked for who is not root', async (t) => {
  const { stdout, stderr } = await provide(t, ['apt-get']);
  assert.match(stdout, /^the tests need socat: getting them as Debian packages …\nsocat by /, stderr);
});

test('what can not be had ends it, with the packages to install', async (t) => {
  const { status, stderr } = await provide(t, []);
  assert.notEqual(status, 0);
  assert.match(stderr, /CannotProvide.*: install the packages socat and run them again/);
});
