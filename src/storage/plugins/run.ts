import { setTimeout as pause } from 'node:timers/promises';
import { type CallLimits, setBounds } from './bounds.ts';
import type { Ended, Status } from './outcome.ts';
import { type NotStarted, type PluginProcess, type Program, startProcess } from './process.ts';
import type { PluginLog } from './settings.ts';
import { stderrLog } from './stderr-log.ts';

export interface OutputLimits {
  readonly maxOutputBytes: number;
  readonly maxLoggedBytes: number;
}

export interface RunOptions {
  readonly program: Program;
  /** What the script reads. */
  readonly input: string;
  readonly limits: CallLimits & OutputLimits;
  readonly log: PluginLog;
  /** Stand in each line that is logged. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** Ends the run before its time. */
  readonly stopping: AbortSignal;
  readonly now: () => number;
}

/**
 * Runs a script once. Settles when it has ended and all that it wrote is read; one that takes too long or prints too
 * much is ended with its whole process group first.
 */
export async function runScript(options: RunOptions): Promise<Ended> {
  const { program, input, limits, log, now } = options;
  const begun = now();
  const process = await startPatiently(program, begun, options);
  if (!('pid' in process)) return notRun(process.reason, now() - begun);

  const fields = { ...options.fields, pid: process.pid };
  const bounds = setBounds(process, { ...options, fields });
  const errors = stderrLog(limits.maxLoggedBytes, (line) =>
    log.info({ ...fields, stderr: line }, 'a script wrote'),
  );
  process.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
  const chunks: Buffer[] = [];
  let size = 0;
  process.stdout.on('data', (chunk: Buffer) => {
    const room = limits.maxOutputBytes - size;
    size += chunk.length;
    if (room > 0) chunks.push(chunk.subarray(0, room));
    if (size > limits.maxOutputBytes) bounds.break({ type: 'too-much', limit: limits.maxOutputBytes });
  });
  process.stdin.end(input);

  const status = await bounds.orBroken(process.ended);
  bounds.lift();
  errors.end();
  return { status, stdout: Buffer.concat(chunks), stderr: errors.tail(), ran: now() - begun };
}

export function notRun(reason: string, ran: number): Ended {
  const status: Status = { type: 'not-run', reason };
  return { status, stdout: Buffer.alloc(0), stderr: '', ran };
}

/** Between two tries to execute a file that is being written. */
const BUSY_PAUSE_MS = 10;

/** Starts a program; one that is just being written is tried again, as long as a call that has begun then may take. */
export async function startPatiently(
  program: Program,
  begun: number,
  { limits, log, fields, now }: Pick<RunOptions, 'limits' | 'log' | 'fields' | 'now'>,
): Promise<PluginProcess | NotStarted> {
  for (let tries = 1; ; tries += 1) {
    const process = await startProcess(program);
    if ('pid' in process || process.code !== 'ETXTBSY') return process;
    if (tries === 1)
      log.debug({ ...fields }, 'a script is open for writing: it is tried again until it is not');
    if (now() - begun >= limits.timeout) return process;
    await pause(BUSY_PAUSE_MS);
  }
}
