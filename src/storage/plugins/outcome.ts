import { writeJson } from '../../wire/json.ts';
import { isStruct, type Value } from '../../wire/value.ts';

/** How a run of a script ended. `waited` and `ran` are ms: before it was started, and from then to its answer. */
export type ScriptOutcome =
  | {
      readonly type: 'result';
      readonly value: Value;
      readonly waited: number;
      readonly ran: number;
    }
  /** The error that the script told of. */
  | (ScriptError & { readonly type: 'error'; readonly waited: number; readonly ran: number })
  | ScriptFailure
  /** The plugin has no such method. */
  | { readonly type: 'missing' };

/** The outcome of a script that there is. */
export type RunOutcome = Exclude<ScriptOutcome, { readonly type: 'missing' }>;

export interface ScriptError {
  readonly code: string;
  readonly params: readonly string[];
  /** As JSON when the script gave something else than a string. */
  readonly backtrace: string;
}

/** Anything else than an answer or the script's own error. */
export interface ScriptFailure {
  readonly type: 'failed';
  /** The path of what was run. */
  readonly script: string;
  /** For the operator, in one line: plugin, method, how it ended, the time taken. */
  readonly reason: string;
  /** `exit 3`, `signal SIGKILL`, `timed out after 60 s`, `not run: …` */
  readonly status: string;
  /** False: it has certainly done nothing. */
  readonly started: boolean;
  /** What it printed, cut. */
  readonly stdout: string;
  /** The end of what it wrote there. */
  readonly stderr: string;
  readonly waited: number;
  readonly ran: number;
}

/** How a process ended, or why it was ended or did not begin. */
export type Status =
  | { readonly type: 'exited'; readonly code: number }
  | { readonly type: 'signal'; readonly signal: string }
  | { readonly type: 'timed-out'; readonly after: number }
  | { readonly type: 'too-much'; readonly limit: number }
  | { readonly type: 'stopped' }
  /** Of a worker: it goes on, and what it wrote is no answer. */
  | { readonly type: 'no-answer' }
  | { readonly type: 'not-run'; readonly reason: string };

function statusText(status: Status): string {
  switch (status.type) {
    case 'exited':
      return `exit ${status.code}`;
    case 'signal':
      return `signal ${status.signal}`;
    case 'timed-out':
      return `${TIMED_OUT} after ${seconds(status.after)}`;
    case 'too-much':
      return `printed more than plugins.maxOutputBytes (${status.limit}) bytes`;
    case 'stopped':
      return 'ended: the daemon stops';
    case 'no-answer':
      return 'no answer';
    case 'not-run':
      return `not run: ${status.reason}`;
  }
}

export const hasTimedOut = ({ status }: ScriptFailure): boolean => status.startsWith(TIMED_OUT);

const TIMED_OUT = 'timed out';

export const seconds = (ms: number): string =>
  `${ms >= 10_000 ? Math.round(ms / 1000) : Math.round(ms) / 1000} s`;

/** A process that ended: how, what it left, and in how many ms. */
export interface Ended {
  readonly status: Status;
  readonly stdout: Buffer;
  readonly stderr: string;
  readonly ran: number;
}

/** What a run was, for the texts about it. */
export interface RunContext {
  readonly plugin: string;
  readonly method: string;
  readonly script: string;
  readonly waited: number;
}

/** What is kept of an output that was no answer. */
const STDOUT_KEPT = 4096;

/** The outcome of a run that gave no answer. `why` says more than the status does. */
export function failure(context: RunContext, ended: Ended, why = ''): ScriptFailure {
  const { plugin, method, script, waited } = context;
  const status = statusText(ended.status);
  const time = ended.status.type === 'not-run' ? '' : ` after ${seconds(ended.ran)}`;
  return {
    type: 'failed',
    script,
    reason: `${plugin} ${method}: ${status}${ended.status.type === 'timed-out' ? `, ended${time}` : time}${why && `: ${why}`}`,
    status,
    started: ended.status.type !== 'not-run',
    stdout: ended.stdout.toString('utf8', 0, STDOUT_KEPT),
    stderr: ended.stderr,
    waited,
    ran: ended.ran,
  };
}

/** Reads the error that a script tells of; `undefined`: it is none. */
export function readScriptError(value: Value | undefined): ScriptError | undefined {
  if (!isStruct(value)) return undefined;
  const { code, params = [], backtrace = '' } = value;
  if (typeof code !== 'string' || !isTexts(params)) return undefined;
  return { code, params, backtrace: typeof backtrace === 'string' ? backtrace : writeJson(backtrace) };
}

const isTexts = (value: Value): value is readonly string[] =>
  Array.isArray(value) && value.every((element) => typeof element === 'string');
