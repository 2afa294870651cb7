import { type Conversation, farewell, type Peer, type Reply, reply } from '../wire/conversation.ts';
import { converse } from '../wire/converse.ts';
import { createHttpReader, type HttpRequest, ONLY_PAGES } from '../wire/http.ts';
import { statusOf } from '../wire/http-fault.ts';
import { HTTP_CONTINUE, httpHeadOf, httpResponse } from '../wire/http-response.ts';
import type { Page } from '../wire/pages.ts';
import type { SiteAnswer, SiteRequest, StreamAnswer } from '../wire/site.ts';
import type { SwitchClient } from './host.ts';
import { type Refusal, readRequest, writeResponse } from './http-codec.ts';
import type { Out } from './protocol.ts';

/** Each is a setting; the texts name it. */
export interface HttpLimits {
  readonly maxHeaderBytes: number;
  readonly maxMessageBytes: number;
  /** ms */
  readonly maxTransferTimeout: number;
}

/** Both sides of a connection, and what can be read beside the protocol. */
export interface HttpSides {
  readonly client: SwitchClient;
  readonly peer: Peer;
  readonly pageFor: (request: HttpRequest) => Page | Refusal | undefined;
  readonly siteAt: (request: SiteRequest) => SiteAnswer | Refusal | undefined;
}

/**
 * The switch over HTTP, for one connection. `refused` is told of every request that is not carried out; `pageFor` and
 * `siteAt` answer what is none of the protocol's.
 */
export function httpConversation(
  { client, peer, pageFor, siteAt }: HttpSides,
  limits: HttpLimits,
  refused: (reason: string) => void,
): Conversation {
  let endStream = (): void => {};
  const respond = ({ method, keepAlive }: HttpRequest, out: Out): Reply => {
    if (out.type === 'refused') refused(out.reason);
    const { status, body } = writeResponse(out);
    // A client takes a body behind the head that it asked for as the next answer.
    const bytes = httpResponse(status, undefined, method === 'HEAD' ? '' : body, keepAlive);
    return keepAlive ? reply(bytes) : farewell(bytes);
  };
  const show = (message: HttpRequest, page: Page | Refusal): Reply => {
    if ('type' in page) return respond(message, page);
    const bytes = httpResponse(page.status, page.contentType, page.body, message.keepAlive);
    return message.keepAlive ? reply(bytes) : farewell(bytes);
  };
  const stream = ({ headers, follow }: StreamAnswer): Promise<Reply> => {
    const { promise, resolve } = Promise.withResolvers<Reply>();
    peer.send(httpHeadOf(200, headers, undefined, false));
    const stop = follow(peer);
    endStream = () => {
      endStream = () => {};
      stop();
      resolve(farewell(''));
    };
    return promise;
  };
  const serve = (message: HttpRequest, answer: SiteAnswer | Refusal): Reply | Promise<Reply> => {
    if (answer.type === 'refused') return respond(message, answer);
    if (answer.type === 'stream') return stream(answer);
    const { status, headers, body } = answer;
    const bytes = httpHeadOf(status, headers, Buffer.byteLength(body), message.keepAlive) + body;
    return message.keepAlive ? reply(bytes) : farewell(bytes);
  };
  return converse({
    protocol: 'switch',
    reader: createHttpReader({
      maxHeaderBytes: limits.maxHeaderBytes,
      maxBodyBytes: limits.maxMessageBytes,
      bodySetting: 'switch.maxMessageBytes',
    }),
    answer: (message) => {
      if (message.type === 'continue') return reply(HTTP_CONTINUE);
      if (message.fromBrowser && message.method !== 'GET') return respond(message, NO_BROWSERS);
      const page = pageFor(message);
      if (page !== undefined) return show(message, page);
      const web = message.method === 'GET' ? siteAt(message) : undefined;
      if (web !== undefined) return serve(message, web);
      if (message.fromBrowser) return respond(message, NO_BROWSERS);
      const request = readRequest(message, limits.maxTransferTimeout);
      if (request.type === 'refused') return respond(message, request);
      const out = client.perform(request);
      return out instanceof Promise
        ? out.then((settled) => respond(message, settled))
        : respond(message, out);
    },
    fault: (fault) => {
      refused(fault.reason);
      return farewell(httpResponse(statusOf(fault), undefined, fault.reason, false));
    },
    ended: () => {
      client.hurry();
      endStream();
    },
    closed: () => {
      client.leave();
      endStream();
    },
  });
}

const NO_BROWSERS: Refusal = { type: 'refused', status: 403, reason: ONLY_PAGES };
