import type { RequestListener, ServerResponse } from 'node:http';
import type { Site, SiteAnswer, StreamAnswer } from '../wire/site.ts';
import { createAccess } from './access.ts';
import { seeOther, textAnswer } from './site.ts';

/**
 * Serves the page over TCP to those who have the token: it stands in a URL once, and in a cookie from then on, so that no
 * history keeps it. `refused` is told why somebody is not let in.
 */
export function guardedSite(site: Site, token: string, refused: (reason: string) => void): RequestListener {
  const access = createAccess(token);
  return (request, response) => {
    request.resume();
    const { method, url: target = '', headers } = request;
    const { host, origin, cookie } = headers;
    if (method !== 'GET' && method !== 'HEAD') return write(response, textAnswer(405, 'expected GET'));
    const outcome = access({ target, host, origin, cookie });
    switch (outcome.type) {
      case 'refused':
        refused(outcome.reason);
        return write(response, textAnswer(outcome.status, outcome.reason));
      case 'exchange':
        return write(response, seeOther('/admin/', 303, { 'Set-Cookie': outcome.cookie }));
      case 'allowed':
        return write(response, site({ target, host }) ?? textAnswer(404, 'Not found: there is /admin/'));
    }
  };
}

function write(response: ServerResponse, answer: SiteAnswer): void {
  if (answer.type === 'stream') {
    stream(response, answer);
    return;
  }
  const { status, headers, body } = answer;
  response.writeHead(status, { ...headers, 'Content-Length': Buffer.byteLength(body) });
  response.end(body);
}

function stream(response: ServerResponse, { headers, follow }: StreamAnswer): void {
  response.writeHead(200, headers);
  if (response.req.method === 'HEAD') {
    response.end();
    return;
  }
  const stop = follow({
    send: (text) => response.write(text),
    get unsent() {
      return response.writableLength;
    },
    close: () => response.destroy(),
  });
  response.once('close', stop);
}
