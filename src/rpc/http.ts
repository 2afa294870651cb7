import { farewell, type Reply, reply } from '../wire/conversation.ts';
import type { Talk } from '../wire/converse.ts';
import { createHttpReader, type HttpMessage, type HttpRequest, ONLY_PAGES } from '../wire/http.ts';
import { statusOf } from '../wire/http-fault.ts';
import { HTTP_CONTINUE, httpText } from '../wire/http-response.ts';
import { JsonFailure } from '../wire/json.ts';
import type { Pages } from '../wire/pages.ts';
import { measured, NO_TEXT, type Utf8Text } from '../wire/utf8-text.ts';
import type { Value } from '../wire/value.ts';
import { type AnswerText, type Refused, type RpcLimits, unreadable } from './answer.ts';
import { type Answer, tooLarge } from './call.ts';
import type { Service } from './service.ts';
import { readXmlCall, writeXmlAnswer, writeXmlFault, XmlFailure } from './xmlrpc.ts';

const JSON_TYPE = 'application/json';
const XML_TYPE = 'text/xml';
const TEXT_TYPE = 'text/plain; charset=utf-8';

/** `<` as the first byte of a body that is not white space. */
const LESS_THAN = 0x3c;

/** What HTTP needs of the queue that it serves. */
export interface HttpService {
  readonly service: Service;
  readonly limits: RpcLimits;
  readonly parseJson: (bytes: Buffer) => Value | JsonFailure;
  readonly answerJson: AnswerText;
  /** The XML of a result. */
  readonly writeXml: (value: Value) => string;
  readonly refused: Refused;
  readonly pages: Pages;
}

/** RPC over HTTP/1.1: JSON-RPC or XML-RPC by POST to any path, and a word on what this is and the pages by GET. */
export function httpTalk(options: HttpService): Talk<HttpMessage> {
  const { service, limits, parseJson, answerJson, writeXml, refused, pages } = options;

  const respond = (
    { keepAlive }: HttpRequest,
    status: number,
    type: string | undefined,
    body: Utf8Text,
  ): Reply => {
    const bytes = httpText(status, type, body, keepAlive);
    return keepAlive ? reply(bytes) : farewell(bytes);
  };

  const post = (request: HttpRequest): Reply | Promise<Reply> =>
    isXml(request) ? postXml(request) : postJson(request);

  const postJson = (request: HttpRequest): Reply | Promise<Reply> => {
    const value = parseJson(request.body);
    if (value instanceof JsonFailure) {
      refused('http', value.reason);
      return badRequest(JSON_TYPE, measured(unreadable(value.reason)));
    }
    const answer = answerJson(value);
    const send = ({ text, bytes }: Utf8Text): Reply =>
      bytes === 0
        ? respond(request, 204, undefined, NO_TEXT)
        : respond(request, 200, JSON_TYPE, { text: `${text}\n`, bytes: bytes + 1 });
    return answer instanceof Promise ? answer.then(send) : send(answer);
  };

  const postXml = (request: HttpRequest): Reply | Promise<Reply> => {
    const call = readXmlCall(request.body, limits);
    if (call instanceof XmlFailure) {
      refused('http', call.reason);
      const fault = measured(writeXmlFault(XML_PARSE_ERROR, call.reason));
      // Python's client shows a fault only when it comes with a 200.
      return call.kind === 'refused' ? badRequest(XML_TYPE, fault) : respond(request, 200, XML_TYPE, fault);
    }
    const send = (answer: Answer): Reply => {
      const text = measured(writeXmlAnswer(answer, writeXml));
      return text.bytes <= limits.maxAnswerBytes
        ? respond(request, 200, XML_TYPE, text)
        : send(tooLarge(limits.maxAnswerBytes));
    };
    const answer = service.call(call);
    return answer instanceof Promise ? answer.then(send) : send(answer);
  };

  return {
    protocol: 'http',
    reader: createHttpReader({
      maxHeaderBytes: limits.maxHeaderBytes,
      maxBodyBytes: limits.maxRequestBytes,
      bodySetting: 'sockets.maxRequestBytes',
    }),
    answer: (message) => {
      if (message.type === 'continue') return reply(HTTP_CONTINUE);
      if (message.fromBrowser && message.method !== 'GET') {
        refused('http', ONLY_PAGES);
        return respond(message, 403, TEXT_TYPE, measured(`${ONLY_PAGES}\n`));
      }
      if (message.method === 'POST') return post(message);
      if (message.method !== 'GET') {
        // A client that sent HEAD would take a body for the next answer: RFC 9110, section 9.3.2.
        const text = message.method === 'HEAD' ? '' : `${message.method}: expected POST or GET\n`;
        return respond(message, 405, TEXT_TYPE, measured(text));
      }
      if (message.target === '/') return respond(message, 200, TEXT_TYPE, measured(about(service.queue)));
      const page = pages(message.target);
      return page !== undefined
        ? respond(message, page.status, page.contentType, measured(page.body))
        : respond(message, 404, TEXT_TYPE, measured(`Not found: ${message.target}\n`));
    },
    fault: (fault) => {
      refused('http', fault.reason);
      return farewell(httpText(statusOf(fault), TEXT_TYPE, measured(`${fault.reason}\n`), false));
    },
  };
}

const XML_PARSE_ERROR = -32700;

const badRequest = (type: string, body: Utf8Text): Reply => farewell(httpText(400, type, body, false));

function isXml({ contentType, body }: HttpRequest): boolean {
  return (
    contentType === XML_TYPE || contentType === 'application/xml' || body[firstVisible(body)] === LESS_THAN
  );
}

function firstVisible(body: Buffer): number {
  let at = 0;
  while (at < body.length && isSpace(body[at])) at += 1;
  return at;
}

const isSpace = (byte: number | undefined): boolean =>
  byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

const about = (queue: string): string =>
  `This is datapathd, serving the queue ${queue}.\n` +
  'Calls: POST a JSON-RPC or an XML-RPC body to any path; without HTTP, write JSON text, JSON text after 16 digits\n' +
  'of length, or MessagePack-RPC to this same socket. The method rpc.discover tells which methods there are.\n';
