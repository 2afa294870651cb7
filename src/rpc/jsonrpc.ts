import { measured, surplus, type Utf8Text } from '../wire/utf8-text.ts';
import { isStruct, type Struct, type Value } from '../wire/value.ts';
import { type Answer, type Call, type CallError, type EnvelopeError, internalError } from './call.ts';
import { describe } from './describe.ts';

/**
 * JSON-RPC's envelopes, 1.0 and 2.0, as values: text is the wire's matter. A message that is marked
 * `"jsonrpc":"2.0"` is answered in 2.0's shape, any other in 1.0's, which is what xapi sends.
 */
export type Version = '1.0' | '2.0';

export type Id = number | bigint | string | null;

/** One member of a message, read: a call to make, or the error that answers it. */
export type Request =
  | { readonly type: 'call'; readonly version: Version; readonly id: Id; readonly call: Call }
  | { readonly type: 'notification'; readonly call: Call }
  | { readonly type: 'invalid'; readonly version: Version; readonly id: Id; readonly answer: Answer };

/** A whole message: one request, or a batch of them. */
export type Message =
  | { readonly type: 'single'; readonly request: Request }
  | { readonly type: 'batch'; readonly requests: readonly Request[] };

/** Reads a message. `maxBatchCalls` bounds a batch: a larger one is refused whole. */
export function readMessage(value: Value, maxBatchCalls: number): Message {
  if (!Array.isArray(value)) return { type: 'single', request: readRequest(value) };
  if (value.length === 0) return { type: 'single', request: invalid('a batch of no requests') };
  if (value.length > maxBatchCalls) {
    const reason = `a batch of ${value.length} calls is over sockets.maxBatchCalls (${maxBatchCalls})`;
    return { type: 'single', request: invalid(reason) };
  }
  return { type: 'batch', requests: value.map(readRequest) };
}

function readRequest(value: Value): Request {
  if (!isStruct(value)) return invalid(`a request: expected an object, got ${describe(value)}`);
  const { method, params, jsonrpc } = value;
  // Without a method there is no knowing whose request it is: 1.0's shape with a null id is what every peer reads.
  if (method === undefined) return invalid('method: missing');

  const version: Version = jsonrpc === '2.0' ? '2.0' : '1.0';
  const id = readId(value);
  if (id === undefined) {
    return invalid(`id: expected a number, a string or null, got ${describe(value.id)}`, version);
  }
  if (typeof method !== 'string') {
    return invalid(`method: expected a string, got ${describe(method)}`, version, id);
  }
  if (params !== undefined && (typeof params !== 'object' || params === null)) {
    return invalid(`params: expected an object or an array, got ${describe(params)}`, version, id);
  }
  const call: Call = { method, params };
  return isNotification(value, version)
    ? { type: 'notification', call }
    : { type: 'call', version, id, call };
}

/** 1.0 marks a notification by a null id, 2.0 by having none. A 1.0 request without one is answered with null. */
const isNotification = (request: Struct, version: Version): boolean =>
  version === '2.0' ? request.id === undefined : request.id === null;

function readId({ id }: Struct): Id | undefined {
  if (id === undefined || id === null) return null;
  return typeof id === 'number' || typeof id === 'bigint' || typeof id === 'string' ? id : undefined;
}

const invalid = (reason: string, version: Version = '1.0', id: Id = null): Request => ({
  type: 'invalid',
  version,
  id,
  answer: internalError('invalid-request', reason),
});

/** The codes of JSON-RPC 2.0, section 5.1. An interface's own errors have codes of their own, 1–99. */
export const ENVELOPE_CODES: Readonly<Record<EnvelopeError, number>> = {
  parse: -32700,
  'invalid-request': -32600,
  unimplemented: -32601,
  'invalid-params': -32602,
  internal: -32603,
};

/**
 * Writes an answer as the line of text that carries it. `writeResult` gives a result's JSON: the caller may keep
 * the text of results that did not change.
 */
export function writeAnswer(
  version: Version,
  id: Id,
  answer: Answer,
  writeResult: (value: Value) => Utf8Text,
): Utf8Text {
  const idText = typeof id === 'string' ? JSON.stringify(id) : String(id);
  const idSurplus = typeof id === 'string' ? surplus(measured(idText)) : 0;
  const content =
    answer.type === 'result' ? writeResult(answer.result) : writeError(version, answer.error, writeResult);
  const text = envelope(version, answer.type, content.text, idText);
  return { text, bytes: text.length + surplus(content) + idSurplus };
}

/** All that stands around the two texts is ASCII. */
function envelope(version: Version, type: Answer['type'], content: string, id: string): string {
  if (version === '1.0') {
    return type === 'result'
      ? `{"result":${content},"error":null,"id":${id}}`
      : `{"result":null,"error":${content},"id":${id}}`;
  }
  return type === 'result'
    ? `{"jsonrpc":"2.0","result":${content},"id":${id}}`
    : `{"jsonrpc":"2.0","error":${content},"id":${id}}`;
}

function writeError(version: Version, error: CallError, writeValue: (value: Value) => Utf8Text): Utf8Text {
  const variant = writeValue(error.variant);
  if (version === '1.0') return variant;
  return measured(
    `{"code":${codeOf(error)},"message":${JSON.stringify(error.message)},"data":${variant.text}}`,
  );
}

const codeOf = (error: CallError): number =>
  error.kind === 'interface' ? error.code : ENVELOPE_CODES[error.kind];
