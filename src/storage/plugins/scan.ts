import type { Dirent, Stats } from 'node:fs';
import { lstat, readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type PluginDirectory, type ReadOptions, readPluginDirectory } from './directory.ts';
import type { PluginKind } from './plugin.ts';
import { distrustOf, type Owner } from './trust.ts';

/** One entry of a folder of plugins. */
export interface Candidate {
  readonly kind: PluginKind;
  readonly name: string;
  readonly directory: string;
  readonly read: PluginDirectory;
}

export interface ScanOptions {
  readonly root: string;
  readonly owner: Owner;
  readonly maxFiles: number;
  readonly watch: (directory: string, only?: string) => void;
}

const KINDS = ['volume', 'datapath'] as const;

/** A queue's name is a file's too; a scheme is as RFC 3986, section 3.1, has it, in lower case as URIs are compared. */
const NAMES: Readonly<Record<PluginKind, { readonly pattern: RegExp; readonly what: string }>> = {
  volume: {
    pattern: /^[A-Za-z0-9_][A-Za-z0-9_.:-]*$/,
    what: 'the name of a queue: letters, digits and . _ : -',
  },
  datapath: { pattern: /^[a-z][a-z0-9+.-]*$/, what: 'a URI scheme: lower case letters, digits and + . -' },
};

/** Reads all that is below the root, as it is now. A root that is not there has no plugins. */
export async function scan(options: ScanOptions): Promise<Candidate[]> {
  const { root, owner, watch } = options;
  watchAbove(root, watch);
  watch(root);
  const candidates: Candidate[] = [];
  // The root is the operator's own word and may be a link; what is in it may not.
  const ofRoot = await distrustOfFolder(root, stat, owner);
  for (const kind of KINDS) {
    const folder = join(root, kind);
    watch(folder);
    const distrust = ofRoot ?? (await distrustOfFolder(folder, lstat, owner));
    for (const entry of await entriesOf(folder)) {
      // A file there is nobody's plugin, and what begins with a dot is a tool's own.
      if (entry.name.startsWith('.') || !(entry.isDirectory() || entry.isSymbolicLink())) continue;
      const candidate = await readCandidate(kind, entry.name, options);
      if (candidate === undefined) continue;
      candidates.push(distrust === undefined ? candidate : withDistrust(candidate, distrust));
    }
  }
  return candidates;
}

/** One plugin as it is now; `undefined`: there is none. */
export async function readCandidate(
  kind: PluginKind,
  name: string,
  options: ScanOptions,
): Promise<Candidate | undefined> {
  const directory = join(options.root, kind, name);
  const read = await readOrFault(directory, options);
  if (read === undefined) return undefined;
  return withNameFault({ kind, name, directory, read });
}

/** A name that no plugin can have is a fault before all others. */
export function withNameFault(candidate: Candidate): Candidate {
  const { kind, name, read } = candidate;
  return { ...candidate, read: { ...read, fault: nameFault(kind, name) ?? read.fault } };
}

/** Why a plugin can't be called so; nothing: it can. */
export function nameFault(kind: PluginKind, name: string): string | undefined {
  const { pattern, what } = NAMES[kind];
  return pattern.test(name) ? undefined : `expected ${what}, got ${JSON.stringify(name)}`;
}

async function readOrFault(directory: string, options: ReadOptions): Promise<PluginDirectory | undefined> {
  try {
    return await readPluginDirectory(directory, options);
  } catch (error) {
    const fault = error instanceof Error ? error.message : String(error);
    const nothing = { methods: new Map(), worker: undefined, distrust: undefined, warnings: [] };
    return { ...nothing, fault, fingerprint: fault };
  }
}

const withDistrust = (candidate: Candidate, distrust: string): Candidate => ({
  ...candidate,
  read: { ...candidate.read, distrust, fingerprint: `${candidate.read.fingerprint}\n${distrust}` },
});

/** The folders above the root: it, or what leads to it, is created, moved and removed in them. */
function watchAbove(root: string, watch: ScanOptions['watch']): void {
  for (let path = root; path !== dirname(path); path = dirname(path)) {
    watch(dirname(path), basename(path));
  }
}

async function distrustOfFolder(
  path: string,
  look: (path: string) => Promise<Stats>,
  owner: Owner,
): Promise<string | undefined> {
  try {
    const stats = await look(path);
    if (stats.isSymbolicLink()) return `${path} is a link`;
    const reason = distrustOf(stats, owner);
    return reason === undefined ? undefined : `${path} ${reason}`;
  } catch {
    return undefined;
  }
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}
