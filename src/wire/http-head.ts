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
 * Reads a request's head: the bytes from `start` up to and with the empty line that ends before `end`. Strict where
 * two readers could understand the same bytes differently: RFC 9112, sections 3, 5, 6 and 11.2.
 */
export function parseHead(buffer: Buffer, start: number, end: number): RequestHead | HttpFault {
  const lineEnd = buffer.indexOf('\r\n', start, 'latin1');
  const line = readRequestLine(buffer, start, lineEnd);
  if (line instanceof HttpFault) return line;
  const fields = readFields(buffer, lineEnd + 2, end - 2);
  return fields instanceof HttpFault ? fields : combine(line, fields);
}

interface RequestLine {
  readonly method: string;
  readonly target: string;
  readonly minorVersion: 0 | 1;
}

function readRequestLine(buffer: Buffer, start: number, end: number): RequestLine | HttpFault {
  const methodEnd = span(buffer, start, end, METHOD);
  if (methodEnd === start || methodEnd - start > LONGEST_METHOD || buffer[methodEnd] !== SPACE) {
    return new HttpFault(400, 'the request line does not begin with a method and a space');
  }
  const targetEnd = span(buffer, methodEnd + 1, end, TARGET);
  if (targetEnd === methodEnd + 1 || buffer[targetEnd] !== SPACE) {
    return new HttpFault(400, 'the request target is empty or holds a character that it may not');
  }
  const version = buffer.toString('latin1', targetEnd + 1, end);
  if (version !== 'HTTP/1.1' && version !== 'HTTP/1.0') {
    return /^HTTP\/[0-9]\.[0-9]$/.test(version)
      ? new HttpFault(505, `expected HTTP/1.1 or HTTP/1.0, got ${version}`)
      : new HttpFault(400, 'the request line does not end with a version of HTTP');
  }
  return {
    method: buffer.toString('latin1', start, methodEnd),
    target: buffer.toString('latin1', methodEnd + 1, targetEnd),
    minorVersion: version === 'HTTP/1.1' ? 1 : 0,
  };
}

/** The few header fields that are looked at, as they came. */
interface Fields {
  contentLength: string | undefined;
  transferEncoding: string | undefined;
  connection: string;
  contentType: string | undefined;
  expect: string | undefined;
}

function readFields(buffer: Buffer, start: number, end: number): Fields | HttpFault {
  const fields: Fields = {
    contentLength: undefined,
    transferEncoding: undefined,
    connection: '',
    contentType: undefined,
    expect: undefined,
  };
  let at = start;
  while (at < end) {
    const line = readFieldLine(buffer, at, end);
    if (line instanceof HttpFault) return line;
    const fault = note(fields, buffer, line);
    if (fault !== undefined) return fault;
    at = line.next;
  }
  return fields;
}

/** One field line, as places in the buffer. The value is without the white space around it. */
export interface FieldLine {
  readonly nameStart: number;
  readonly nameEnd: number;
  readonly valueStart: number;
  readonly valueEnd: number;
  /** Where the next line begins. */
  readonly next: number;
}

/** Reads a field line that ends in CRLF before `end`. A line that continues the one before is refused (obs-fold). */
export function readFieldLine(buffer: Buffer, start: number, end: number): FieldLine | HttpFault {
  const nameEnd = span(buffer, start, end, TOKEN);
  if (nameEnd === start || buffer[nameEnd] !== COLON) {
    return new HttpFault(400, 'a header line does not begin with a name and a colon');
  }
  let valueStart = nameEnd + 1;
  while (isBlank(buffer[valueStart])) valueStart += 1;
  const lineEnd = span(buffer, valueStart, end, FIELD_VALUE);
  if (buffer[lineEnd] !== CR || buffer[lineEnd + 1] !== LF) {
    return new HttpFault(400, 'a header value holds a control character, or its line does not end in CRLF');
  }
  let valueEnd = lineEnd;
  while (valueEnd > valueStart && isBlank(buffer[valueEnd - 1])) valueEnd -= 1;
  return { nameStart: start, nameEnd, valueStart, valueEnd, next: lineEnd + 2 };
}

/** Keeps the value of a field that matters. Only names of the right length are looked at. */
function note(fields: Fields, buffer: Buffer, line: FieldLine): HttpFault | undefined {
  const { nameStart, nameEnd, valueStart, valueEnd } = line;
  const length = nameEnd - nameStart;
  if (!INTERESTING_LENGTHS.has(length)) return undefined;
  const name = buffer.toString('latin1', nameStart, nameEnd).toLowerCase();
  const value = () => buffer.toString('latin1', valueStart, valueEnd);
  switch (name) {
    case 'content-length':
      if (fields.contentLength !== undefined) return new HttpFault(400, 'Content-Length comes twice');
      fields.contentLength = value();
      break;
    case 'transfer-encoding':
      if (fields.transferEncoding !== undefined) return new HttpFault(400, 'Transfer-Encoding comes twice');
      fields.transferEncoding = value();
      break;
    case 'connection':
      fields.connection += `,${value()}`;
      break;
    case 'content-type':
      fields.contentType ??= value();
      break;
    case 'expect':
      fields.expect ??= value();
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
    return new HttpFault(417, `Expect: expected 100-continue, got ${expect}`);
  }
  return {
    method,
    target,
    keepAlive: keepsAlive(connection, minorVersion),
    contentType: contentType?.split(';', 1)[0]?.trim().toLowerCase(),
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
      ? { type: 'chunked' }
      : new HttpFault(501, `Transfer-Encoding: expected chunked, got ${transferEncoding}`);
  }
  if (contentLength === undefined) return { type: 'sized', bytes: 0 };
  return CONTENT_LENGTH.test(contentLength)
    ? { type: 'sized', bytes: Number(contentLength) }
    : new HttpFault(
        400,
        `Content-Length: expected at most 15 decimal digits, got ${contentLength.slice(0, 40)}`,
      );
}

const CONTENT_LENGTH = /^[0-9]{1,15}$/;

function keepsAlive(connection: string, minorVersion: 0 | 1): boolean {
  if (connection === '') return minorVersion === 1;
  const options = connection.split(',').map((option) => option.trim().toLowerCase());
  if (options.includes('close')) return false;
  return minorVersion === 1 || options.includes('keep-alive');
}

/** The end of the run of bytes that the table allows. */
function span(buffer: Buffer, start: number, end: number, allowed: Uint8Array): number {
  let at = start;
  while (at < end && allowed[buffer[at] ?? 0] === 1) at += 1;
  return at;
}

const tableOf = (allows: (byte: number) => boolean): Uint8Array =>
  Uint8Array.from({ length: 256 }, (_, byte) => (allows(byte) ? 1 : 0));

const isBlank = (byte: number | undefined): boolean => byte === SPACE || byte === TAB;

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const COLON = 0x3a;
const DELETE = 0x7f;
const LONGEST_METHOD = 24;

const METHOD = tableOf((byte) => /[A-Z-]/.test(String.fromCharCode(byte)));
/** `tchar` of RFC 9110, section 5.6.2. */
const TOKEN = tableOf((byte) => /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(byte)));
/** Visible ASCII: what a URI may hold, and a little more, but never what a second reader could take for its end. */
const TARGET = tableOf((byte) => byte > SPACE && byte < DELETE);
/** Visible characters, blanks and the bytes above ASCII: RFC 9110, section 5.5. */
const FIELD_VALUE = tableOf((byte) => byte === TAB || (byte >= SPACE && byte !== DELETE));
