import { createPlugin, type Host, type Plugin, runMethod, type Scripts } from './plugin.ts';
import { missingScripts, readQuery } from './query.ts';
import type { Candidate } from './scan.ts';
import { createWorkerPool, type WorkerPool } from './workers.ts';

/** A version of a plugin that has answered well. */
export interface Registered {
  readonly plugin: Plugin;
  readonly fingerprint: string;
  readonly workers: WorkerPool | undefined;
  /** When it answered. */
  readonly since: number;
  readonly warnings: readonly string[];
}

export type Verdict =
  | { readonly type: 'good'; readonly registered: Registered }
  /** `cause`: the reason without what differs from one time to the next. */
  | { readonly type: 'refused'; readonly reason: string; readonly cause: string };

const refused = (reason: string, cause = reason): Verdict => ({ type: 'refused', reason, cause });

const QUERY = 'Plugin.Query';
/** A plugin that lists it has a program that serves many calls. */
const WORKER_FEATURE = 'PERSISTENT_WORKER';

/** Asks what is in a plugin's directory what it is, always by a process of its own. */
export async function queryPlugin(candidate: Candidate, host: Host): Promise<Verdict> {
  const { kind, name, read } = candidate;
  const file = read.methods.get(QUERY.toLowerCase());
  if (file === undefined) return refused(`there is no ${QUERY}`);
  const outcome = await runMethod(
    { ...candidate, workers: undefined },
    file,
    { plugin: name, method: QUERY, script: file.path, waited: 0 },
    { dbg: 'datapathd registers the plugin' },
    { ...host, timeOf: () => host.settings.queryTimeout, ending: host.closing },
  );
  if (outcome.type === 'failed') {
    const [last = ''] = outcome.stderr.trimEnd().split('\n').slice(-1);
    const reason = last === '' ? outcome.reason : `${outcome.reason} (${last})`;
    return refused(reason, [outcome.status, outcome.stdout, last].join('\n'));
  }
  if (outcome.type === 'error') {
    return refused(`${name} ${QUERY}: ${[outcome.code, ...outcome.params].join(' ')}`);
  }
  const answer = readQuery(outcome.value);
  if (answer.type === 'refused') return refused(answer.reason);

  const { query } = answer;
  const wantsWorkers = query.features.includes(WORKER_FEATURE);
  const workers = wantsWorkers ? poolOf(candidate, host) : undefined;
  const noWorker = `it lists the feature ${WORKER_FEATURE} and has no executable worker: each call starts a process`;
  const scripts: Scripts = { ...candidate, workers };
  return {
    type: 'good',
    registered: {
      plugin: createPlugin(scripts, query, host),
      fingerprint: read.fingerprint,
      workers,
      since: host.now(),
      warnings: [
        ...read.warnings,
        ...missingScripts(kind, query, read.methods),
        ...(wantsWorkers && workers === undefined ? [noWorker] : []),
      ],
    },
  };
}

function poolOf({ directory, read: { worker: path } }: Candidate, host: Host): WorkerPool | undefined {
  if (path === undefined) return undefined;
  const { environment, running, maxDepth, log, ending, underWay, now, settings } = host;
  return createWorkerPool({
    path,
    directory,
    environment,
    running,
    maxDepth,
    killGrace: settings.killGrace,
    log,
    ending,
    underWay,
    now,
  });
}
