import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { openPipe } from '../../posix.ts';
import type { Variables } from './environment.ts';
import { endGroup } from './group.ts';
import type { RunningScripts } from './left-behind.ts';
import type { Status } from './outcome.ts';

/** What is executed: a file, never a shell's line. */
export interface Program {
  readonly path: string;
  readonly argument: string;
  readonly directory: string;
  readonly environment: Variables;
  /** Is told of the process while it runs; nothing: nobody asks for it later. */
  readonly running: RunningScripts | undefined;
}

/** A process in a group of its own, with a pipe for each of its three files. */
export interface PluginProcess {
  readonly pid: number;
  readonly stdin: Socket;
  readonly stdout: Socket;
  readonly stderr: Socket;
  /** Settles when the process itself has ended and what it wrote is read, be others left that have its files or not. */
  readonly ended: Promise<ExitStatus>;
  /** Whether the process itself has ended: then all that it wrote is about to be read. */
  readonly isOver: () => boolean;
  /** Ends the whole group; settles when nothing of it runs. `grace`: ms from TERM to KILL. */
  end(grace: number, lingers: () => void): Promise<void>;
}

export type ExitStatus = Extract<Status, { readonly type: 'exited' | 'signal' }>;

/** A process that could not be started. `code` is the system's name of the error. */
export interface NotStarted {
  readonly code: string;
  readonly reason: string;
}

/** Starts a program. The caller reads both outputs. */
export async function startProcess(program: Program): Promise<PluginProcess | NotStarted> {
  const child = await spawnChild(program);
  if (!('child' in child)) return child;
  const { child: process, pid, stdin, stdout, stderr } = child;
  const ended = Promise.withResolvers<ExitStatus>();
  const over = program.running?.began(pid);
  process.once('exit', (code, signal) => {
    whenQuiet([stdout, stderr], () => {
      over?.();
      for (const socket of [stdin, stdout, stderr]) socket.destroy();
      ended.resolve(signal === null ? { type: 'exited', code: code ?? 0 } : { type: 'signal', signal });
    });
  });
  return {
    pid,
    stdin,
    stdout,
    stderr,
    ended: ended.promise,
    isOver: () => process.exitCode !== null || process.signalCode !== null,
    end: async (grace, lingers) => {
      await Promise.all([endGroup(pid, grace, lingers), ended.promise]);
    },
  };
}

interface Child {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly stdin: Socket;
  readonly stdout: Socket;
  readonly stderr: Socket;
}

async function spawnChild({ path, argument, directory, environment }: Program): Promise<Child | NotStarted> {
  const open: number[] = [];
  const pipe = (): ReturnType<typeof openPipe> => {
    const ends = openPipe();
    open.push(ends.readEnd, ends.writeEnd);
    return ends;
  };
  try {
    const [input, output, errors] = [pipe(), pipe(), pipe()];
    const child = spawn(path, [argument], {
      cwd: directory,
      env: { ...environment },
      detached: true,
      stdio: [input.readEnd, output.writeEnd, errors.writeEnd],
    });
    const { pid } = child;
    if (pid === undefined) return await failedStart(child);
    const ours = [input.writeEnd, output.readEnd, errors.readEnd];
    for (const end of open.splice(0)) if (!ours.includes(end)) closeSync(end);
    return {
      child,
      pid,
      stdin: quietSocket({ fd: input.writeEnd, readable: false, writable: true }),
      stdout: quietSocket({ fd: output.readEnd, readable: true, writable: false }),
      stderr: quietSocket({ fd: errors.readEnd, readable: true, writable: false }),
    };
  } catch (error) {
    return notStarted(error);
  } finally {
    for (const end of open) closeSync(end);
  }
}

/** A script may end without reading what it is given: that is no failure. */
function quietSocket(options: ConstructorParameters<typeof Socket>[0]): Socket {
  const socket = new Socket(options);
  socket.on('error', () => {});
  return socket;
}

/** Node tells of some errors at once, and of the others later. */
const failedStart = (child: ChildProcess): Promise<NotStarted> =>
  new Promise((resolve) => {
    child.once('error', (error) => resolve(notStarted(error)));
  });

function notStarted(error: unknown): NotStarted {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return { code, reason: REASONS[code] ?? (error instanceof Error ? error.message : String(error)) };
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'ENOENT: the file or the interpreter that its first line names is not there',
  EACCES: 'EACCES: the file or its interpreter may not be executed',
  ETXTBSY: 'ETXTBSY: the file is open for writing',
  EMFILE: 'EMFILE: the daemon has too many open files',
  EAGAIN: 'EAGAIN: the system has too many processes',
};

/**
 * What a process has written before its end is read within a turn of the event loop: libuv looks at pipes before it looks
 * at signals, unless more than a thousand are ready at once.
 */
const QUIET_TURNS = 2;

function whenQuiet(sockets: readonly Socket[], done: () => void): void {
  let seen = -1;
  let quiet = 0;
  const look = (): void => {
    const read = sockets.reduce((sum, { bytesRead }) => sum + bytesRead, 0);
    quiet = read === seen ? quiet + 1 : 0;
    seen = read;
    if (quiet >= QUIET_TURNS || sockets.every(({ readableEnded }) => readableEnded)) done();
    else setImmediate(look);
  };
  look();
}
