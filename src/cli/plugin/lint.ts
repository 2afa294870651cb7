import { lstatSync } from 'node:fs';
import { dirname } from 'node:path';
import { distance } from 'fastest-levenshtein';
import { DataInterface } from '../../storage/data.ts';
import { DatapathInterface } from '../../storage/datapath.ts';
import { PluginInterface } from '../../storage/plugin.ts';
import type { PluginAlone } from '../../storage/plugins/alone.ts';
import type { MethodFile } from '../../storage/plugins/directory.ts';
import { cleanEnvironment } from '../../storage/plugins/environment.ts';
import type { PluginKind } from '../../storage/plugins/plugin.ts';
import type { QueryResult } from '../../storage/plugins/query.ts';
import { distrustOf } from '../../storage/plugins/trust.ts';
import { SrInterface } from '../../storage/sr.ts';
import { VolumeInterface } from '../../storage/volume.ts';
import { srTypeOf, XAPI_QUEUE_PREFIX } from '../../storage/xapi-queue.ts';
import { rounded } from '../daemon.ts';
import { programFault } from './programs.ts';

/** What is wrong with a plugin. An error: the daemon does not use it, or calls fail; a warning: it may be meant so. */
export interface Problem {
  readonly level: 'error' | 'warning';
  /** The file, or what else it is about. */
  readonly about: string;
  readonly text: string;
}

export interface Linted {
  readonly kind: PluginKind;
  readonly name: string;
  readonly directory: string;
  readonly methods: readonly string[];
  /** What Plugin.Query answered, in how many ms. */
  readonly query: QueryResult | undefined;
  readonly milliseconds: number;
  readonly problems: readonly Problem[];
}

/** Methods that the daemon has, and needs no script for. */
const OURS: readonly string[] = ['Datapath.select', 'Plugin.ls'];

const METHODS: Readonly<Record<PluginKind, readonly string[]>> = {
  volume: namesOf([PluginInterface, SrInterface, VolumeInterface]),
  datapath: namesOf([PluginInterface, DatapathInterface, DataInterface]),
};

function namesOf(definitions: readonly { readonly name: string; readonly methods: object }[]): string[] {
  return definitions.flatMap(({ name, methods }) =>
    Object.keys(methods)
      .filter((method) => !OURS.includes(`${name}.${method}`))
      .map((method) => `${name}.${method}`),
  );
}

/** Without these an SR or a disk can not be used at all. */
const NEEDED: Readonly<Record<PluginKind, readonly string[]>> = {
  volume: ['SR.attach', 'SR.detach', 'SR.stat', 'SR.ls', 'Volume.stat'],
  datapath: ['Datapath.attach', 'Datapath.activate', 'Datapath.deactivate', 'Datapath.detach'],
};

/** Looks at all that a daemon would look at, and asks the plugin what it is. */
export async function lint(alone: PluginAlone): Promise<Linted> {
  const { kind, name, directory, read } = alone.candidate;
  const before = performance.now();
  const query = await alone.query();
  const milliseconds = rounded(performance.now() - before);
  const isRefused = 'refused' in query;
  const fault = read.distrust ?? read.fault;
  const methods = [...read.methods.values()];
  const answered = isRefused ? undefined : query.plugin.query;
  const problems: Problem[] = [
    ...(fault === undefined ? [] : [error(directory, fault)]),
    ...folderProblems(directory),
    ...methods.flatMap((method) => fileProblems(method, read.distrust !== undefined)),
    ...methods.flatMap((method) => nameProblems(kind, method.name)),
    ...NEEDED[kind]
      .filter((method) => !read.methods.has(method.toLowerCase()))
      .map((method) => error(method, `there is no executable ${method}: no ${THINGS[kind]} can be used`)),
    // What the directory is refused for is said already.
    ...(isRefused && fault === undefined ? [error('Plugin.Query', query.refused)] : []),
    ...(isRefused ? read.warnings : query.registered.warnings).map((text) => warning(directory, text)),
    ...(answered === undefined ? [] : queryProblems(kind, name, answered)),
  ];
  return {
    kind,
    name,
    directory,
    methods: methods.map((each) => each.name).sort(),
    query: answered,
    milliseconds,
    problems,
  };
}

const THINGS = { volume: 'SR', datapath: 'disk' };

const error = (about: string, text: string): Problem => ({ level: 'error', about, text });
const warning = (about: string, text: string): Problem => ({ level: 'warning', about, text });

/** The folder around it is looked at by a daemon whose root it is in. */
function folderProblems(directory: string): Problem[] {
  const folder = dirname(directory);
  const owner = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
  const distrust = distrustOf(lstatSync(folder), owner);
  return distrust === undefined
    ? []
    : [warning(folder, `${folder} ${distrust}: below plugins.root it would not be run`)];
}

function fileProblems({ name, path }: MethodFile, distrusted: boolean): Problem[] {
  // What is not trusted is not opened either.
  if (distrusted) return [];
  const { PATH = '' } = cleanEnvironment(['PATH'], process.env);
  const fault = programFault(path, PATH);
  return fault === undefined ? [] : [{ ...fault, about: name }];
}

/** A name that no interface has is a slip of the pen, or a script of another kind. */
function nameProblems(kind: PluginKind, name: string): Problem[] {
  const lower = name.toLowerCase();
  if (METHODS[kind].some((method) => method.toLowerCase() === lower) || isOurs(lower)) return [];
  const other = kind === 'volume' ? 'datapath' : 'volume';
  if (METHODS[other].some((method) => method.toLowerCase() === lower)) {
    return [warning(name, `it is a method of a ${other} plugin: nobody calls it here`)];
  }
  const [closest] = METHODS[kind]
    .map((method) => ({ method, far: distance(method.toLowerCase(), lower) }))
    .sort((a, b) => a.far - b.far);
  const guess = closest !== undefined && closest.far <= CLOSE ? `: is it ${closest.method}?` : '';
  return [warning(name, `no interface has a method of this name${guess}`)];
}

const isOurs = (lower: string): boolean => OURS.some((method) => method.toLowerCase() === lower);

/** Letters that may be wrong in a name to be taken for another. */
const CLOSE = 3;

/** What works with datapathd, and is not recognised by who calls it. */
function queryProblems(kind: PluginKind, name: string, query: QueryResult): Problem[] {
  const problems: Problem[] = [];
  const type = srTypeOf(name);
  if (kind === 'volume' && type === undefined) {
    problems.push(
      warning('Plugin.Query', `the queue does not begin with ${XAPI_QUEUE_PREFIX}: xapi does not find it`),
    );
  } else if (kind === 'volume' && type !== query.plugin) {
    problems.push(
      warning(
        'Plugin.Query',
        `plugin is ${JSON.stringify(query.plugin)}, and the queue ends with ${JSON.stringify(type)}: xapi takes SRs of the one type to the queue of the other`,
      ),
    );
  }
  for (const field of ['name', 'description', 'vendor', 'version'] as const) {
    if (query[field] === '') problems.push(warning('Plugin.Query', `${field} is empty`));
  }
  return problems;
}
