import { isUtf8 } from 'node:buffer';
import { WireFault } from './fault.ts';
import { isWhiteSpace, type JsonLimits, JsonScanner, NOT_YET } from './json-scanner.ts';
import { measured, type Utf8Text } from './utf8-text.ts';
import { countMembers, type Value } from './value.ts';

/** A text that is whole and can't be read: no JSON, or JSON that two readers could understand differently. */
export class JsonFailure {
  readonly reason: string;

  constructor(reason: string) {
    this.reason = reason;
  }
}

/** ECMAScript's “JSON.parse source text access”, which Node has and the compiler's library does not know yet. */
declare global {
  interface JSON {
    /** A value that JSON.stringify writes as the given text. */
    rawJSON(text: string): object;
    parse(
      text: string,
      reviver: (name: string, value: unknown, context: { source?: string }) => unknown,
    ): unknown;
  }
}

/** Reads bytes that are one JSON text, with white space around it. Never throws. */
export const parseJsonBytes = (bytes: Buffer, limits: JsonLimits): Value | JsonFailure =>
  jsonParser(limits)(bytes);

/** The same for who reads many: a function that keeps its scanner. */
export function jsonParser(limits: JsonLimits): (bytes: Buffer) => Value | JsonFailure {
  const scanner = new JsonScanner(limits);
  return (bytes) => {
    scanner.reset();
    const end = scanner.scan(bytes, 0, bytes.length);
    if (end instanceof WireFault) return new JsonFailure(end.reason);
    if (end === NOT_YET && !scanner.endsWithStream) {
      return new JsonFailure(scanner.begun ? 'no JSON: the text ends too early' : 'no JSON: no text at all');
    }
    const length = end === NOT_YET ? bytes.length : end;
    for (let at = length; at < bytes.length; at += 1) {
      if (!isWhiteSpace(bytes[at] ?? 0)) return new JsonFailure('no JSON: something follows the text');
    }
    return parseScanned(bytes, 0, length, scanner);
  };
}

/**
 * Reads a text that a scanner has gone over. Integers that a double does not hold exactly become bigints; one that
 * 64 bits do not hold, a number too large for a double, a name that comes twice in an object, and the name
 * `__proto__` are failures: readers differ in what they make of these.
 */
export function parseScanned(
  bytes: Buffer,
  start: number,
  end: number,
  { members, ascii, longNumber }: JsonScanner,
): Value | JsonFailure {
  if (!ascii && !isUtf8(bytes.subarray(start, end)))
    return new JsonFailure('no JSON: the bytes are no UTF-8');
  const text = bytes.toString(ascii ? 'latin1' : 'utf8', start, end);
  try {
    const value: Value = longNumber ? parseExactly(text) : JSON.parse(text);
    const counted = countMembers(value);
    if (typeof counted === 'string') return new JsonFailure(counted);
    return counted === members ? value : new JsonFailure('the same name comes twice in an object');
  } catch (error) {
    return new JsonFailure(failureReason(error));
  }
}

/** A RangeError is a text that is JSON: its integer is too large, or the stack too small for a depth allowed here. */
function failureReason(error: unknown): string {
  if (error instanceof RangeError) return error.message;
  return error instanceof Error ? `no JSON: ${error.message}` : 'no JSON';
}

/** Writes a value, with its integers of 64 bits. */
export function writeJson(value: Value): string {
  try {
    return JSON.stringify(value);
  } catch {
    // It holds a bigint. A replacer for every value would slow down the many texts that hold none.
    return JSON.stringify(value, rawIntegers);
  }
}

/** The same with its length. */
export const writeMeasuredJson = (value: Value): Utf8Text => measured(writeJson(value));

const INTEGER = /^-?[0-9]+$/;
const MIN_INT64 = -(2n ** 63n);
const MAX_UINT64 = 2n ** 64n - 1n;
/** Of −2^63 and of 2^64 − 1. JSON has no leading zeros: more characters are a larger number. */
const INT64_CHARACTERS = 20;

/** The slow way, which sees the digits of each number. */
function parseExactly(text: string): Value {
  const value: unknown = JSON.parse(text, (_name, parsed, { source }) => {
    if (typeof parsed !== 'number' || source === undefined) return parsed;
    return Number.isSafeInteger(parsed) || !INTEGER.test(source) ? parsed : exactInteger(source);
  });
  return value as Value; // what JSON.parse gives, with bigints for numbers
}

function exactInteger(digits: string): bigint {
  // The length first: millions of digits take BigInt seconds.
  if (digits.length <= INT64_CHARACTERS) {
    const exact = BigInt(digits);
    if (exact >= MIN_INT64 && exact <= MAX_UINT64) return exact;
  }
  throw new RangeError(`the integer ${digits.slice(0, 40)} does not fit 64 bits`);
}

const rawIntegers = (_name: string, value: unknown): unknown =>
  typeof value === 'bigint' ? JSON.rawJSON(value.toString()) : value;
