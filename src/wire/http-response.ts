import { measured, type Utf8Text } from './utf8-text.ts';

/** The interim answer that lets a peer go on with its body. */
export const HTTP_CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';

/** The reason phrases of the statuses that are answered here. */
const REASONS: ReadonlyMap<number, string> = new Map([
  [200, 'OK'],
  [204, 'No Content'],
  [302, 'Found'],
  [303, 'See Other'],
  [400, 'Bad Request'],
  [403, 'Forbidden'],
  [404, 'Not Found'],
  [405, 'Method Not Allowed'],
  [408, 'Request Timeout'],
  [413, 'Content Too Large'],
  [417, 'Expectation Failed'],
  [431, 'Request Header Fields Too Large'],
  [500, 'Internal Server Error'],
  [501, 'Not Implemented'],
  [503, 'Service Unavailable'],
  [505, 'HTTP Version Not Supported'],
]);

/**
 * Writes a response with its length. A text body gives a text, to be written as UTF-8, so that head and body leave
 * in one piece.
 */
export function httpResponse(
  status: number,
  contentType: string | undefined,
  body: string | Buffer,
  keepAlive: boolean,
): string | Buffer {
  if (typeof body === 'string') return httpText(status, contentType, measured(body), keepAlive);
  return Buffer.concat([Buffer.from(httpHead(status, contentType, body.length, keepAlive), 'latin1'), body]);
}

/** The same with a text whose length is known. */
export const httpText = (
  status: number,
  contentType: string | undefined,
  { text, bytes }: Utf8Text,
  keepAlive: boolean,
): string => httpHead(status, contentType, bytes, keepAlive) + text;

/** The head of a response with header lines of its own. Without a length, the body goes on until the connection ends. */
export function httpHeadOf(
  status: number,
  headers: Readonly<Record<string, string>>,
  bodyBytes: number | undefined,
  keepAlive: boolean,
): string {
  const lines = Object.entries({
    ...headers,
    ...(bodyBytes === undefined ? {} : { 'Content-Length': `${bodyBytes}` }),
    Connection: keepAlive && bodyBytes !== undefined ? 'keep-alive' : 'close',
  });
  const text = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return `HTTP/1.1 ${status} ${REASONS.get(status) ?? ''}\r\n${text}\r\n`;
}

function httpHead(
  status: number,
  contentType: string | undefined,
  bodyBytes: number,
  keepAlive: boolean,
): string {
  const type = contentType === undefined ? '' : `Content-Type: ${contentType}\r\n`;
  const connection = keepAlive ? 'keep-alive' : 'close';
  return (
    `HTTP/1.1 ${status} ${REASONS.get(status) ?? ''}\r\n${type}` +
    `Content-Length: ${bodyBytes}\r\nConnection: ${connection}\r\n\r\n`
  );
}
