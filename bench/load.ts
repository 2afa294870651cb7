import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Server } from './processes.ts';

export interface Load {
  readonly request: string | Buffer;
  readonly connections: number;
  readonly calls: number;
}

export interface Measured {
  readonly calls: number;
  /** The server's user and system time a call, in microseconds. */
  readonly cpuMicroseconds: number;
  /** Calls a second as the clients saw them: on few cores this measures the clients too. */
  readonly wallRate: number;
}

/**
 * Clients that each send the next request when the answer to the last has come. Every answer is as long as the first
 * one: the request is the same each time, and so is what it is answered.
 */
export async function run(server: Server, load: Load): Promise<Measured> {
  const answerBytes = await measureAnswer(server.path, load.request);
  const sockets = await Promise.all(Array.from({ length: load.connections }, () => open(server.path)));
  const cpuBefore = server.cpuSeconds();
  const begun = performance.now();
  await closedLoop(sockets, load, answerBytes);
  const seconds = (performance.now() - begun) / 1000;
  const cpu = server.cpuSeconds() - cpuBefore;
  for (const socket of sockets) socket.destroy();
  return { calls: load.calls, cpuMicroseconds: (cpu / load.calls) * 1e6, wallRate: load.calls / seconds };
}

async function open(path: string): Promise<Socket> {
  const socket = connect(path);
  await once(socket, 'connect');
  return socket;
}

/** The length of the answer to one request: what has come when the server has been silent for a moment. */
async function measureAnswer(path: string, request: string | Buffer): Promise<number> {
  const socket = await open(path);
  socket.write(request);
  let bytes = 0;
  const silent = Promise.withResolvers<void>();
  const settle = setTimeout(silent.resolve, SETTLE_MS);
  socket.on('data', (chunk) => {
    bytes += chunk.length;
    settle.refresh();
  });
  await silent.promise;
  socket.destroy();
  if (bytes === 0) throw new Error(`${path} did not answer the request under measurement`);
  return bytes;
}

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
    const next = () => {
      if (left > 0) {
        left -= 1;
        socket.write(request);
        return;
      }
      running -= 1;
      if (running === 0) resolve();
    };
    socket.on('data', (chunk) => {
      missing -= chunk.length;
      if (missing > 0) return;
      missing = answerBytes;
      next();
    });
    socket.on('error', reject);
    next();
  }
  return promise;
}

export const median = (numbers: readonly number[]): number => {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
};

/** The two in turn, A B A B …, after one round that is not counted: the ratio holds when the machine's speed drifts. */
export async function inTurn(
  rounds: number,
  a: () => Promise<Measured>,
  b: () => Promise<Measured>,
): Promise<{ a: Measured; b: Measured; cpuRatio: number; wallRatio: number }> {
  const pairs: { a: Measured; b: Measured }[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    const pair = { a: await a(), b: await b() };
    if (round > 0) pairs.push(pair);
  }
  const middle = (pick: (pair: { a: Measured; b: Measured }) => number) => median(pairs.map(pick));
  const measured = (side: 'a' | 'b'): Measured => ({
    calls: pairs[0]?.[side].calls ?? 0,
    cpuMicroseconds: middle((pair) => pair[side].cpuMicroseconds),
    wallRate: middle((pair) => pair[side].wallRate),
  });
  return {
    a: measured('a'),
    b: measured('b'),
    cpuRatio: middle((pair) => pair.b.cpuMicroseconds / pair.a.cpuMicroseconds),
    wallRatio: middle((pair) => pair.a.wallRate / pair.b.wallRate),
  };
}
