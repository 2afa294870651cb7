import type { BigIntStats } from 'node:fs';
import { lstat, readdir, readlink, realpath, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { distrustOf, isBelow, type Owner } from './trust.ts';

/** A plugin's directory as it was found. */
export interface PluginDirectory {
  /** Is another one as soon as a file in the directory is another one, or its mode, owner or target. */
  readonly fingerprint: string;
  /** The paths of the methods, by their names in lower case. */
  readonly methods: ReadonlyMap<string, MethodFile>;
  /** The program that serves many calls, when there is one. */
  readonly worker: string | undefined;
  /** Why nothing in it may be executed; `undefined`: it may. */
  readonly distrust: string | undefined;
  /** Why it is no plugin, although it is trusted. */
  readonly fault: string | undefined;
  readonly warnings: readonly string[];
}

export interface MethodFile {
  /** As the file is spelled. */
  readonly name: string;
  readonly path: string;
}

export interface ReadOptions {
  readonly owner: Owner;
  readonly maxFiles: number;
  /** Called with each directory before it is read. */
  readonly watch: (directory: string) => void;
}

const METHOD = /^(Plugin|SR|Volume|Datapath|Data)\.[a-z0-9_]+$/i;
/** What stands beside methods and has such a name. */
const LIBRARY = /\.(py|pyc|pyo|sh|rb|pl|js|ml)$/i;
const WORKER = 'worker';
/** Python writes it at the first import: it is looked at for trust, and is no change. */
const BYTECODE = '__pycache__';
const EXECUTABLE = 0o111n;

/** Reads a plugin's directory and all below it. `undefined`: it is none any more. Throws what the system says else. */
export async function readPluginDirectory(
  path: string,
  options: ReadOptions,
): Promise<PluginDirectory | undefined> {
  const walk = new Walk(path, options);
  if (!(await walk.run())) return undefined;
  const { lines, files, distrust } = walk;
  return { ...methodsOf(files), distrust, fingerprint: lines.sort().join('\n') };
}

/** One file below a plugin's directory, after its links are followed. */
interface Found {
  readonly path: string;
  /** Relative to the plugin's directory. */
  readonly name: string;
  readonly executable: boolean;
}

class Walk {
  readonly lines: string[] = [];
  readonly files: Found[] = [];
  distrust: string | undefined;
  readonly #top: string;
  readonly #options: ReadOptions;
  #real = '';
  #count = 0;

  constructor(top: string, options: ReadOptions) {
    this.#top = top;
    this.#options = options;
  }

  /** Whether there is a directory. */
  async run(): Promise<boolean> {
    this.#options.watch(this.#top);
    const top = await orGone(lstat(this.#top, { bigint: true }));
    if (top === undefined) return false;
    if (top.isSymbolicLink()) {
      this.#distrust(this.#top, 'is a link');
      this.lines.push(line('.', top));
      return true;
    }
    if (!top.isDirectory()) return false;
    this.#real = (await orGone(realpath(this.#top))) ?? this.#top;
    this.#note('.', this.#top, top);
    await this.#directory(this.#top, false);
    return true;
  }

  async #directory(path: string, bytecode: boolean): Promise<void> {
    const names = (await orGone(readdir(path))) ?? [];
    this.#count += names.length;
    if (this.#count > this.#options.maxFiles) {
      this.#distrust(this.#top, `holds more than plugins.maxFiles (${this.#options.maxFiles}) files`);
      return;
    }
    for (const name of names.sort()) {
      await this.#entry(join(path, name), name, bytecode);
    }
  }

  async #entry(path: string, base: string, bytecode: boolean): Promise<void> {
    const stats = await orGone(lstat(path, { bigint: true }));
    // What vanished meanwhile has told of that to who watches.
    if (stats === undefined) return;
    const name = relative(this.#top, path);
    const cache = bytecode || base === BYTECODE;
    this.#note(cache ? undefined : name, path, stats);
    if (stats.isDirectory()) {
      if (!cache) this.#options.watch(path);
      await this.#directory(path, cache);
    } else if (stats.isSymbolicLink()) {
      await this.#link(path, name);
    } else if (stats.isFile()) {
      this.files.push({ path, name, executable: (stats.mode & EXECUTABLE) !== 0n });
    }
  }

  async #link(path: string, name: string): Promise<void> {
    this.lines.push(`${name} -> ${(await orGone(readlink(path))) ?? ''}`);
    const target = await orGone(realpath(path));
    if (target === undefined) return this.#distrust(path, 'links to nothing');
    if (!isBelow(target, this.#real)) {
      return this.#distrust(path, `links out of the plugin's directory, to ${target}`);
    }
    // The target is in the directory, and is looked at as an entry of it as well.
    const stats = await orGone(stat(target, { bigint: true }));
    if (stats?.isFile()) this.files.push({ path, name, executable: (stats.mode & EXECUTABLE) !== 0n });
  }

  #note(name: string | undefined, path: string, stats: BigIntStats): void {
    const { uid, gid, mode } = stats;
    const reason = distrustOf(
      { uid: Number(uid), gid: Number(gid), mode: Number(mode) },
      this.#options.owner,
    );
    if (reason !== undefined) this.#distrust(path, reason);
    if (name !== undefined) this.lines.push(line(name, stats));
  }

  #distrust(path: string, reason: string): void {
    this.distrust ??= `${path} ${reason}`;
  }
}

/** A directory's times change with what Python puts into it: its entries have lines of their own. */
function line(name: string, stats: BigIntStats): string {
  const { mode, uid, gid, ino, size, mtimeNs, ctimeNs } = stats;
  const content = stats.isDirectory() ? [] : [size, mtimeNs, ctimeNs];
  return [JSON.stringify(name), mode.toString(8), uid, gid, ino, ...content].join(' ');
}

function methodsOf(
  files: readonly Found[],
): Pick<PluginDirectory, 'methods' | 'worker' | 'fault' | 'warnings'> {
  const methods = new Map<string, MethodFile>();
  const warnings: string[] = [];
  let fault: string | undefined;
  let worker: string | undefined;
  for (const { path, name, executable } of files) {
    if (name === WORKER && executable) worker = path;
    if (!METHOD.test(name)) continue;
    if (!executable) {
      if (!LIBRARY.test(name)) warnings.push(`${name} is not executable`);
      continue;
    }
    const canonical = name.toLowerCase();
    const other = methods.get(canonical);
    if (other !== undefined) fault ??= `${other.name} and ${name} are the same method`;
    methods.set(canonical, { name, path });
  }
  if (!methods.has('plugin.query')) fault ??= 'there is no executable Plugin.Query';
  return { methods, worker, fault, warnings };
}

/** What the system gives; `undefined` when it isn't there. */
async function orGone<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}
