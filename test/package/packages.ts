import { mkdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { buildPackages } from '../../systemd/package/build.ts';

/** The packages that the tests install, of two versions, with little compression. */

const FOLDER = join(import.meta.dirname, '../../.cache/test-packages');
/** Whenever the tests run. */
const SECONDS = 1_790_000_000;

export const FIRST = '0.1.0';
export const NEXT = '0.1.1';

/** Makes the packages of a version in a folder of the tests' own; gives the paths. */
export async function packagesOf(version: string, name = 'installed'): Promise<string[]> {
  const folder = join(FOLDER, name);
  mkdirSync(folder, { recursive: true });
  return buildPackages(
    {
      version,
      seconds: SECONDS,
      architecture: process.arch === 'arm64' ? 'arm64' : 'x64',
      maintainer: 'the datapathd authors <datapathd@packages.invalid>',
      compression: 'fast',
    },
    // As it may be given on the command line.
    relative(process.cwd(), folder),
  );
}

export const PACKAGES_FOLDER = join(FOLDER, 'installed');
