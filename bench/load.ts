import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Server } from './processes.ts';

export interface Load {
  readonly request: string | Buffer;
  readonly connections: number;
  readonly calls: number;
}

export interface Measured {
  /** The server's user and system time a call, in microseconds. */
  readonly cpuMicroseconds: number;
  /** Calls a second as the clients saw them. */
  readonly wallRate: number;
}

/** Makes so many calls, numbered from 0, so many of them at the same time. */
export async function inFlight(
  calls: number,
  atOnce: number,
  call: (number: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const caller = async (): Promise<void> => {
    while (next < calls) {
      const number = next;
      next += 1;
      await call(number);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, caller));
}

/**
 * Clients that each send the next request when the answer to the last has come. Every answer is as long as the first
 * one: the request is the same each time, and so is what it is answered.
 */
export async function run(server: Server, load: Load): Promise<Measured> {
  const answer = await ask(server.path, load.request);
  const sockets = await Promise.all(Array.from({ length: load.connections }, () => open(server.path)));
  const cpuBefore = server.cpuSeconds();
  const begun = performance.now();
  await closedLoop(sockets, load, answer.length);
  const seconds = (performance.now() - begun) / 1000;
  const cpu = server.cpuSeconds() - cpuBefore;
  for (const socket of sockets) socket.destroy();
  return { cpuMicroseconds: (cpu / load.calls) * 1e6, wallRate: load.calls / seconds };
}

async function open(path: string): Promise<Socket> {
  const socket = connect(path);
  await once(socket, 'connect');
  return socket;
}

/** The answer to one request, whatever its protocol: what has come when the server has been silent for a moment. */
export async function ask(path: string, request: string | Buffer): Promise<Buffer> {
  const socket = await open(path);
  socket.write(request);
  const chunks: Buffer[] = [];
  const silent = Promise.withResolvers<void>();
  const late = setTimeout(silent.resolve, LONGEST_ANSWER_MS);
  let settle: NodeJS.Timeout | undefined;
  socket.on('error', silent.reject);
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    settle ??= setTimeout(silent.resolve, SETTLE_MS);
    settle.refresh();
  });
  await silent.promise;
  clearTimeout(late);
  socket.destroy();
  if (chunks.length === 0) throw new Error(`${path} did not answer within ${LONGEST_ANSWER_MS} ms`);
  return Buffer.concat(chunks);
}

const LONGEST_ANSWER_MS = 10_000;
const SETTLE_MS = 200;

function closedLoop(
  sockets: readonly Socket[],
  { request, calls }: Load,
  answerBytes: number,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let left = calls;
  let running = sockets.length;
  for (const socket of sockets) {
    let missing = answerBytes;
    const next = (): void => {
      if (left > 0) {
        left -= 1;
        socket.write(request);
        return;
      }
      running -= 1;
      if (running === 0) resolve();
    };
    socket.on('data', (chunk: Buffer) => {
      missing -= chunk.length;
      if (missing > 0) return;
      if (missing < 0) reject(new Error(`an answer is longer than the first one, of ${answerBytes} bytes`));
      missing = answerBytes;
      next();
    });
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('the server closed a connection under load')));
    next();
  }
  return promise;
}
