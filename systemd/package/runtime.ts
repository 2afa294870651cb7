import { existsSync } from 'node:fs';
import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Component, readComponent } from './licences.ts';
import { run } from './run.ts';

/** What is native in the package: Node, and koffi's part that calls the C library. */

/** As Node calls them, and as the formats of packages do. */
export const ARCHITECTURES = {
  x64: { deb: 'amd64', rpm: 'x86_64' },
  arm64: { deb: 'arm64', rpm: 'aarch64' },
} as const;

export type Architecture = keyof typeof ARCHITECTURES;

export const isArchitecture = (word: string): word is Architecture => Object.hasOwn(ARCHITECTURES, word);

export interface Runtime {
  readonly node: string;
  readonly koffi: string;
  /** The npm packages that they are from. */
  readonly components: readonly Component[];
}

/** Finds them among the project's packages; those of another architecture npm gets below the cache, as they are locked. */
export async function findRuntime(
  project: string,
  architecture: Architecture,
  cache: string,
): Promise<Runtime> {
  const here = pathsIn(project, architecture);
  if (existsSync(here.node) && existsSync(here.koffi)) return runtimeIn(project, architecture);
  const folder = join(cache, architecture);
  await mkdir(folder, { recursive: true });
  for (const file of ['package.json', 'package-lock.json', '.npmrc']) {
    await copyFile(join(project, file), join(folder, file));
  }
  await run('npm', ['ci', '--omit=dev', '--os=linux', `--cpu=${architecture}`], { cwd: folder });
  return runtimeIn(folder, architecture);
}

function pathsIn(project: string, architecture: Architecture) {
  const packages = join(project, 'node_modules');
  const nodeName = `node-linux-${architecture}`;
  const koffiName = `@koromix/koffi-linux-${architecture}`;
  return {
    nodeName,
    koffiName,
    node: join(packages, nodeName, 'bin/node'),
    koffi: join(packages, koffiName, `linux_${architecture}/koffi.node`),
    packages,
  };
}

function runtimeIn(project: string, architecture: Architecture): Runtime {
  const { nodeName, koffiName, node, koffi, packages } = pathsIn(project, architecture);
  return {
    node,
    koffi,
    components: [
      readComponent(nodeName, join(packages, nodeName)),
      readComponent(koffiName, join(packages, koffiName), join(packages, 'koffi')),
    ],
  };
}
