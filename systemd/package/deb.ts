import { createHash } from 'node:crypto';
import { globSync, lstatSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Product } from './product.ts';
import { run } from './run.ts';
import { ARCHITECTURES } from './runtime.ts';
import { CONFIGURATION, compress, DOCUMENTS, entries, settle, write } from './tree.ts';

/** A package for Debian and what is made of it, by dpkg-deb. */

const SCRIPTS = join(import.meta.dirname, 'scripts');
/** The packaging of one version may change: the first of it. */
const REVISION = 1;
const KIB = 1024;

export const ZSH_COMPLETIONS = 'usr/share/zsh/vendor-completions';

/** Makes the package of a tree, which it completes; gives its path. */
export async function makeDeb(root: string, product: Product, into: string): Promise<string> {
  const { version, seconds, compression } = product;
  const architecture = ARCHITECTURES[product.architecture].deb;
  compress(join(root, DOCUMENTS, 'changelog.Debian.gz'), changelog(product));
  write(
    join(root, 'usr/share/lintian/overrides/datapathd'),
    readFileSync(join(import.meta.dirname, 'lintian-overrides')),
  );
  const files = entries(root).filter((path) => lstatSync(path).isFile());
  const control = join(root, 'DEBIAN');
  write(join(control, 'control'), controlFile(product, architecture, files));
  write(join(control, 'conffiles'), `${CONFIGURATION}\n`);
  write(join(control, 'md5sums'), files.map((path) => sumLine(root, path)).join(''));
  for (const script of globSync(join(SCRIPTS, '{pre,post}{inst,rm}'))) {
    write(join(control, basename(script)), readFileSync(script), 0o755);
  }
  settle(root, seconds);
  const path = join(into, `datapathd_${version}-${REVISION}_${architecture}.deb`);
  const words = ['--root-owner-group', ...COMPRESSION[compression], '--build', root, path];
  await run('dpkg-deb', words, { cwd: root, env: { ...process.env, SOURCE_DATE_EPOCH: `${seconds}` } });
  return path;
}

const COMPRESSION: Readonly<Record<Product['compression'], readonly string[]>> = {
  small: ['-Zxz', '-z6'],
  fast: ['-Zgzip', '-z1'],
};

const controlFile = (
  { version, maintainer }: Product,
  architecture: string,
  files: readonly string[],
): string =>
  `Package: datapathd
Version: ${version}-${REVISION}
Section: admin
Priority: optional
Architecture: ${architecture}
Maintainer: ${maintainer}
Installed-Size: ${installedSize(files)}
Depends: libc6 (>= 2.28), libgcc-s1 | libgcc1, libstdc++6 (>= 7)
Suggests: python3, qemu-utils, socat, xenstore-utils
Description: message switch and storage interfaces of a Xen host
 datapathd switches messages in the wire protocol of xapi, serves its storage
 interfaces on Unix sockets named for their queues, carries storage calls out
 by plugins, and chooses how each virtual disk gets to its domain, from a view
 of xenstore that watches keep fresh.
 .
 The package has the Node that runs it, and needs nothing else.
`;

/** In KiB, each file rounded up. */
const installedSize = (files: readonly string[]): number =>
  files.map((path) => Math.ceil(lstatSync(path).size / KIB)).reduce((sum, size) => sum + size, 0);

/** As dpkg has it since ever; it finds damage, and is no protection. */
const sumLine = (root: string, path: string): string =>
  `${createHash('md5').update(readFileSync(path)).digest('hex')}  ${path.slice(root.length + 1)}\n`;

const changelog = ({ version, maintainer, seconds }: Product): string =>
  `datapathd (${version}-${REVISION}) stable; urgency=medium

  * Version ${version}: what has changed is in changelog.gz.

 -- ${maintainer}  ${new Date(seconds * 1000).toUTCString().replace('GMT', '+0000')}
`;
