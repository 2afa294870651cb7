import { JsonFailure, parseJsonBytes, writeJson } from '../../wire/json.ts';
import { isStruct, type Struct, type Value } from '../../wire/value.ts';
import { type CallLimits, setBounds } from './bounds.ts';
import type { Variables } from './environment.ts';
import type { RunningScripts } from './left-behind.ts';
import {
  type Ended,
  failure,
  type RunContext,
  type RunOutcome,
  readScriptError,
  type Status,
} from './outcome.ts';
import type { PluginProcess } from './process.ts';
import { notRun, type OutputLimits, startPatiently } from './run.ts';
import type { PluginLog } from './settings.ts';
import { type StderrLog, stderrLog } from './stderr-log.ts';

/** The processes that serve the calls of one version of a plugin, one call at a time each. */
export interface WorkerPool {
  /** The program that the processes are of. */
  readonly path: string;
  /** How many processes there are. */
  readonly size: number;
  /** `name`: the method as its file is spelled. Who calls sees to it that there are not too many at the same time. */
  call(context: RunContext, name: string, params: Struct, options: WorkerCallOptions): Promise<RunOutcome>;
  /** Ends the processes, each as soon as it has answered. */
  retire(): void;
}

export interface WorkerCallOptions {
  readonly limits: CallLimits & OutputLimits;
  /** Stand in each line that is logged. */
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface WorkerPoolOptions {
  readonly path: string;
  readonly directory: string;
  readonly environment: Variables;
  readonly running: RunningScripts | undefined;
  readonly maxDepth: number;
  /** ms */
  readonly killGrace: number;
  readonly log: PluginLog;
  /** Ends the calls that are under way. */
  readonly ending: AbortSignal;
  /** Gets the processes that are told to end, until they have. */
  readonly underWay: Set<Promise<unknown>>;
  readonly now: () => number;
}

interface Worker {
  readonly process: PluginProcess;
  readonly errors: StderrLog;
  /** Takes what comes on stdout. */
  take: (chunk: Buffer) => void;
  fields: Readonly<Record<string, unknown>>;
}

const ARGUMENT = '--json-lines';
const NEWLINE = 0x0a;

export function createWorkerPool(options: WorkerPoolOptions): WorkerPool {
  const { killGrace, log, ending, underWay, now, maxDepth } = options;
  const workers = new Set<Worker>();
  const idle: Worker[] = [];
  let retired = false;
  let calls = 0;

  const start = async ({ limits, fields }: WorkerCallOptions, begun: number): Promise<Worker | string> => {
    const program = { ...options, argument: ARGUMENT };
    const process = await startPatiently(program, begun, { limits, fields, log, now });
    if (!('pid' in process)) return process.reason;
    const tell = (line: string): void =>
      log.info({ ...worker.fields, pid: process.pid, stderr: line }, 'a script wrote');
    const errors = stderrLog(limits.maxLoggedBytes, tell);
    const worker: Worker = { process, errors, take: () => end(worker), fields: {} };
    process.stdout.on('data', (chunk: Buffer) => worker.take(chunk));
    process.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
    workers.add(worker);
    process.ended.then(() => {
      errors.end();
      workers.delete(worker);
      const at = idle.indexOf(worker);
      if (at >= 0) idle.splice(at, 1);
    });
    return worker;
  };

  /** Lets it end by itself at the end of its input, or else ends it. */
  const end = async (worker: Worker): Promise<void> => {
    const { process } = worker;
    const at = idle.indexOf(worker);
    if (at >= 0) idle.splice(at, 1);
    worker.take = () => {};
    process.stdin.end();
    const lingers = (): void =>
      log.warn({ pid: process.pid }, `${options.path} does not end, although it was killed`);
    const late = setTimeout(() => process.end(killGrace, lingers), killGrace);
    underWay.add(process.ended);
    await process.ended;
    clearTimeout(late);
    underWay.delete(process.ended);
  };

  const letGo = (worker: Worker): void => {
    worker.take = () => {
      log.warn(
        { ...worker.fields, pid: worker.process.pid },
        'a worker wrote without being asked, and is ended',
      );
      end(worker);
    };
    if (retired) end(worker);
    else idle.push(worker);
  };

  const call: WorkerPool['call'] = async (context, name, params, options) => {
    const { limits, fields } = options;
    const begun = now();
    const worker = idle.pop() ?? (await start(options, begun));
    if (typeof worker === 'string') return failure(context, notRun(worker, now() - begun));
    const { process, errors } = worker;
    worker.fields = fields;
    errors.reset();
    calls += 1;
    const id = calls;
    const bounds = setBounds(process, {
      limits,
      log,
      fields: { ...fields, pid: process.pid },
      stopping: ending,
    });
    const tooMuch = (): void => bounds.break({ type: 'too-much', limit: limits.maxOutputBytes });
    const answered = nextLine(worker, limits.maxOutputBytes, tooMuch);
    process.stdin.write(`${writeJson({ jsonrpc: '2.0', id, method: name, params })}\n`);
    const came = await bounds.orBroken<Buffer | Status>(Promise.race([answered, process.ended]));
    bounds.lift();
    const ended = (status: Status, stdout: Buffer): Ended => ({
      status,
      stdout,
      stderr: errors.tail(),
      ran: now() - begun,
    });
    if (!Buffer.isBuffer(came)) return failure(context, ended(came, Buffer.alloc(0)));
    const answer = readAnswer(parseJsonBytes(came, { maxDepth }), id);
    if (typeof answer !== 'string') {
      letGo(worker);
      return { ...answer, waited: context.waited, ran: now() - begun };
    }
    // What it says next may belong to any call.
    await bounds.orBroken(end(worker));
    return failure(context, ended({ type: 'no-answer' }, came), answer);
  };

  return {
    path: options.path,
    get size() {
      return workers.size;
    },
    call,
    retire: () => {
      retired = true;
      for (const worker of [...idle]) end(worker);
    },
  };
}

/** The next line that a worker writes, when it is the only thing that it writes. */
function nextLine(worker: Worker, maxBytes: number, tooMuch: () => void): Promise<Buffer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    worker.take = (chunk) => {
      size += chunk.length;
      if (size > maxBytes) return tooMuch();
      chunks.push(chunk);
      // With something behind the line it is no JSON text, and is found to be none when it is read.
      if (chunk.includes(NEWLINE)) resolve(Buffer.concat(chunks));
    };
  });
}

type Answer =
  | Pick<Extract<RunOutcome, { type: 'result' }>, 'type' | 'value'>
  | Omit<Extract<RunOutcome, { type: 'error' }>, 'waited' | 'ran'>;

/** The answer to a call, or why it is none. */
function readAnswer(answer: Value | JsonFailure, id: number): Answer | string {
  if (answer instanceof JsonFailure) return `what it wrote is no answer: ${answer.reason}`;
  if (!isStruct(answer)) return 'what it wrote is no answer: expected an object';
  if (answer.id !== id) return `what it wrote is no answer: expected the id ${id}`;
  if (answer.result !== undefined) return { type: 'result', value: answer.result };
  const error = isStruct(answer.error) ? readScriptError(answer.error.data) : undefined;
  if (error !== undefined) return { type: 'error', ...error };
  return 'expected a result, or an error whose data has code, a text, and params, an array of texts';
}
