import type { Pages } from '../wire/pages.ts';
import { type LoopbackServer, listenOnLoopback } from './loopback.ts';

/** Serves pages over HTTP at `metrics.listen`, for scrapers that know no Unix sockets. */
export const servePages = (address: string, pages: Pages): Promise<LoopbackServer> =>
  listenOnLoopback({
    address,
    setting: 'metrics.listen',
    answer: (request, response) => {
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
    },
  });
