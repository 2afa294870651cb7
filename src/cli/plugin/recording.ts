import { readFileSync, writeFileSync } from 'node:fs';
import { JsonFailure, parseJsonBytes, writeJson } from '../../wire/json.ts';
import { isStruct, type Struct, type Value } from '../../wire/value.ts';
import { Failure } from '../exit.ts';
import { withDirectory, withoutDirectory } from './scratch.ts';

/** Calls of a plugin's scripts in a file, a line of JSON each. */

export interface KeptCall {
  readonly method: string;
  readonly params: Struct;
  readonly outcome: 'result' | 'error' | 'failed';
  /** The result; the error as the script told it; or why it gave no answer. */
  readonly answer: Value;
  readonly milliseconds: number;
}

const LIMITS = { maxDepth: 256 };
/** What scripts are given may hold passwords. */
const MODE = 0o600;

/**
 * Begins a file. `scratch`: a directory whose name is left out of it. Throws a `Failure` when it can't be written, or is
 * there already.
 */
export function createRecording(file: string, scratch?: string): (call: KeptCall) => void {
  write(file, '', 'wx');
  return ({ method, params, outcome, answer, milliseconds }) => {
    const line = writeJson({ method, params, outcome, answer, milliseconds });
    write(file, `${scratch === undefined ? line : withoutDirectory(line, scratch)}\n`, 'a');
  };
}

function write(file: string, text: string, flag: 'wx' | 'a'): void {
  try {
    writeFileSync(file, text, { flag, mode: MODE });
  } catch (error) {
    const isThere = error instanceof Error && 'code' in error && error.code === 'EEXIST';
    const reason = isThere
      ? `${file} is there already: name another file`
      : `${error instanceof Error ? error.message : error}`;
    throw new Failure('failed', reason);
  }
}

/** Reads a file; `scratch` stands where one was left out. Throws a `Failure` that names the line that is none. */
export function readRecording(file: string, scratch: string): KeptCall[] {
  let bytes: string;
  try {
    bytes = readFileSync(file, 'utf8');
  } catch (error) {
    throw new Failure('failed', error instanceof Error ? error.message : String(error));
  }
  return bytes
    .split('\n')
    .flatMap((line, index) =>
      line.trim() === '' ? [] : [readCall(withDirectory(line, scratch), `${file}:${index + 1}`)],
    );
}

function readCall(line: string, place: string): KeptCall {
  const value = parseText(line);
  if (value instanceof JsonFailure) throw new Failure('failed', `${place}: ${value.reason}`);
  const expected = (what: string): Failure =>
    new Failure('failed', `${place}: expected ${what}, as plugin record writes it`);
  if (!isStruct(value)) throw expected('an object');
  const { method, params, outcome, answer = null, milliseconds } = value;
  if (typeof method !== 'string') throw expected('method to be a text');
  if (!isStruct(params)) throw expected('params to be an object');
  if (outcome !== 'result' && outcome !== 'error' && outcome !== 'failed') {
    throw expected('outcome to be result, error or failed');
  }
  if (typeof milliseconds !== 'number') throw expected('milliseconds to be a number');
  return { method, params, outcome, answer, milliseconds };
}

/** A JSON text with its integers of 64 bits. */
export const parseText = (text: string): Value | JsonFailure => parseJsonBytes(Buffer.from(text), LIMITS);
