import { Agent, request as httpRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import { type Deadline, setDeadline } from '../deadline.ts';
import { Failure } from './exit.ts';

/** What the switch answered. */
export interface Reply {
  readonly status: number;
  readonly body: Buffer;
}

/** One connection to a message switch, which speaks HTTP. */
export interface SwitchConnection {
  /**
   * Makes a request; further ones wait for its answer. `waits` is how long the switch may take by itself, in s, as
   * a transfer does. Rejects with a `Failure` when there is no answer.
   */
  ask(method: 'GET' | 'POST', target: string, body?: string | Buffer, waits?: number): Promise<Reply>;
  close(): void;
}

export interface ConnectionOptions {
  readonly path: string;
  /** Told of every request and the status of its answer. */
  readonly debug?: ((line: string) => void) | undefined;
}

/** A switch that says nothing for so much longer than it was asked to wait does not answer any more. */
export const PATIENCE_MS = 10_000;

/** The longest that Node's timers can wait. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Connects. Rejects with a `Failure` that says what to do. */
export async function connectToSwitch({ path, debug }: ConnectionOptions): Promise<SwitchConnection> {
  const socket = await openSocket(path);
  // A session belongs to its connection: a request may not go out on another one that nobody has logged in.
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let given = false;
  agent.createConnection = (_options, created) => {
    if (given) {
      created?.(new Error('the connection was closed'), socket);
      return undefined;
    }
    given = true;
    return socket;
  };
  // Between two requests nobody else listens; the next request then says that the connection is lost.
  socket.on('error', () => {});
  return {
    ask: async (method, target, body = '', waits = 0) => {
      const reply = await ask(agent, path, method, target, body, waits);
      debug?.(`${method} ${target}: ${reply.status}, ${reply.body.length} bytes`);
      return reply;
    },
    close: () => {
      agent.destroy();
      socket.destroy();
    },
  };
}

async function openSocket(path: string): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // Not as a word alone: one of digits would be a port of TCP.
  const socket = connect({ path });
  socket.once('connect', resolve);
  socket.once('error', (error) => reject(cannotConnect(path, error)));
  await promise;
  socket.removeAllListeners('error');
  return socket;
}

const HINTS: Readonly<Record<string, string>> = {
  ENOENT: 'is the switch running? --path names another socket',
  ECONNREFUSED: 'nobody listens there: start the switch, or name another socket with --path',
  EACCES: "try as root, or as a member of the socket's group",
  ENOTSOCK: '--path names a socket',
};

function cannotConnect(path: string, error: Error): Failure {
  const code = 'code' in error ? String(error.code) : '';
  const hint = HINTS[code] === undefined ? '' : `: ${HINTS[code]}`;
  return new Failure('cannotConnect', `cannot connect to ${path} (${code || error.message})${hint}`);
}

export const switchLost = (path: string, reason: string): Failure =>
  new Failure('cannotConnect', `the switch at ${path} is lost: ${reason}`);

export const NO_ANSWER = 'it does not answer';

function ask(
  agent: Agent,
  path: string,
  method: string,
  target: string,
  body: string | Buffer,
  waits: number,
): Promise<Reply> {
  const { promise, resolve, reject } = Promise.withResolvers<Reply>();
  const patience = Math.min(waits * 1000 + PATIENCE_MS, LONGEST_TIMER_MS);
  let silence: Deadline | undefined;
  const failed = (error: Error): void => reject(switchLost(path, error.message));
  const request = httpRequest(
    {
      agent,
      method,
      path: target,
      headers: { 'content-length': Buffer.byteLength(body) },
    },
    (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        silence?.refresh();
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }));
      response.on('error', failed);
    },
  );
  request.on('error', failed);
  // Not while others are before it.
  request.on('socket', () => {
    silence = setDeadline(() => request.destroy(new Error(NO_ANSWER)), patience);
  });
  request.on('finish', () => silence?.refresh());
  request.end(body);
  return promise.finally(() => silence?.clear());
}
