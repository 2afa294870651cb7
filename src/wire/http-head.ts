import { HttpFault, quoted } from './http-fault.ts';
import {
  CR,
  CRLF_BYTES,
  endOfRun,
  type Fields,
  holds,
  isCrlf,
  LF,
  NO_LINE,
  newFields,
  oneOf,
  readField,
  SPACE,
  tableOf,
  withoutBlanks,
  wrongField,
} from './http-fields.ts';
import { isForeignPort } from './loopback-name.ts';

/** What a request's head says, as far as it matters here. */
export interface RequestHead {
  readonly method: string;
  /** As sent, not decoded. */
  readonly target: string;
  readonly keepAlive: boolean;
  /** The media type, in lower case, without its parameters. */
  readonly contentType: string | undefined;
  readonly expectsContinue: boolean;
  /** As the client calls this server, where it says so. */
  readonly host: string | undefined;
  /** A page in a browser has made the client ask, or may have: by `Sec-Fetch-Site`, `Origin`, or a port of another name. */
  readonly fromBrowser: boolean;
  readonly body: { readonly type: 'sized'; readonly bytes: number } | { readonly type: 'chunked' };
}

/**
 * Reads a head line by line as it comes: the request line, the header lines and an empty line, each with its CRLF; or
 * trailers, which have no request line and are held to the same rules. Strict where two readers could understand the
 * same bytes differently: RFC 9112, sections 3, 5, 6 and 11.2.
 */
export class HeadReader {
  readonly #what: 'a head' | 'trailers';
  readonly #maxBytes: number;
  readonly #fields = newFields();
  #requestLine: RequestLine | undefined;
  /** Where the line begins that is read next. */
  #lineStart = 0;
  /** Up to where its end was looked for, and not found unless it stands right here. */
  #searched = 0;

  constructor(what: 'a head' | 'trailers', maxBytes: number) {
    this.#what = what;
    this.#maxBytes = maxBytes;
  }

  /**
   * Reads on. `bytes` is all that has come from the first line on. Gives how long the lines are up to and with the
   * empty one; `undefined`: it has not come.
   */
  read(bytes: Buffer): number | HttpFault | undefined {
    // No further than the limit: lines that are too long are refused at the same byte wherever the packets end.
    const within = bytes.length > this.#maxBytes ? bytes.subarray(0, this.#maxBytes) : bytes;
    const read = this.#readLines(within);
    return read === undefined && bytes.length > this.#maxBytes ? this.#tooLong() : read;
  }

  #readLines(bytes: Buffer): number | HttpFault | undefined {
    for (;;) {
      const start = this.#lineStart;
      // Read at once, as lines mostly come whole. One that doesn't is not read again before its end is here.
      if (this.#searched > start && !this.#findLineEnd(bytes)) return undefined;
      const end = this.#readLine(bytes, start);
      if (typeof end !== 'number') return end;
      if (end === NO_LINE) return this.#findLineEnd(bytes) ? this.#wrongLine(bytes) : undefined;
      if (end === start + CRLF_BYTES) return end;
      this.#lineStart = end;
    }
  }

  /** What the lines that were read say. */
  head(): RequestHead | HttpFault {
    const line = this.#requestLine;
    if (line === undefined) throw new Error('a head is asked for before it is read');
    return combine(line, this.#fields);
  }

  /** Trailers say nothing that is used. A reader that merged these into the headers would see another body. */
  trailerFault(): HttpFault | undefined {
    const { contentLength, transferEncoding } = this.#fields;
    // RFC 9110, section 6.5.1.
    return contentLength === undefined && transferEncoding === undefined
      ? undefined
      : new HttpFault(400, 'Content-Length or Transfer-Encoding in a trailer');
  }

  #readLine(bytes: Buffer, start: number): number | HttpFault {
    if (start > 0 || this.#what === 'trailers') {
      return isCrlf(bytes, start) ? start + CRLF_BYTES : readField(bytes, start, this.#fields);
    }
    const line = readRequestLine(bytes);
    if (line === undefined || line instanceof HttpFault) return line ?? NO_LINE;
    this.#requestLine = line;
    return line.end;
  }

  #findLineEnd(bytes: Buffer): boolean {
    const found = bytes.indexOf(LF, Math.max(this.#searched, this.#lineStart));
    this.#searched = found < 0 ? bytes.length : found;
    return found >= 0;
  }

  /** Why the line whose end was found can't be read. */
  #wrongLine(bytes: Buffer): HttpFault {
    const end = this.#searched + 1;
    if (bytes[end - CRLF_BYTES] !== CR) return new HttpFault(400, 'a line ends in a bare LF');
    const line = bytes.toString('latin1', this.#lineStart, end - CRLF_BYTES);
    return this.#requestLine === undefined && this.#what === 'a head'
      ? wrongRequestLine(line)
      : wrongField(line);
  }

  #tooLong(): HttpFault {
    const reason = `${this.#what} of more than sockets.maxHeaderBytes (${this.#maxBytes}) bytes`;
    return new HttpFault(431, reason, 'limit');
  }
}

interface RequestLine {
  readonly method: string;
  readonly target: string;
  readonly minorVersion: 0 | 1;
  /** Where the next line begins. */
  readonly end: number;
}

function readRequestLine(bytes: Buffer): RequestLine | HttpFault | undefined {
  const methodEnd = endOfRun(bytes, 0, METHOD);
  const targetStart = methodEnd + 1;
  const targetEnd = endOfRun(bytes, targetStart, TARGET);
  if (methodEnd === 0 || bytes[methodEnd] !== SPACE || targetEnd === targetStart) return undefined;
  const minorVersion = readVersion(bytes, targetEnd);
  if (minorVersion === undefined) return undefined;
  const method = oneOf(COMMON_METHODS, bytes, 0, methodEnd) ?? bytes.toString('latin1', 0, methodEnd);
  // What follows a CONNECT is a tunnel to some readers, and a request's body to others.
  if (method === 'CONNECT') return new HttpFault(501, 'the method CONNECT: this is no proxy');
  // What stands where a method should is likely the rest of a body whose length was understood otherwise.
  if (!METHODS.has(method))
    return new HttpFault(501, `the method: expected POST or GET, got ${quoted(method)}`);
  const target =
    oneOf(COMMON_TARGETS, bytes, targetStart, targetEnd) ?? bytes.toString('latin1', targetStart, targetEnd);
  if (!isTarget(target)) {
    return new HttpFault(400, `the request target: expected a path, got ${quoted(target)}`);
  }
  return { method, target, minorVersion, end: targetEnd + VERSION.length + 1 + CRLF_BYTES };
}

const COMMON_METHODS = ['POST', 'GET'];
const COMMON_TARGETS = ['/'];

/** All of a version but its last digit. */
const VERSION = ' HTTP/1.';

function readVersion(bytes: Buffer, start: number): 0 | 1 | undefined {
  if (!holds(bytes, start, VERSION)) return undefined;
  const end = start + VERSION.length;
  if (!isCrlf(bytes, end + 1)) return undefined;
  const digit = bytes[end];
  if (digit === ONE) return 1;
  return digit === ZERO ? 0 : undefined;
}

/** Why a whole line is no request line. */
function wrongRequestLine(line: string): HttpFault {
  const [, version] = /^[A-Z-]+ [!-~]+ (HTTP\/[0-9]\.[0-9])$/.exec(line) ?? [];
  return version === undefined
    ? new HttpFault(400, `the request line: expected METHOD /path HTTP/1.1, got ${quoted(line)}`)
    : new HttpFault(505, `expected HTTP/1.1 or HTTP/1.0, got ${version}`);
}

/** RFC 9110, section 9, and RFC 5789. */
const METHODS: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'OPTIONS',
  'TRACE',
  'PATCH',
]);

/** The forms of RFC 9112, section 3.2, but for CONNECT's. */
const isTarget = (target: string): boolean =>
  target.startsWith('/') || target === '*' || /^https?:\/\/[A-Za-z0-9.:[\]_-]+(?:[/?]|$)/i.test(target);

function combine(line: RequestLine, fields: Fields): RequestHead | HttpFault {
  const { method, target, minorVersion } = line;
  const body = bodyFraming(fields, minorVersion);
  if (body instanceof HttpFault) return body;
  const { expect, mediaType, connection, host } = fields;
  if (expect !== undefined && expect.toLowerCase() !== '100-continue') {
    return new HttpFault(417, `Expect: expected 100-continue, got ${quoted(expect)}`);
  }
  return {
    method,
    target,
    keepAlive: keepsAlive(connection, minorVersion),
    contentType: mediaType,
    // HTTP/1.0 knows no interim answers: RFC 9110, section 10.1.1.
    expectsContinue: expect !== undefined && minorVersion === 1,
    host,
    // For a name that is not its machine's own a browser leaves Sec-Fetch-Site out.
    fromBrowser: fields.fromBrowser || (host !== undefined && isForeignPort(host)),
    body,
  };
}

function bodyFraming(
  { contentLength, transferEncoding }: Fields,
  minorVersion: 0 | 1,
): RequestHead['body'] | HttpFault {
  if (transferEncoding === undefined) {
    return contentLength === undefined ? WITHOUT_BODY : { type: 'sized', bytes: contentLength };
  }
  if (contentLength !== undefined) return new HttpFault(400, 'both Content-Length and Transfer-Encoding');
  if (minorVersion === 0) return new HttpFault(400, 'Transfer-Encoding in HTTP/1.0');
  return transferEncoding.toLowerCase() === 'chunked'
    ? CHUNKED
    : new HttpFault(501, `Transfer-Encoding: expected chunked, got ${quoted(transferEncoding)}`);
}

const CHUNKED: RequestHead['body'] = { type: 'chunked' };
const WITHOUT_BODY: RequestHead['body'] = { type: 'sized', bytes: 0 };

function keepsAlive(connection: string | undefined, minorVersion: 0 | 1): boolean {
  if (connection === undefined) return minorVersion === 1;
  const options = connection.toLowerCase().split(',').map(withoutBlanks);
  if (options.includes('close')) return false;
  return minorVersion === 1 || options.includes('keep-alive');
}

const ZERO = 0x30;
const ONE = 0x31;
const DELETE = 0x7f;

const METHOD = tableOf((byte) => /[A-Z-]/.test(String.fromCharCode(byte)));
/** Visible ASCII: what a URI may hold, and a little more, but never what a second reader could take for its end. */
const TARGET = tableOf((byte) => byte > SPACE && byte < DELETE);
