import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, rmSync } from 'node:fs';
import { connect as connectSocket } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type Connection, connect } from '../../src/xenstore/connection.ts';
import type { EventListener } from '../../src/xenstore/requests.ts';
import { tempDirectory } from './temp.ts';

/** Debian's two xenstored programs: the C one and the OCaml one. */
export const KINDS = ['c', 'ocaml'] as const;
export type Kind = (typeof KINDS)[number];

export const RUN_XENSTORED = join(import.meta.dirname, '../xenstored/run-xenstored');
const run = promisify(execFile);

/** A real xenstored, without Xen below it. */
export interface Xenstored {
  readonly directory: string;
  readonly socket: string;
  /** Sends the daemon a signal; KILL and TERM are awaited. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Starts it again after it was killed: with an empty store. */
  start(): Promise<void>;
  /** Makes the domain exist, and introduces it. */
  addDomain(domid: number): Promise<void>;
  /** Destroys the domain. */
  removeDomain(domid: number): void;
  /** Connects our own client; it is closed when the test ends. */
  connect(onEvent?: EventListener): Promise<Connection>;
}

export interface XenstoredOptions {
  /** Lines for oxenstored's configuration file. */
  readonly configuration?: readonly string[];
}

/** Starts a xenstored in a folder of the test's own; gives it when it answers. */
export async function startXenstored(
  t: TestContext,
  kind: Kind,
  { configuration = [] }: XenstoredOptions = {},
): Promise<Xenstored> {
  const directory = tempDirectory(t);
  const socket = join(directory, 'socket');
  let child: ChildProcess | undefined;

  const start = async () => {
    const words = ['--daemon', kind, ...configuration.flatMap((line) => ['--conf', line]), directory];
    const started = spawn(RUN_XENSTORED, words, { stdio: ['ignore', 'ignore', 'pipe'] });
    child = started;
    let complaint = '';
    started.stderr?.on('data', (chunk: Buffer) => {
      complaint += chunk.toString();
    });
    while (!(await answers(socket))) {
      if (started.exitCode !== null) throw new Error(`xenstored (${kind}) ended: ${complaint}`);
      await pause(RETRY_MS);
    }
  };
  t.after(() => child?.kill('SIGKILL'));
  await start();

  const domainFile = (domid: number) => join(directory, 'dom', `${domid}`);
  const connectClient = clientsOf(t, socket);
  return {
    directory,
    socket,
    start,
    connect: connectClient,
    kill: async (signal) => {
      const target = child;
      if (target === undefined) return;
      const ended = once(target, 'exit');
      target.kill(signal);
      if (signal === 'SIGKILL' || signal === 'SIGTERM') await ended;
    },
    addDomain: async (domid) => {
      closeSync(openSync(domainFile(domid), 'a'));
      await introduce(connectClient, domid);
    },
    removeDomain: (domid) => rmSync(domainFile(domid)),
  };
}

/** Waits as long as the test may. */
export const CLIENT_OPTIONS = { requestTimeout: 600_000, maxPayloadBytes: 16 * 1024 * 1024 };

/** Connects our own client to a store; it is closed when the test ends. */
export const clientsOf =
  (t: TestContext, path: string) =>
  async (onEvent: EventListener = () => {}): Promise<Connection> => {
    const connection = await connect({ ...CLIENT_OPTIONS, path, onEvent });
    t.after(() => connection.close());
    return connection;
  };

/** Introduces a domain to the store to which clients are connected so. */
export async function introduce(connectClient: () => Promise<Connection>, domid: number): Promise<void> {
  const connection = await connectClient();
  await connection.introduceDomain(domid, 1, 2);
  connection.close();
}

/** How often a socket that is not there yet is tried. */
const RETRY_MS = 5;

function answers(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connectSocket(path);
  socket.once('connect', () => {
    socket.destroy();
    resolve(true);
  });
  socket.once('error', () => resolve(false));
  return promise;
}

/** Runs one of Debian's command-line clients on the store whose socket is `socket` in the folder; gives its output. */
export async function storeCommand(directory: string, ...words: string[]): Promise<string> {
  const { stdout } = await run(RUN_XENSTORED, ['--client', directory, ...words]);
  return stdout;
}
