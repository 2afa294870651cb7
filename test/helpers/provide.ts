import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, globSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** What the tests run beside Node: the program, and the Debian package that has it. */
const TOOLS = [
  { program: 'socat', package: 'socat' },
  { program: 'curl', package: 'curl' },
  { program: 'cc', package: 'gcc' },
  { program: 'python3', package: 'python3' },
  { program: 'setpriv', package: 'util-linux' },
  { program: 'systemd-analyze', package: 'systemd' },
  { program: 'flock', package: 'util-linux' },
  { program: 'qemu-nbd', package: 'qemu-utils' },
  { program: 'qemu-io', package: 'qemu-utils' },
  { program: 'nbdcopy', package: 'libnbd-bin' },
  { program: 'promtool', package: 'prometheus' },
  { program: 'chromium', package: 'chromium' },
  { program: 'mscgen', package: 'mscgen' },
  { program: 'man', package: 'man-db' },
  { program: 'groff', package: 'groff-base' },
  { program: 'zsh', package: 'zsh' },
  { program: 'fish', package: 'fish' },
] as const;

/** What tests run that only root can run. */
const ROOTS_TOOLS = [
  { program: 'mmdebstrap', package: 'mmdebstrap' },
  { program: 'lintian', package: 'lintian' },
  { program: 'rpmbuild', package: 'rpm' },
] as const;

/** Not installed, also as root: what is installed of it would run as a service. Its programs need the C library alone. */
const ONLY_UNPACKED: readonly string[] = ['prometheus'];

/** The C library's headers, without which a compiler compiles nothing. */
const HEADERS = { file: '/usr/include/stdio.h', package: 'libc6-dev' };

/** The tests need something that can't be had. The message says what to do. */
export class CannotProvide extends Error {}

/**
 * Sees to it that all programs are there that the tests run: what is missing comes as Debian packages, installed when
 * this runs as root, else unpacked below the folder. Gives the environment in which the tests find them.
 */
export function provideTools(cache: string, environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const unpacked = join(cache, 'tools');
  const extended = withUnpacked(environment, unpacked);
  const missing = missingPackages(extended);
  if (missing.length === 0) return extended;
  console.log(`the tests need ${missing.join(', ')}: getting them as Debian packages …`);
  const installed = process.getuid?.() === 0 ? missing.filter((name) => !ONLY_UNPACKED.includes(name)) : [];
  if (installed.length > 0) install(installed);
  const others = missing.filter((name) => !installed.includes(name));
  if (others.length > 0) unpack(others, unpacked);
  const still = missingPackages(withUnpacked(environment, unpacked));
  if (still.length > 0) throw new CannotProvide(advice(still, 'they are still missing'));
  return withUnpacked(environment, unpacked);
}

function missingPackages({ PATH = '' }: NodeJS.ProcessEnv): string[] {
  const folders = PATH.split(delimiter);
  const isThere = (program: string) => folders.some((folder) => isExecutable(join(folder, program)));
  const needed = process.getuid?.() === 0 ? [...TOOLS, ...ROOTS_TOOLS] : TOOLS;
  const tools = needed.filter(({ program }) => !isThere(program)).map((tool) => tool.package);
  return [...new Set(existsSync(HEADERS.file) ? tools : [...tools, HEADERS.package])];
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function withUnpacked(environment: NodeJS.ProcessEnv, unpacked: string): NodeJS.ProcessEnv {
  if (!existsSync(unpacked)) return environment;
  const { PATH = '', LD_LIBRARY_PATH = '' } = environment;
  const programs = ['usr/bin', 'bin', 'usr/sbin'].map((folder) => join(unpacked, folder));
  const libraries = globSync(join(unpacked, '{usr/lib,lib}/*-linux-gnu'));
  return {
    ...environment,
    ...groffsFolders(unpacked),
    PATH: [PATH, ...programs].join(delimiter),
    LD_LIBRARY_PATH: [LD_LIBRARY_PATH, ...libraries].filter((part) => part !== '').join(delimiter),
  };
}

/** groff alone looks for its files nowhere but where it was installed. */
function groffsFolders(unpacked: string): NodeJS.ProcessEnv {
  const [share] = globSync(join(unpacked, 'usr/share/groff/[0-9]*'));
  if (share === undefined) return {};
  const macros = [join(share, 'tmac'), join(unpacked, 'etc/groff')].join(delimiter);
  return { GROFF_FONT_PATH: join(share, 'font'), GROFF_TMAC_PATH: macros };
}

function install(packages: readonly string[]): void {
  const words = ['install', '-y', '-qq', '--no-install-recommends', ...packages];
  if (apt(words) === undefined) return;
  apt(['update', '-qq']);
  const complaint = apt(words);
  if (complaint !== undefined) throw new CannotProvide(advice(packages, complaint));
}

function unpack(packages: readonly string[], unpacked: string): void {
  mkdirSync(unpacked, { recursive: true });
  const downloads = mkdtempSync(join(unpacked, 'debs-'));
  try {
    const needing = packages.filter((name) => !ONLY_UNPACKED.includes(name));
    const wanted = [...new Set([...packages, ...notInstalled(needing)])];
    const complaint = apt(['download', '-qq', ...wanted], downloads);
    if (complaint !== undefined) throw new CannotProvide(advice(packages, complaint));
    for (const deb of globSync(join(downloads, '*.deb'))) {
      const { status, stderr } = spawnSync('dpkg-deb', ['-x', deb, unpacked], { encoding: 'utf8' });
      if (status !== 0) throw new CannotProvide(advice(packages, stderr));
    }
  } finally {
    rmSync(downloads, { recursive: true, force: true });
  }
}

/** What packages need that is not on the machine either, as apt-get would install it. */
function notInstalled(packages: readonly string[]): string[] {
  const words = ['install', '--simulate', '--no-install-recommends', ...packages];
  const { stdout } = spawnSync('apt-get', words, { encoding: 'utf8' });
  return [...(stdout ?? '').matchAll(/^Inst (\S+)/gm)].map(([, name = '']) => name);
}

/** Runs apt-get; gives its complaint when it failed. */
function apt(words: readonly string[], cwd = '/'): string | undefined {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const { status, stderr, error } = spawnSync('apt-get', words, { cwd, env, encoding: 'utf8' });
  return status === 0 ? undefined : (error?.message ?? stderr);
}

const advice = (packages: readonly string[], reason: string): string =>
  `the tests need programs that could not be had: install the packages ${packages.join(' ')} and run them again ` +
  `(${reason.trim().split('\n').at(-1)})`;
