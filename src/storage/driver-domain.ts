import { connect } from 'node:net';
import type { TSchema } from 'typebox';
import { Check } from 'typebox/value';
import { setDeadline } from '../deadline.ts';
import { DeclaredError } from '../rpc/declared-error.ts';
import { ENVELOPE_CODES } from '../rpc/jsonrpc.ts';
import { JsonFailure, jsonParser, writeJson } from '../wire/json.ts';
import { isStruct, type Struct, type Value } from '../wire/value.ts';
import type { Driven, DrivenChoice } from './datapaths.ts';
import { type AskDomain, REFUSALS } from './driver.ts';
import { SMAPIV2_ERRORS, SMAPIV3_ERRORS, smapiv2Error } from './errors.ts';
import type { Script } from './scripts.ts';

export interface DriverDomainOptions {
  /** The Unix socket on which the datapath service of the domain of a uuid, in lower case, is reached. */
  readonly socketOf: (uuid: string) => string | undefined;
  /** ms for the whole call: `datapath.driverDomainTimeout`. */
  readonly timeout: number;
  /** The largest answer: `sockets.maxAnswerBytes`. */
  readonly maxAnswerBytes: number;
  /** How deep an answer may be nested: `sockets.maxDepth`. */
  readonly maxDepth: number;
  /** A clock, in ms. */
  readonly now: () => number;
}

/** What a line that was sent came to. */
type Exchange =
  | { readonly type: 'line'; readonly line: Buffer }
  | { readonly type: 'lost'; readonly reason: string; readonly wasSent: boolean };

/** A call has a connection of its own: its id needs no counting. */
const ID = 1;
const NEW_LINE = 0x0a;

/** The only call whose parameters do not say all that the other side has to know. */
const ATTACH = 'Datapath.attach';

/** Makes calls to the datapath services of other domains, each of which is a datapathd of its own: JSON-RPC 2.0, a line each. */
export function createAskDomain(options: DriverDomainOptions): AskDomain {
  const parse = jsonParser({ maxDepth: options.maxDepth });
  return async (choice, script, params) => {
    const { domid, domainUuid } = choice;
    const named = `the driver domain ${domainUuid ?? 'of no known uuid'} (domid ${domid})`;
    const path = domainUuid === null ? undefined : options.socketOf(domainUuid.toLowerCase());
    if (path === undefined) {
      return unreachable(named, 'datapath.driverDomains names no socket for it', true);
    }
    const place = `${named} on ${path}`;
    const started = options.now();
    const exchange = await ask(path, requestOf(script.name, params, choice), options);
    if (exchange.type === 'lost') {
      const after = `after ${Math.round(options.now() - started) / 1000} s`;
      return unreachable(place, `${script.name}: ${exchange.reason}, ${after}`, !exchange.wasSent);
    }
    const answer = parse(exchange.line);
    if (answer instanceof JsonFailure) return unreadable(place, script.name, answer.reason);
    return readAnswer(place, script, answer);
  };
}

function requestOf(method: string, params: Struct, { sharable, writes }: DrivenChoice): string {
  const told = { ...(sharable ? { sharable } : {}), ...(writes === undefined ? {} : { writes }) };
  const all = method === ATTACH ? { ...params, ...told } : params;
  return `${writeJson({ jsonrpc: '2.0', id: ID, method, params: all })}\n`;
}

/** Sends a line and waits for one. Never rejects. */
async function ask(
  path: string,
  line: string,
  { timeout, maxAnswerBytes }: DriverDomainOptions,
): Promise<Exchange> {
  const { promise, resolve } = Promise.withResolvers<Exchange>();
  const socket = connect(path);
  let wasSent = false;
  const lose = (reason: string): void => resolve({ type: 'lost', reason, wasSent });
  const deadline = setDeadline(
    () => lose(`no answer within ${timeout / 1000} s (datapath.driverDomainTimeout)`),
    timeout,
  );
  socket.once('connect', () => {
    wasSent = true;
    socket.write(line);
  });
  socket.on('error', (error) => lose(error.message));
  socket.on('close', () => lose('it closed the connection before it had answered'));
  const chunks: Buffer[] = [];
  let bytes = 0;
  socket.on('data', (chunk: Buffer) => {
    const end = chunk.indexOf(NEW_LINE);
    const part = end === -1 ? chunk : chunk.subarray(0, end);
    bytes += part.length;
    chunks.push(part);
    if (bytes > maxAnswerBytes) lose(`its answer is over sockets.maxAnswerBytes (${maxAnswerBytes})`);
    else if (end !== -1) resolve({ type: 'line', line: Buffer.concat(chunks) });
  });
  const exchange = await promise;
  deadline.clear();
  socket.destroy();
  return exchange;
}

type Failed = Driven<TSchema> & { readonly type: 'failed' };

function unreachable(place: string, reason: string, isUndone: boolean): Failed {
  const text = `${place} can not be reached: ${reason}`;
  return { type: 'failed', error: backendError('DRIVER_DOMAIN_UNREACHABLE', text), isUndone };
}

/** It was reached, and may have done what it was asked. */
function unreadable(place: string, method: string, reason: string): Failed {
  const text = `the answer of ${place} to ${method} can not be read: ${reason}`;
  return { type: 'failed', error: backendError('DRIVER_DOMAIN_BAD_ANSWER', text), isUndone: false };
}

const backendError = (name: string, text: string): Error =>
  smapiv2Error('Backend_error', [name, [text]], text);

function readAnswer<Result extends TSchema>(
  place: string,
  script: Script<Result>,
  answer: Value,
): Driven<Result> {
  if (!isStruct(answer) || answer.jsonrpc !== '2.0' || answer.id !== ID) {
    return unreadable(place, script.name, `expected a response of JSON-RPC 2.0 with the id ${ID}`);
  }
  const { result, error } = answer;
  if (error !== undefined && result === undefined) return readError(place, script.name, error);
  if (result === undefined || error !== undefined) {
    return unreadable(place, script.name, 'expected either a result or an error');
  }
  const checked = script.check(result);
  return checked.type === 'valid'
    ? { type: 'answer', value: checked.value }
    : unreadable(place, script.name, checked.reason);
}

/** Calls that JSON-RPC's own rules have stopped: no script was run. */
const NOT_RUN: readonly Value[] = [
  ENVELOPE_CODES.parse,
  ENVELOPE_CODES['invalid-request'],
  ENVELOPE_CODES['invalid-params'],
];

/** Characters of what was not expected. */
const LONGEST_SHOWN = 200;

/** The errors of SMAPIv3 come as they stand in `data`. */
function readError(place: string, method: string, error: Value): Failed {
  if (!isStruct(error) || typeof error.code !== 'number' || typeof error.message !== 'string') {
    return unreadable(place, method, 'error: expected an object with code and message');
  }
  const { code, message, data } = error;
  const [tag, value]: readonly (Value | undefined)[] = Array.isArray(data) ? data : [];
  if (typeof tag !== 'string' || value === undefined || !isDeclared(tag, value)) {
    const got = writeJson(data ?? null).slice(0, LONGEST_SHOWN);
    return unreadable(place, method, `error.data: expected an error of Datapath, got ${got}`);
  }
  return {
    type: 'failed',
    error: inSmapiv2(tag, value, `${place}: ${message}`),
    isUndone: REFUSALS.includes(tag) || NOT_RUN.includes(code),
  };
}

function isDeclared(tag: string, value: Value): boolean {
  const declared = Object.entries(SMAPIV3_ERRORS).find(([name]) => name === tag);
  return declared !== undefined && Check(declared[1].value, value);
}

/** What SMAPIv2 has no name for is told as a script's error is. */
function inSmapiv2(tag: string, value: Value, message: string): Error {
  if (tag === 'Internal_error') return smapiv2Error(tag, message, message);
  if (Object.hasOwn(SMAPIV2_ERRORS, tag)) return new DeclaredError(tag, value, message);
  const text = typeof value === 'string' ? value : writeJson(value);
  return smapiv2Error('Backend_error_with_backtrace', [tag, ['', text]], message);
}
