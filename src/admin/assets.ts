import { readdirSync, readFileSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { extname, join } from 'node:path';

/** A file of the page, as the browser gets it. */
export interface Asset {
  readonly type: string;
  readonly body: string;
}

/** By path below `/admin/`. */
export type Assets = ReadonlyMap<string, Asset>;

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Beside this file, or beside the bundle that it is part of. */
const FOLDER = join(import.meta.dirname, 'page');

/**
 * Reads the files of the page: what a browser takes as it is, and TypeScript, which comes out as JavaScript. A folder that
 * `write-assets.ts` has written holds the first alone. Files of other types are left out.
 */
export function assets(folder = FOLDER): Assets {
  const files = new Map<string, Asset>();
  for (const name of readdirSync(folder)) {
    const text = (): string => readFileSync(join(folder, name), 'utf8');
    const type = TYPES[extname(name)];
    if (type !== undefined) files.set(name, { type, body: text() });
    if (name.endsWith('.ts')) files.set(scriptName(name), { type: TYPES['.js'] ?? '', body: script(text()) });
  }
  return files;
}

const scriptName = (name: string): string => name.replace(/\.ts$/, '.js');

/** Types become blanks, so that lines and columns stay, and imports name the scripts. */
const script = (source: string): string =>
  withoutTypes(source).replace(/(?<=^(?:import|export|\}) ?[^'\n]*from )'(\.\/[^'\n]+)\.ts'/gm, "'$1.js'");

/**
 * Node's own piece for this says each time that it may still change. That is known here: its version is pinned, and the tests
 * run what it gives.
 */
function withoutTypes(source: string): string {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return nodeModule.stripTypeScriptTypes(source);
  } finally {
    process.emitWarning = emitWarning;
  }
}
