import { JsonFailure, parseJsonBytes, writeMeasuredJson } from '../wire/json.ts';
import type { RpcLimits } from './answer.ts';
import { internalError } from './call.ts';
import { readMessage, writeAnswer } from './jsonrpc.ts';

/**
 * The answer to a request that is carried out by nobody: the reason, in the shape and with the id of the request as far as
 * that can be read.
 */
export function failedAnswer(request: Buffer, reason: string, limits: RpcLimits): Buffer {
  const answer = internalError('internal', reason);
  const value = parseJsonBytes(request, limits);
  const message = value instanceof JsonFailure ? undefined : readMessage(value, limits.maxBatchCalls);
  const { text } =
    message?.type === 'single' && message.request.type === 'call'
      ? writeAnswer(message.request.version, message.request.id, answer, writeMeasuredJson)
      : writeAnswer('1.0', null, answer, writeMeasuredJson);
  return Buffer.from(text);
}
