import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, type Metafile, type Plugin } from 'esbuild';
import { run } from './run.ts';

/** One program of the package: a file that is started, and the chunks that it loads when it needs them. */
const PROGRAMS = [
  { entry: 'src/main.ts', folder: 'daemon' },
  { entry: 'src/cli/main.ts', folder: 'ctl' },
] as const;

/** Above the folders of the programs. */
export const KOFFI = 'koffi.node';

/** CommonJS packages ask for Node's own modules by this; there is none in an ES module. */
const REQUIRE =
  "import { createRequire as bundleRequire } from 'node:module'; const require = bundleRequire(import.meta.url);";

/** Two of one name are of different versions. */
export interface BundledPackage {
  readonly name: string;
  readonly folder: string;
}

/** Bundles the daemon and datapathctl into a folder; gives the npm packages that are in them. */
export async function bundle(project: string, version: string, into: string): Promise<BundledPackage[]> {
  const packages = new Map<string, BundledPackage>();
  for (const { entry, folder } of PROGRAMS) {
    const { metafile } = await build({
      absWorkingDir: project,
      entryPoints: { main: entry },
      outdir: join(into, folder),
      outExtension: { '.js': '.mjs' },
      chunkNames: 'chunk-[hash]',
      bundle: true,
      // What is imported when it is needed stays a file of its own: a pure switch reads no storage.
      splitting: true,
      format: 'esm',
      platform: 'node',
      target: 'node24',
      banner: { js: REQUIRE },
      // The licences of all that is in it are in the package.
      legalComments: 'none',
      metafile: true,
      logLevel: 'warning',
      plugins: [nativeKoffi, packageJson(version), withoutInterpreter],
    });
    for (const found of packagesIn(metafile)) packages.set(found.folder, found);
  }
  // What a browser gets of the page, which is no part of the programs.
  const writer = join(project, 'src/admin/write-assets.ts');
  await run(process.execPath, [writer, join(into, 'daemon/page')], { cwd: project });
  return [...packages.values()]
    .map(({ name, folder }) => ({ name, folder: join(project, folder) }))
    .sort((a, b) => (a.folder < b.folder ? -1 : 1));
}

/** The packages of which something is in the output. */
function packagesIn({ outputs }: Metafile): BundledPackage[] {
  const paths = Object.values(outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path] : [])),
  );
  return paths.flatMap((path) => {
    const [, folder, name] = /(.*node_modules\/((?:@[^/]+\/)?[^/]+))\//.exec(path) ?? [];
    return folder === undefined || name === undefined ? [] : [{ name, folder }];
  });
}

/** koffi looks for its native part among packages: here it is a file beside the programs. */
const nativeKoffi: Plugin = {
  name: 'native-koffi',
  setup: ({ onLoad }) =>
    onLoad({ filter: /\/koffi\/src\/koffi\/src\/static\.js$/ }, () => ({
      contents: `import { createRequire } from 'node:module';
export const loadStatic = () => createRequire(import.meta.url)('../${KOFFI}');`,
    })),
};

/** Of its package.json the programs need the version, which is that of the package. */
const packageJson = (version: string): Plugin => ({
  name: 'package-json',
  setup: ({ onLoad, initialOptions: { absWorkingDir = '' } }) =>
    onLoad({ filter: /\/package\.json$/ }, ({ path }) => ({
      contents:
        path === join(absWorkingDir, 'package.json')
          ? JSON.stringify({ name: 'datapathd', version })
          : readFileSync(path),
      loader: 'json',
    })),
});

/** They are started by programs that name their Node. */
const withoutInterpreter: Plugin = {
  name: 'without-interpreter',
  setup: ({ onLoad }) =>
    onLoad({ filter: /\/src\/(cli\/)?main\.ts$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replace(/^#!.*/, ''),
      loader: 'ts',
    })),
};
