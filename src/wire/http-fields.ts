import { HttpFault, quoted } from './http-fault.ts';

/** The few header fields that are looked at. */
export interface Fields {
  contentLength: number | undefined;
  transferEncoding: string | undefined;
  connection: string | undefined;
  /** The media type, in lower case, without its parameters. */
  mediaType: string | undefined;
  expect: string | undefined;
  host: string | undefined;
  /** A browser says whose page has asked. */
  fromBrowser: boolean;
}

export const newFields = (): Fields => ({
  contentLength: undefined,
  transferEncoding: undefined,
  connection: undefined,
  mediaType: undefined,
  expect: undefined,
  host: undefined,
  fromBrowser: false,
});

/** What the readers of lines give where the bytes, as far as they are here, do not go on as such a line. */
export const NO_LINE = 0;

export const CR = 0x0d;
export const LF = 0x0a;
export const CRLF_BYTES = 2;

export const isCrlf = (bytes: Buffer, at: number): boolean => bytes[at] === CR && bytes[at + 1] === LF;

/** Reads the header line at `start`, and notes its value if it matters. Gives where the next line begins. */
export function readField(bytes: Buffer, start: number, fields: Fields): number | HttpFault {
  const nameEnd = endOfRun(bytes, start, TOKEN);
  if (nameEnd === start || bytes[nameEnd] !== COLON) return NO_LINE;
  const valueEnd = endOfRun(bytes, nameEnd + 1, FIELD_VALUE);
  if (!isCrlf(bytes, valueEnd)) return NO_LINE;
  const name = nameAt(bytes, start, nameEnd);
  const fault = name === undefined ? undefined : note(fields, name, bytes, nameEnd + 1, valueEnd);
  return fault ?? valueEnd + CRLF_BYTES;
}

/** Why a whole line is no header line. A line that continues the one before (obs-fold) is none. */
export function wrongField(line: string): HttpFault {
  const [name] = /^[^:]*(?=:)/.exec(line) ?? [];
  return name === undefined || !isToken(name)
    ? new HttpFault(400, `a header line: expected a name and a colon, got ${quoted(line)}`)
    : new HttpFault(400, `the header ${quoted(name)}: a control character in its value`);
}

/** The names that matter. */
const NAMES = [
  'content-length',
  'transfer-encoding',
  'connection',
  'content-type',
  'expect',
  'host',
  'origin',
  'sec-fetch-site',
] as const;
type Name = (typeof NAMES)[number];

const NAMES_BY_LENGTH: readonly (readonly Name[])[] = Array.from({ length: 32 }, (_, length) =>
  NAMES.filter((name) => name.length === length),
);

function nameAt(bytes: Buffer, start: number, end: number): Name | undefined {
  const names = NAMES_BY_LENGTH[end - start];
  if (names === undefined) return undefined;
  for (const name of names) if (isNamed(bytes, start, name)) return name;
  return undefined;
}

/** The bytes are a token of the name's length: of a token's characters only capitals lack the bit that is set here. */
function isNamed(bytes: Buffer, start: number, name: Name): boolean {
  for (let index = 0; index < name.length; index += 1) {
    if (((bytes[start + index] ?? 0) | 0x20) !== name.charCodeAt(index)) return false;
  }
  return true;
}

function note(fields: Fields, name: Name, bytes: Buffer, from: number, to: number): HttpFault | undefined {
  let start = from;
  let end = to;
  while (start < end && isBlank(bytes[start])) start += 1;
  while (end > start && isBlank(bytes[end - 1])) end -= 1;
  switch (name) {
    case 'content-length':
      if (fields.contentLength !== undefined) return new HttpFault(400, 'Content-Length comes twice');
      fields.contentLength = decimal(bytes, start, end);
      if (fields.contentLength !== undefined) break;
      return new HttpFault(
        400,
        `Content-Length: expected decimal digits, got ${quoted(bytes.toString('latin1', start, end))}`,
      );
    case 'transfer-encoding':
      if (fields.transferEncoding !== undefined) return new HttpFault(400, 'Transfer-Encoding comes twice');
      fields.transferEncoding = bytes.toString('latin1', start, end);
      break;
    case 'connection': {
      const value = bytes.toString('latin1', start, end);
      fields.connection = fields.connection === undefined ? value : `${fields.connection},${value}`;
      break;
    }
    case 'content-type':
      fields.mediaType ??= mediaType(bytes, start, end);
      break;
    case 'expect':
      fields.expect ??= bytes.toString('latin1', start, end);
      break;
    case 'host':
      fields.host ??= oneOf(COMMON_HOSTS, bytes, start, end) ?? bytes.toString('latin1', start, end);
      break;
    case 'origin':
    case 'sec-fetch-site':
      fields.fromBrowser = true;
      break;
  }
  return undefined;
}

function mediaType(bytes: Buffer, start: number, end: number): string {
  const common = oneOf(COMMON_TYPES, bytes, start, end);
  if (common !== undefined) return common;
  const [type = ''] = bytes.toString('latin1', start, end).split(';', 1);
  return withoutBlanks(type).toLowerCase();
}

/**
 * Not `trim`, which takes away more than HTTP's two blanks; nor a regular expression, which takes quadratic time for
 * many blanks that are not the last.
 */
export function withoutBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start += 1;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

const COMMON_HOSTS = ['localhost'];
const COMMON_TYPES = ['application/json', 'text/xml'];

/** Which of the words the bytes are. To know again what most requests have takes less than to decode it. */
export function oneOf(
  words: readonly string[],
  bytes: Buffer,
  start: number,
  end: number,
): string | undefined {
  for (const word of words) {
    if (word.length === end - start && holds(bytes, start, word)) return word;
  }
  return undefined;
}

export function holds(bytes: Buffer, start: number, text: string): boolean {
  for (let index = 0; index < text.length; index += 1) {
    if (bytes[start + index] !== text.charCodeAt(index)) return false;
  }
  return true;
}

/** More digits than a double holds exactly are over any limit all the same. */
function decimal(bytes: Buffer, start: number, end: number): number | undefined {
  if (start === end) return undefined;
  let number = 0;
  for (let at = start; at < end; at += 1) {
    const digit = (bytes[at] ?? 0) - ZERO;
    if (digit < 0 || digit > 9) return undefined;
    number = number * 10 + digit;
  }
  return number;
}

/** Where the run of bytes ends that the table allows, at the latest behind the last byte. */
export function endOfRun(bytes: Buffer, start: number, allowed: Uint8Array): number {
  let at = start;
  while (allowed[bytes[at] ?? NUL] === 1) at += 1;
  return at;
}

/** A table for `endOfRun`. It must not allow NUL. */
export const tableOf = (allows: (byte: number) => boolean): Uint8Array =>
  Uint8Array.from({ length: 256 }, (_, byte) => (allows(byte) ? 1 : 0));

const NUL = 0;
const TAB = 0x09;
export const SPACE = 0x20;
const ZERO = 0x30;
const COLON = 0x3a;
const DELETE = 0x7f;

const isBlank = (byte: number | undefined): boolean => byte === SPACE || byte === TAB;

/** `tchar` of RFC 9110, section 5.6.2. */
const isToken = (text: string): boolean => /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(text);
const TOKEN = tableOf((byte) => isToken(String.fromCharCode(byte)));
/** Visible characters, blanks and the bytes above ASCII: RFC 9110, section 5.5. */
const FIELD_VALUE = tableOf((byte) => byte === TAB || (byte >= SPACE && byte !== DELETE));
