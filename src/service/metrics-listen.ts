import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Pages } from '../wire/pages.ts';

export interface PageServer {
  /** `host:port`, with the port that it has. */
  readonly address: string;
  stop(): void;
}

/** Scrapers and people: few, and none for long. */
const MAX_CONNECTIONS = 32;
const PATIENCE_MS = 10_000;
const MAX_HEADER_BYTES = 16 * 1024;

/**
 * Serves pages over HTTP at `host:port`, for scrapers that know no Unix sockets. Rejects with an error that names
 * `metrics.listen` when it can't be listened there.
 */
export async function servePages(address: string, pages: Pages): Promise<PageServer> {
  const at = address.lastIndexOf(':');
  const host = address.slice(0, at).replace(/^\[|\]$/g, '');
  const limits = {
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: PATIENCE_MS,
    requestTimeout: PATIENCE_MS,
    keepAliveTimeout: PATIENCE_MS,
  };
  const server = createServer(limits, (request, response) => {
    request.resume();
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    const page = isRead ? pages(request.url ?? '') : undefined;
    const { status, contentType, body } = page ?? {
      status: isRead ? 404 : 405,
      contentType: 'text/plain; charset=utf-8',
      body: isRead ? 'Not found: there are /metrics and /healthz\n' : 'expected GET\n',
    };
    response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(body) });
    response.end(request.method === 'HEAD' ? undefined : body);
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.listen({ host, port: Number(address.slice(at + 1)) });
  try {
    await once(server, 'listening');
  } catch (error) {
    if (error instanceof Error) error.message += ' (metrics.listen)';
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
