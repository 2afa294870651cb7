/** The interim answer that lets a peer go on with its body. */
export const HTTP_CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';

/** The reason phrases of the statuses that are answered here. */
const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  204: 'No Content',
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  413: 'Content Too Large',
  417: 'Expectation Failed',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  503: 'Service Unavailable',
  505: 'HTTP Version Not Supported',
};

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
  const length = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
  const head = `${opening(status, contentType)}Content-Length: ${length}\r\n${keepAlive ? KEEP_ALIVE : CLOSE}`;
  return typeof body === 'string' ? head + body : Buffer.concat([Buffer.from(head, 'latin1'), body]);
}

const KEEP_ALIVE = 'Connection: keep-alive\r\n\r\n';
const CLOSE = 'Connection: close\r\n\r\n';

const opening = (status: number, contentType: string | undefined): string =>
  `HTTP/1.1 ${status} ${REASONS[status] ?? ''}\r\n${contentType === undefined ? '' : `Content-Type: ${contentType}\r\n`}`;
