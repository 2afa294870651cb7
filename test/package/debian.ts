import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { OWN_SYSTEM } from '../helpers/namespaces.ts';
import { type Ran, runProgram } from '../helpers/programs.ts';
import { tempDirectory } from '../helpers/temp.ts';

/** A bare Debian with systemd as PID 1, in namespaces of its own and without a network. */

const CACHE = join(import.meta.dirname, '../../.cache');
const BOOT = join(import.meta.dirname, 'boot.sh');
const SUITE = 'bookworm';
/** Beside what Debian calls essential. */
const PACKAGES = ['systemd', 'socat'];

/** The files of such a Debian, made once: whoever boots it writes into a copy. */
async function debianRoot(): Promise<string> {
  const root = join(CACHE, `debian-${SUITE}-${PACKAGES.join('-')}`);
  if (existsSync(root)) return root;
  mkdirSync(CACHE, { recursive: true });
  const folder = mkdtempSync(join(CACHE, 'debian-'));
  const made = join(folder, 'root');
  const words = [
    '--quiet',
    '--variant=minbase',
    '--format=directory',
    `--include=${PACKAGES.join(',')}`,
    SUITE,
    made,
  ];
  const child = spawn('mmdebstrap', words, { stdio: ['ignore', 'ignore', 'pipe'] });
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complaint += chunk.toString();
  });
  const [status] = await once(child, 'close');
  if (status !== 0) throw new Error(`mmdebstrap failed: ${complaint}`);
  try {
    renameSync(made, root);
  } catch (error) {
    // Another test was faster.
    if (!existsSync(root)) throw error;
  }
  rmSync(folder, { recursive: true });
  return root;
}

export interface Debian {
  /** Where its files are seen from outside. */
  readonly root: string;
  /** Runs lines of shell in it as root; gives what they printed. Throws when one fails. */
  run(lines: string): Promise<string>;
  /** The same, whatever its status. */
  attempt(lines: string): Promise<Ran>;
}

/** Boots it, with the packages of a folder at `/packages`; it ends with the test. */
export async function bootDebian(t: TestContext, packages: string): Promise<Debian> {
  const folder = tempDirectory(t);
  const words = [...OWN_SYSTEM, 'sh', BOOT, folder, await debianRoot(), packages];
  const child = spawn('unshare', words, { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'close');
  });
  // It says so when systemd has come up.
  await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'close').then(() => {
      throw new Error('the Debian did not boot');
    }),
  ]);
  const pid = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim();
  const enter = [
    '--target',
    pid,
    '--mount',
    '--pid',
    '--cgroup',
    '--uts',
    '--ipc',
    '--net',
    '--root',
    '--wd',
  ];
  const attempt = (lines: string): Promise<Ran> =>
    runProgram(t, 'nsenter', [...enter, 'env', '-i', ENVIRONMENT, 'sh', '-ec', lines]);
  return {
    root: `/proc/${pid}/root`,
    attempt,
    run: async (lines) => {
      const { status, stdout, stderr } = await attempt(lines);
      if (status !== 0) throw new Error(`${lines}\nended with ${status}: ${stderr}${stdout}`);
      return stdout;
    },
  };
}

const ENVIRONMENT = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
