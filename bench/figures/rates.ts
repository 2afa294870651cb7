import { join } from 'node:path';
import { writeMessagePack } from '../../src/wire/messagepack.ts';
import { compareCalls, type Side } from '../compare.ts';
import { LS_LINE, startDaemon } from '../daemon.ts';
import type { Figure, Progress, Row } from '../figure.ts';
import { type Load, run } from '../load.ts';
import { benchDirectory, type Server, startServer } from '../processes.ts';
import { startStore } from '../store.ts';

/** `Plugin.ls` in each protocol: the server's time a call beside that of a peer. */

const SRS = 10;
const CONNECTIONS = 16;
const CALLS = 150_000;
const ROUNDS = 5;

const load = (request: string | Buffer): Load => ({ request, connections: CONNECTIONS, calls: CALLS });

const LINES = load(LS_LINE);
const MESSAGEPACK = load(writeMessagePack([0, 1, 'Plugin.ls', [{ dbg: 'bench' }]]));
const HTTP = load(
  'POST / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\nAccept: */*\r\n' +
    `Content-Type: application/json\r\nContent-Length: ${LS_LINE.length}\r\n\r\n${LS_LINE}`,
);

export const jsonLines: Figure = {
  name: 'json',
  measure: (progress) =>
    withServers('net-constant.ts', async (daemon, peer) =>
      compare(progress, {
        figure: 'json',
        title: 'Plugin.ls as JSON lines',
        target: { type: 'ratio-at-least', ratio: 0.7 },
        ours: { what: 'datapathd', server: daemon, load: LINES },
        peer: { what: 'node:net, a constant line', server: peer, load: LINES },
      }),
    ),
};

export const http: Figure = {
  name: 'http',
  measure: (progress) =>
    withServers('http-constant.ts', async (daemon, peer) =>
      compare(progress, {
        figure: 'http',
        title: 'Plugin.ls over HTTP keep-alive',
        target: { type: 'ratio-at-least', ratio: 1.5 },
        ours: { what: 'datapathd', server: daemon, load: HTTP },
        peer: { what: 'node:http, a constant', server: peer, load: HTTP },
      }),
    ),
};

export const messagePack: Figure = {
  name: 'messagepack',
  measure: (progress) =>
    withServers(undefined, async (daemon) =>
      compare(progress, {
        figure: 'messagepack',
        title: 'Plugin.ls in MessagePack',
        target: { type: 'ratio-at-least', ratio: 1 },
        ours: { what: 'datapathd', server: daemon, load: MESSAGEPACK },
        peer: { what: 'datapathd, JSON lines', server: daemon, load: LINES },
      }),
    ),
};

/** Runs with a daemon that shows a few SRs, and with a peer; without one the daemon is its own. */
async function withServers(
  program: string | undefined,
  measure: (daemon: Server, peer: Server) => Promise<Row>,
): Promise<Row[]> {
  const store = await startStore(SRS);
  const daemon = await startDaemon(store);
  const peer = program === undefined ? undefined : await startPeer(program);
  const row = await measure(daemon, peer ?? daemon);
  await Promise.all([daemon.stop(), peer?.stop()]);
  await store.stop();
  return [row];
}

function startPeer(program: string): Promise<Server> {
  const path = join(benchDirectory(), 'peer');
  return startServer(join(import.meta.dirname, '../peers', program), path, [path]);
}

interface Loaded {
  readonly what: string;
  readonly server: Server;
  readonly load: Load;
}

interface Comparison extends Pick<Row, 'figure' | 'title' | 'target'> {
  readonly ours: Loaded;
  readonly peer: Loaded;
}

async function compare(progress: Progress, { figure, title, target, ours, peer }: Comparison): Promise<Row> {
  progress(`${title}: ${ROUNDS} rounds of ${CALLS} calls in turn with ${peer.what}`);
  const side = ({ what, server, load }: Loaded): Side => ({ what, run: () => run(server, load) });
  return {
    figure,
    title: `${title}, ${CONNECTIONS} connections`,
    target,
    ...(await compareCalls(ROUNDS, side(ours), side(peer))),
  };
}
