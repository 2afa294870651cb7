import { JsonFailure, parseJsonBytes, writeJson } from '../wire/json.ts';
import { isStruct, type Struct, type Value } from '../wire/value.ts';

/** What xapi's RPC texts say, for those who look at messages: a payload that is none is no error. */

export interface CallText {
  readonly method: string;
  readonly params: readonly Value[];
}

/** The method and params of a JSON-RPC request; `undefined`: it is none. */
export function readCall(payload: Buffer): CallText | undefined {
  const call = parsed(payload);
  const { method, params, jsonrpc } = call ?? {};
  if (typeof method !== 'string') return undefined;
  if (Array.isArray(params)) return { method, params };
  // 2.0 has params by name as well.
  return jsonrpc === '2.0' ? { method, params: params === undefined ? [] : [params] } : undefined;
}

/** Whether a JSON-RPC response tells of success; `undefined`: it is none. */
export function readOutcome(payload: Buffer): 'OK' | 'FAILURE' | undefined {
  const response = parsed(payload);
  if (response === undefined || !('result' in response || 'error' in response)) return undefined;
  const failed = response.error !== undefined && response.error !== null;
  return failed ? 'FAILURE' : 'OK';
}

/** An error of JSON-RPC 1.0 that answers the request, with its id where that can be read. */
export const errorAnswer = (request: Buffer, reason: string): string =>
  writeJson({ result: null, error: ['Internal_error', reason], id: parsed(request)?.id ?? null });

/** As deep as people nest. */
const LIMITS = { maxDepth: 200 };

function parsed(payload: Buffer): Struct | undefined {
  const value = parseJsonBytes(payload, LIMITS);
  return !(value instanceof JsonFailure) && isStruct(value) ? value : undefined;
}
