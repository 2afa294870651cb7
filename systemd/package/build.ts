import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { bundle } from './bundle.ts';
import { ZSH_COMPLETIONS as DEBIAN_ZSH, makeDeb } from './deb.ts';
import { LicenceError, readComponent, renderCopyright } from './licences.ts';
import type { Product } from './product.ts';
import { makeRpm, ZSH_COMPLETIONS as RPM_ZSH } from './rpm.ts';
import { run, ToolError } from './run.ts';
import { findRuntime, isArchitecture } from './runtime.ts';
import { renderSbom } from './sbom.ts';
import { layOut } from './tree.ts';

/** `npm run package`: a package for Debian and one for those with rpm, of the checkout that this file is in. */

const project = join(import.meta.dirname, '../..');

/** Makes the packages, and gives their paths. */
export async function buildPackages(product: Product, folder: string): Promise<string[]> {
  // The programs that make them are run in folders of their own.
  const into = resolve(folder);
  await mkdir(into, { recursive: true });
  // Beside the result, as it is large: what is for a moment in /tmp may be in memory.
  const work = await mkdtemp(join(into, '.work-'));
  try {
    const bundled = join(work, 'bundled');
    const packages = await bundle(project, product.version, bundled);
    const runtime = await findRuntime(project, product.architecture, into);
    const components = [
      ...packages.map(({ name, folder }) => readComponent(name, folder)),
      ...runtime.components,
    ];
    const copyright = renderCopyright(readComponent('datapathd', project), components);
    const sbom = await renderSbom(project, product, components);
    const parts = { project, bundled, node: runtime.node, koffi: runtime.koffi, copyright, sbom };
    const debian = join(work, 'deb');
    layOut(debian, { ...parts, zshCompletions: DEBIAN_ZSH });
    const others = join(work, 'rpm');
    layOut(others, { ...parts, zshCompletions: RPM_ZSH });
    return [await makeDeb(debian, product, into), await makeRpm(others, product, into)];
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** When the source was last changed: SOURCE_DATE_EPOCH, or the time of the last commit. */
async function sourceTime(): Promise<number> {
  const { SOURCE_DATE_EPOCH } = process.env;
  const text = SOURCE_DATE_EPOCH ?? (await run('git', ['log', '-1', '--format=%ct'], { cwd: project }));
  const seconds = Number(text);
  if (!Number.isSafeInteger(seconds) || seconds < 0) {
    throw new ToolError(`SOURCE_DATE_EPOCH: expected a number of seconds, got ${JSON.stringify(text)}`);
  }
  return seconds;
}

async function main(): Promise<void> {
  const manifest: { version: string } = JSON.parse(await readFile(join(project, 'package.json'), 'utf8'));
  const { values } = parseArgs({
    options: {
      architecture: { type: 'string', default: process.arch },
      version: { type: 'string', default: manifest.version },
      output: { type: 'string', default: join(project, '.cache/packages') },
      maintainer: { type: 'string', default: 'the datapathd authors <datapathd@packages.invalid>' },
      fast: { type: 'boolean', default: false },
    },
  });
  const { architecture, version, output, maintainer, fast } = values;
  if (!isArchitecture(architecture))
    throw new ToolError(`--architecture: expected x64 or arm64, got ${architecture}`);
  const compression = fast ? 'fast' : 'small';
  const product = { version, architecture, maintainer, compression, seconds: await sourceTime() } as const;
  for (const path of await buildPackages(product, output)) console.log(path);
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof ToolError || error instanceof LicenceError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
