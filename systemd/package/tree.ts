import {
  chmodSync,
  cpSync,
  globSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { gzipSync, constants as zlibConstants } from 'node:zlib';
import { COMMANDS } from '../../src/cli/commands.ts';
import { renderBash } from '../../src/cli/completion/bash.ts';
import { renderFish } from '../../src/cli/completion/fish.ts';
import { renderZsh } from '../../src/cli/completion/zsh.ts';

/** Where things lie in the package, and what all formats of it have. */

/** Where the programs with all that they need are. */
export const LIBRARY = '/usr/lib/datapathd';
/** What an operator may copy from: the drop-ins of the unit, the plugins. */
export const SHARE = '/usr/share/datapathd';
export const CONFIGURATION = '/etc/datapathd/datapathd.toml';
export const DOCUMENTS = '/usr/share/doc/datapathd';

const UNITS = '/usr/lib/systemd/system';
const DIRECTORY = 0o755;
const PLAIN = 0o644;
const EXECUTABLE = 0o755;

export interface TreeParts {
  readonly project: string;
  /** What `bundle` has made. */
  readonly bundled: string;
  readonly node: string;
  readonly koffi: string;
  /** The licences of all. */
  readonly copyright: string;
  readonly sbom: string;
  /** The folder of zsh's completions, which distributions have different ones of. */
  readonly zshCompletions: string;
}

/** Lays out below an empty folder what is installed on a host. */
export function layOut(root: string, parts: TreeParts): void {
  const { project } = parts;
  const library = join(root, LIBRARY);
  copy(parts.bundled, library);
  copy(parts.node, join(library, 'node'), EXECUTABLE);
  copy(parts.koffi, join(library, 'koffi.node'));
  copy(join(project, 'src/cli/plugin/skeletons'), join(library, 'ctl/skeletons'));
  write(join(root, 'usr/bin/datapathd'), launcher('daemon'), EXECUTABLE);
  write(join(root, 'usr/bin/datapathctl'), launcher('ctl'), EXECUTABLE);

  for (const unit of globSync(join(project, 'systemd/datapathd.{service,socket}'))) {
    copy(unit, join(root, UNITS, basename(unit)));
  }
  copy(join(project, 'systemd/datapathd.service.d'), join(root, SHARE, 'systemd/datapathd.service.d'));
  copy(join(project, 'src/plugins'), join(root, SHARE, 'plugins'));
  copy(join(project, 'config/datapathd.toml'), join(root, CONFIGURATION));

  for (const page of globSync(join(project, 'docs/*.[0-9]'))) {
    const name = basename(page);
    compress(join(root, `usr/share/man/man${name.at(-1)}`, `${name}.gz`), readFileSync(page));
  }
  write(join(root, 'usr/share/bash-completion/completions/datapathctl'), renderBash(COMMANDS));
  write(join(root, 'usr/share/fish/vendor_completions.d/datapathctl.fish'), renderFish(COMMANDS));
  write(join(root, parts.zshCompletions, '_datapathctl'), renderZsh(COMMANDS));

  const documents = join(root, DOCUMENTS);
  for (const page of globSync(join(project, 'docs/**/*.{md,yaml,json,png,svg}'))) {
    copy(page, join(documents, page.slice(join(project, 'docs/').length)));
  }
  compress(join(documents, 'changelog.gz'), readFileSync(join(project, 'CHANGELOG.md')));
  write(join(documents, 'copyright'), parts.copyright);
  write(join(documents, 'sbom.cdx.json'), parts.sbom);
}

/** No program of its own beside a shell's: what it is given goes to Node as it is. */
const launcher = (folder: string): string =>
  `#!/bin/sh\nexec ${LIBRARY}/node ${LIBRARY}/${folder}/main.mjs "$@"\n`;

export function write(path: string, text: string | Buffer, mode = PLAIN): void {
  makeFolder(dirname(path));
  writeFileSync(path, text);
  chmodSync(path, mode);
}

export const compress = (path: string, text: string | Buffer): void =>
  write(path, gzipSync(text, { level: zlibConstants.Z_BEST_COMPRESSION }));

/** Copies a file, or all of a folder but what Python leaves there. Links stay links. */
function copy(from: string, to: string, mode?: number): void {
  makeFolder(dirname(to));
  cpSync(from, to, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (path) => !path.endsWith('__pycache__'),
  });
  if (mode !== undefined) chmodSync(to, mode);
}

const makeFolder = (path: string): void => void mkdirSync(path, { recursive: true });

/**
 * Whatever the umask and the clock were: each folder and file has the permissions of something installed, with those to
 * execute where they were, and the same time.
 */
export function settle(root: string, seconds: number): void {
  for (const path of entries(root).reverse()) {
    const stats = lstatSync(path);
    if (stats.isDirectory()) chmodSync(path, DIRECTORY);
    else if (stats.isFile()) chmodSync(path, (stats.mode & 0o100) !== 0 ? EXECUTABLE : PLAIN);
    lutimesSync(path, seconds, seconds);
  }
}

/** All that is in a folder, itself first. */
export function entries(root: string): string[] {
  const names = readdirSync(root, { recursive: true, encoding: 'utf8' }).sort();
  return [root, ...names.map((name) => join(root, name))];
}
