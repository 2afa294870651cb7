import { WireFault } from './fault.ts';

/** A fault with the HTTP status that answers it. */
export class HttpFault extends WireFault {
  readonly status: number;

  constructor(status: number, reason: string, kind: WireFault['kind'] = 'malformed') {
    super(kind, reason);
    this.status = status;
  }
}

/** What a request's head says, as far as it matters here. */
export interface RequestHead {
  readonly method: string;
  /** As sent, not decoded. */
  readonly target: string;
  readonly keepAlive: boolean;
  /** The media type, in lower case, without its parameters. */
  readonly contentType: string | undefined;
  readonly expectsContinue: boolean;
  readonly body: { readonly type: 'sized'; readonly bytes: number } | { readonly type: 'chunked' };
}

/**
 * Reads the head that the first `length` bytes are: the request line, the header lines and an empty line, each with
 * its CRLF. Strict where two readers could understand the same bytes differently: RFC 9112, sections 3, 5, 6 and 11.2.
 */
export function parseHead(bytes: Buffer, length: number): RequestHead | HttpFault {
  // latin1 makes one character of each byte: a place in the text is the same place in the bytes.
  const text = bytes.toString('latin1', 0, length);
  const line = readRequestLine(text, bytes);
  if (line instanceof HttpFault) return line;
  const fields = readFields(text, bytes, line.end, length - LINE_END.length);
  return fields instanceof HttpFault ? fields : combine(line, fields);
}

/**
 * Holds trailers to the rules of headers: the first `length` bytes are their lines and an empty one. What they say is
 * not used.
 */
export function checkTrailers(bytes: Buffer, length: number): HttpFault | undefined {
  const text = bytes.toString('latin1', 0, length);
  const fields = readFields(text, bytes, 0, length - LINE_END.length);
  if (fields instanceof HttpFault) return fields;
  // A reader that merges trailers into the headers would see another body: RFC 9110, section 6.5.1.
  return fields.contentLength === undefined && fields.transferEncoding === undefined
    ? undefined
    : new HttpFault(400, 'Content-Length or Transfer-Encoding in a trailer');
}

interface RequestLine {
  readonly method: string;
  readonly target: string;
  readonly minorVersion: 0 | 1;
  /** Where the next line begins. */
  readonly end: number;
}

function readRequestLine(text: string, bytes: Buffer): RequestLine | HttpFault {
  const methodEnd = span(bytes, 0, METHOD);
  const targetStart = methodEnd + 1;
  const targetEnd = span(bytes, targetStart, TARGET);
  if (methodEnd === 0 || text.charCodeAt(methodEnd) !== SPACE || targetEnd === targetStart) {
    return wrongRequestLine(text);
  }
  const minorVersion = readVersion(text, targetEnd);
  if (minorVersion instanceof HttpFault) return minorVersion;
  const method = text.slice(0, methodEnd);
  // What follows a CONNECT is a tunnel to some readers, and a request's body to others.
  if (method === 'CONNECT') return new HttpFault(501, 'the method CONNECT: this is no proxy');
  // Decoded on its own: a slice would hold the whole head for as long as a name in the target is kept.
  const target = bytes.toString('latin1', targetStart, targetEnd);
  if (!isTarget(target)) {
    return new HttpFault(400, `the request target: expected a path, got ${quoted(target)}`);
  }
  return { method, target, minorVersion, end: targetEnd + VERSION_LENGTH };
}

const HTTP_1_1 = ' HTTP/1.1\r\n';
const HTTP_1_0 = ' HTTP/1.0\r\n';
const VERSION_LENGTH = HTTP_1_1.length;

function readVersion(text: string, start: number): 0 | 1 | HttpFault {
  if (text.startsWith(HTTP_1_1, start)) return 1;
  if (text.startsWith(HTTP_1_0, start)) return 0;
  return /^ HTTP\/[0-9]\.[0-9]\r\n/.test(text.slice(start, start + VERSION_LENGTH))
    ? new HttpFault(
        505,
        `expected HTTP/1.1 or HTTP/1.0, got${text.slice(start, start + HTTP_1_1.length - 2)}`,
      )
    : wrongRequestLine(text);
}

const wrongRequestLine = (text: string): HttpFault =>
  new HttpFault(
    400,
    `the request line: expected METHOD /path HTTP/1.1, got ${quoted(text.slice(0, text.indexOf(LINE_END)))}`,
  );

/** The forms of RFC 9112, section 3.2, but for CONNECT's. */
const isTarget = (target: string): boolean =>
  target.startsWith('/') || target === '*' || /^https?:\/\/[A-Za-z0-9.:[\]_-]+(?:[/?]|$)/i.test(target);

/** The few header fields that are looked at, as they came. */
interface Fields {
  contentLength: string | undefined;
  transferEncoding: string | undefined;
  connection: string | undefined;
  contentType: string | undefined;
  expect: string | undefined;
}

/** Reads the lines from `start` up to `end`. A line that continues the one before is refused (obs-fold). */
function readFields(text: string, bytes: Buffer, start: number, end: number): Fields | HttpFault {
  const fields: Fields = {
    contentLength: undefined,
    transferEncoding: undefined,
    connection: undefined,
    contentType: undefined,
    expect: undefined,
  };
  let at = start;
  while (at < end) {
    const nameEnd = span(bytes, at, TOKEN);
    if (nameEnd === at || text.charCodeAt(nameEnd) !== COLON) {
      const line = text.slice(at, text.indexOf(LINE_END, at));
      return new HttpFault(400, `a header line: expected a name and a colon, got ${quoted(line)}`);
    }
    const valueEnd = span(bytes, nameEnd + 1, FIELD_VALUE);
    if (!text.startsWith(LINE_END, valueEnd)) {
      return new HttpFault(
        400,
        `the header ${quoted(text.slice(at, nameEnd))}: a control character in its value`,
      );
    }
    if (INTERESTING_LENGTHS.has(nameEnd - at)) {
      const fault = note(fields, text.slice(at, nameEnd).toLowerCase(), text, nameEnd + 1, valueEnd);
      if (fault !== undefined) return fault;
    }
    at = valueEnd + LINE_END.length;
  }
  return fields;
}

/** Keeps the value of a field that matters. */
function note(fields: Fields, name: string, text: string, start: number, end: number): HttpFault | undefined {
  switch (name) {
    case 'content-length':
      if (fields.contentLength !== undefined) return new HttpFault(400, 'Content-Length comes twice');
      fields.contentLength = trimmed(text, start, end);
      break;
    case 'transfer-encoding':
      if (fields.transferEncoding !== undefined) return new HttpFault(400, 'Transfer-Encoding comes twice');
      fields.transferEncoding = trimmed(text, start, end);
      break;
    case 'connection': {
      const value = trimmed(text, start, end);
      fields.connection = fields.connection === undefined ? value : `${fields.connection},${value}`;
      break;
    }
    case 'content-type':
      fields.contentType ??= trimmed(text, start, end);
      break;
    case 'expect':
      fields.expect ??= trimmed(text, start, end);
      break;
  }
  return undefined;
}

const INTERESTING_LENGTHS = new Set(
  ['content-length', 'transfer-encoding', 'connection', 'content-type', 'expect'].map((name) => name.length),
);

function combine(line: RequestLine, fields: Fields): RequestHead | HttpFault {
  const { method, target, minorVersion } = line;
  const body = bodyFraming(fields, minorVersion);
  if (body instanceof HttpFault) return body;
  const { expect, contentType, connection } = fields;
  if (expect !== undefined && expect.toLowerCase() !== '100-continue') {
    return new HttpFault(417, `Expect: expected 100-continue, got ${quoted(expect)}`);
  }
  return {
    method,
    target,
    keepAlive: keepsAlive(connection, minorVersion),
    contentType: contentType === undefined ? undefined : mediaType(contentType),
    // HTTP/1.0 knows no interim answers: RFC 9110, section 10.1.1.
    expectsContinue: expect !== undefined && minorVersion === 1,
    body,
  };
}

function bodyFraming(
  { contentLength, transferEncoding }: Fields,
  minorVersion: 0 | 1,
): RequestHead['body'] | HttpFault {
  if (transferEncoding !== undefined) {
    if (contentLength !== undefined) return new HttpFault(400, 'both Content-Length and Transfer-Encoding');
    if (minorVersion === 0) return new HttpFault(400, 'Transfer-Encoding in HTTP/1.0');
    return transferEncoding.toLowerCase() === 'chunked'
      ? CHUNKED
      : new HttpFault(501, `Transfer-Encoding: expected chunked, got ${quoted(transferEncoding)}`);
  }
  if (contentLength === undefined) return WITHOUT_BODY;
  // More digits than a double holds exactly are over any limit all the same.
  return /^[0-9]+$/.test(contentLength)
    ? { type: 'sized', bytes: Number(contentLength) }
    : new HttpFault(400, `Content-Length: expected decimal digits, got ${quoted(contentLength)}`);
}

const CHUNKED: RequestHead['body'] = { type: 'chunked' };
const WITHOUT_BODY: RequestHead['body'] = { type: 'sized', bytes: 0 };

function keepsAlive(connection: string | undefined, minorVersion: 0 | 1): boolean {
  if (connection === undefined) return minorVersion === 1;
  const options = connection
    .toLowerCase()
    .split(',')
    .map((option) => trimmed(option, 0, option.length));
  if (options.includes('close')) return false;
  return minorVersion === 1 || options.includes('keep-alive');
}

function mediaType(contentType: string): string {
  const parameters = contentType.indexOf(';');
  return trimmed(contentType, 0, parameters < 0 ? contentType.length : parameters).toLowerCase();
}

/** The end of the run of bytes that the table allows. */
function span(bytes: Buffer, start: number, allowed: Uint8Array): number {
  let at = start;
  while (allowed[bytes[at] ?? 0] === 1) at += 1;
  return at;
}

/** The text without blanks around it. Not `trim`, which takes away more than HTTP's two. */
function trimmed(text: string, start: number, end: number): string {
  let first = start;
  let last = end;
  while (first < last && isBlank(text.charCodeAt(first))) first += 1;
  while (last > first && isBlank(text.charCodeAt(last - 1))) last -= 1;
  return text.slice(first, last);
}

const isBlank = (code: number): boolean => code === SPACE || code === TAB;

/** What came, in a length that a log line bears. */
const quoted = (text: string): string => JSON.stringify(text.slice(0, 60));

const tableOf = (allows: (byte: number) => boolean): Uint8Array =>
  Uint8Array.from({ length: 256 }, (_, byte) => (allows(byte) ? 1 : 0));

const LINE_END = '\r\n';
const TAB = 0x09;
const SPACE = 0x20;
const COLON = 0x3a;
const DELETE = 0x7f;

const METHOD = tableOf((byte) => /[A-Z-]/.test(String.fromCharCode(byte)));
/** `tchar` of RFC 9110, section 5.6.2. */
const TOKEN = tableOf((byte) => /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(byte)));
/** Visible ASCII: what a URI may hold, and a little more, but never what a second reader could take for its end. */
const TARGET = tableOf((byte) => byte > SPACE && byte < DELETE);
/** Visible characters, blanks and the bytes above ASCII: RFC 9110, section 5.5. */
const FIELD_VALUE = tableOf((byte) => byte === TAB || (byte >= SPACE && byte !== DELETE));
