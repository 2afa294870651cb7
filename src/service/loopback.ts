import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';

export interface LoopbackServer {
  /** `host:port`, with the port that it has. */
  readonly address: string;
  stop(): void;
}

export interface LoopbackOptions {
  /** `host:port`; with port 0 the system chooses one. */
  readonly address: string;
  /** The name of the setting that the address comes from, for errors. */
  readonly setting: string;
  readonly answer: RequestListener;
}

/** Scrapers and people: few, and none for long. */
const MAX_CONNECTIONS = 32;
const PATIENCE_MS = 10_000;
const MAX_HEADER_BYTES = 16 * 1024;

/** Serves HTTP at an address of the loopback. Rejects with an error that names the setting when it can't listen there. */
export async function listenOnLoopback({
  address,
  setting,
  answer,
}: LoopbackOptions): Promise<LoopbackServer> {
  const at = address.lastIndexOf(':');
  const host = address.slice(0, at).replace(/^\[|\]$/g, '');
  const limits = {
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: PATIENCE_MS,
    requestTimeout: PATIENCE_MS,
    keepAliveTimeout: PATIENCE_MS,
  };
  const server = createServer(limits, answer);
  server.maxConnections = MAX_CONNECTIONS;
  server.listen({ host, port: Number(address.slice(at + 1)) });
  try {
    await once(server, 'listening');
  } catch (error) {
    if (error instanceof Error) error.message += ` (${setting})`;
    throw error;
  }
  const bound = server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
  return {
    address: `${address.slice(0, at)}:${port}`,
    stop: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
