import { JsonFailure, parseJsonBytes, writeJson } from '../../wire/json.ts';
import { traceparentOf } from '../../wire/trace-context.ts';
import type { Struct } from '../../wire/value.ts';
import type { MethodFile, PluginDirectory } from './directory.ts';
import type { Variables } from './environment.ts';
import type { RunningScripts } from './left-behind.ts';
import {
  type Ended,
  failure,
  hasTimedOut,
  type RunContext,
  type RunOutcome,
  readScriptError,
  type ScriptOutcome,
} from './outcome.ts';
import type { QueryResult } from './query.ts';
import { notRun, runScript } from './run.ts';
import type { PluginLog, PluginSettings } from './settings.ts';
import type { Slots } from './slots.ts';
import { distrustNow, type Owner } from './trust.ts';
import type { WorkerPool } from './workers.ts';

export type PluginKind = 'volume' | 'datapath';

/** A plugin as it was when it was registered: its scripts and what it says of itself. */
export interface Plugin {
  readonly kind: PluginKind;
  /** The queue of a volume plugin, the URI scheme of a datapath plugin. */
  readonly name: string;
  readonly directory: string;
  readonly query: QueryResult;
  /** The names of its scripts, in lower case. */
  readonly methods: ReadonlySet<string>;
  has(method: string): boolean;
  /**
   * Runs a method's script; never rejects. When the signal comes, a call that waits gives up, and one that runs goes on
   * to its end: only then is it known what has become of the disk.
   */
  call(method: string, params: Struct, options?: { readonly signal?: AbortSignal }): Promise<ScriptOutcome>;
}

/** A call of a script. */
export interface ScriptCall {
  readonly kind: PluginKind;
  readonly name: string;
  readonly method: string;
  readonly params: Struct;
}

/** A call of a script that was answered. */
export interface ScriptRun extends ScriptCall {
  readonly outcome: ScriptOutcome;
}

/** What is made of a call of a script. */
export interface ScriptWatch {
  /** What the script is given. */
  readonly params: Struct;
  ended(outcome: ScriptOutcome): void;
}

/** What all plugins share. */
export interface Host {
  readonly settings: PluginSettings;
  readonly timeOf: (method: string) => number;
  readonly environment: Variables;
  readonly running: RunningScripts | undefined;
  readonly owner: Owner;
  readonly maxDepth: number;
  readonly slots: Slots;
  readonly log: PluginLog;
  readonly counters: PluginCounters;
  /** No more scripts are started. */
  readonly closing: AbortSignal;
  /** Those that run are ended. */
  readonly ending: AbortSignal;
  /** The calls that are not answered yet, and the processes that are not gone yet. */
  readonly underWay: Set<Promise<unknown>>;
  readonly now: () => number;
  /** Something in a directory is not as it was read. */
  readonly doubt: () => void;
  /** Told of each call when it begins. */
  readonly began?: ((call: ScriptCall) => ScriptWatch) | undefined;
}

/** Since the start; times in ms. */
export interface PluginCounters {
  calls: number;
  errors: number;
  failures: number;
  timeouts: number;
  waited: number;
  ran: number;
}

/** One version of a plugin's directory, whose scripts can be run. */
export interface Scripts {
  readonly kind: PluginKind;
  readonly name: string;
  readonly directory: string;
  readonly read: PluginDirectory;
  readonly workers: WorkerPool | undefined;
}

export function createPlugin(scripts: Scripts, query: QueryResult, host: Host): Plugin {
  const { kind, name, directory, read } = scripts;
  return {
    kind,
    name,
    directory,
    query,
    methods: new Set(read.methods.keys()),
    has: (method) => read.methods.has(method.toLowerCase()),
    call: (method, params, { signal } = {}) => {
      const watch = host.began?.({ kind, name, method, params });
      const outcome = callScript(scripts, method, watch?.params ?? params, host, signal);
      host.underWay.add(outcome);
      if (watch !== undefined) outcome.then((ended) => watch.ended(ended));
      return outcome.finally(() => host.underWay.delete(outcome));
    },
  };
}

/** What keeps the calls of a plugin together: both kinds may have the same name. */
export const slotOf = ({ kind, name }: Pick<Scripts, 'kind' | 'name'>): string => `${kind}/${name}`;

async function callScript(
  scripts: Scripts,
  method: string,
  params: Struct,
  host: Host,
  signal: AbortSignal | undefined,
): Promise<ScriptOutcome> {
  const file = scripts.read.methods.get(method.toLowerCase());
  if (file === undefined) return { type: 'missing' };
  const { slots, now } = host;
  const arrived = now();
  const release = await slots.take(slotOf(scripts), mostAtOnce(scripts, host), signal);
  const script = scripts.workers?.path ?? file.path;
  const context = { plugin: scripts.name, method, script, waited: now() - arrived };
  if (release === undefined) {
    return settle(failure(context, notRun('its caller is gone', 0)), context, host);
  }
  try {
    return settle(await runMethod(scripts, file, context, params, host), context, host);
  } finally {
    release();
  }
}

/** No more than there may be workers: a call that waited for a worker would hold a place of another plugin's. */
const mostAtOnce = ({ workers }: Scripts, { settings }: Host): number =>
  workers === undefined
    ? settings.maxRunningPerPlugin
    : Math.min(settings.workers, settings.maxRunningPerPlugin);

/** Runs a method, at once: by a worker, or by its script. */
export async function runMethod(
  { name, directory, workers }: Pick<Scripts, 'name' | 'directory' | 'workers'>,
  file: MethodFile,
  context: RunContext,
  params: Struct,
  host: Host,
): Promise<RunOutcome> {
  const { settings, log, now } = host;
  const { method, script } = context;
  if (host.closing.aborted) return failure(context, notRun('the daemon stops', 0));
  const distrust = distrustNow(script, directory, host.owner);
  if (distrust !== undefined) {
    host.doubt();
    return failure(context, notRun(distrust, 0));
  }
  const fields = { plugin: name, method, sr: textOf(params.sr), volume: textOf(params.key) };
  const limits = { ...settings, timeout: host.timeOf(method) };
  if (workers !== undefined) return workers.call(context, file.name, params, { limits, fields });
  const trace = traceparentOf(params.dbg);
  const environment = trace === undefined ? host.environment : { ...host.environment, TRACEPARENT: trace };
  const ended = await runScript({
    program: { path: script, argument: '--json', directory, environment, running: host.running },
    input: writeJson(params),
    limits,
    log,
    fields,
    stopping: host.ending,
    now,
  });
  if (ended.status.type === 'not-run') host.doubt();
  return outcomeOf(context, ended, host.maxDepth);
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

function outcomeOf(context: RunContext, ended: Ended, maxDepth: number): RunOutcome {
  const { status, stdout, ran } = ended;
  if (status.type !== 'exited') return failure(context, ended);
  const value = parseJsonBytes(stdout, { maxDepth });
  const unread = value instanceof JsonFailure ? `what it printed is no answer: ${value.reason}` : undefined;
  if (status.code === 0) {
    return value instanceof JsonFailure
      ? failure(context, ended, unread)
      : { type: 'result', value, waited: context.waited, ran };
  }
  const error = value instanceof JsonFailure ? undefined : readScriptError(value);
  return error === undefined
    ? failure(
        context,
        ended,
        stdout.length === 0 ? 'it printed nothing' : (unread ?? 'what it printed is no error'),
      )
    : { type: 'error', ...error, waited: context.waited, ran };
}

/** Counts and logs how a call ended. */
function settle(outcome: RunOutcome, { plugin, method }: RunContext, { counters, log }: Host): RunOutcome {
  const { type, waited, ran } = outcome;
  counters.calls += 1;
  counters.waited += waited;
  counters.ran += ran;
  if (outcome.type === 'error') counters.errors += 1;
  if (outcome.type === 'failed') {
    counters.failures += 1;
    if (hasTimedOut(outcome)) counters.timeouts += 1;
    log.warn({ plugin, method, waited, ran, stderr: outcome.stderr }, outcome.reason);
  } else {
    const code = outcome.type === 'error' ? outcome.code : undefined;
    log.debug({ plugin, method, waited, ran, outcome: type, code }, 'a script ran');
  }
  return outcome;
}
