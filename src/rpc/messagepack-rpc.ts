import { writeMessagePack } from '../wire/messagepack.ts';
import type { Value } from '../wire/value.ts';
import { type Answer, internalError, tooLarge } from './call.ts';
import { describe } from './describe.ts';
import { keeping } from './encode.ts';
import type { Service } from './service.ts';

/**
 * MessagePack-RPC's envelopes: `[0, id, method, params]` is answered by `[1, id, error|nil, result|nil]`,
 * `[2, method, params]` is a notification. `params` is an array, as in the specification, or a map.
 */
const REQUEST = 0;
const RESPONSE = 1;
const NOTIFICATION = 2;

const NOTHING = Buffer.alloc(0);

/** Gives the function that answers one message with the bytes to write; none for a notification. Never rejects. */
export function messagePackAnswers(
  service: Service,
  maxAnswerBytes: number,
): (message: Value) => Buffer | Promise<Buffer> {
  const writeResult = keeping(writeMessagePack);

  const write = (id: Value, answer: Answer): Buffer => {
    if (answer.type === 'error') return writeMessagePack([RESPONSE, id, answer.error.variant, null]);
    const result = writeResult(answer.result);
    return result.length > maxAnswerBytes ? write(id, tooLarge(maxAnswerBytes)) : response(id, result);
  };

  return (message) => {
    const request = readRequest(message);
    switch (request.type) {
      case 'invalid':
        return write(request.id, internalError('invalid-request', request.reason));
      case 'notification': {
        const answer = service.call(request.call);
        return answer instanceof Promise ? answer.then(() => NOTHING) : NOTHING;
      }
      case 'call': {
        const answer = service.call(request.call);
        return answer instanceof Promise
          ? answer.then((settled) => write(request.id, settled))
          : write(request.id, answer);
      }
    }
  };
}

/** The answer to bytes that are no message of this protocol. */
export const unreadableMessagePack = (reason: string): Buffer =>
  writeMessagePack([RESPONSE, null, ['Internal_error', reason], null]);

const FIXARRAY_OF_4 = 0x94;
const NIL = 0xc0;
const POSITIVE_FIXINT_MAX = 0x7f;
/** Of an answer whose id is a positive fixint, before the result. */
const SMALL_HEAD_BYTES = 4;

/** A successful answer, `[1, id, nil, result]`, with the result's bytes as they stand. */
function response(id: Value, result: Buffer): Buffer {
  if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id > POSITIVE_FIXINT_MAX) {
    const head = Buffer.from([FIXARRAY_OF_4, RESPONSE]);
    return Buffer.concat([head, writeMessagePack(id), Buffer.from([NIL]), result]);
  }
  const bytes = Buffer.allocUnsafe(SMALL_HEAD_BYTES + result.length);
  bytes[0] = FIXARRAY_OF_4;
  bytes[1] = RESPONSE;
  bytes[2] = id;
  bytes[3] = NIL;
  bytes.set(result, SMALL_HEAD_BYTES);
  return bytes;
}

type Request =
  | { readonly type: 'call'; readonly id: Value; readonly call: { method: string; params: Value } }
  | { readonly type: 'notification'; readonly call: { method: string; params: Value } }
  | { readonly type: 'invalid'; readonly id: Value; readonly reason: string };

function readRequest(message: Value): Request {
  if (!Array.isArray(message)) return invalid(null, `a message: expected an array, got ${describe(message)}`);
  const [kind] = message;
  if (kind === NOTIFICATION && message.length === 3) return readCall(null, message[1], message[2], true);
  if (kind === REQUEST && message.length === 4) {
    const id = message[1];
    return typeof id === 'number' || typeof id === 'bigint'
      ? readCall(id, message[2], message[3], false)
      : invalid(null, `id: expected an integer, got ${describe(id)}`);
  }
  return invalid(
    null,
    'a message: expected [0, id, method, params] or [2, method, params], got an array of ' +
      `${message.length} that begins with ${describe(kind)}`,
  );
}

function readCall(
  id: Value,
  method: Value | undefined,
  params: Value | undefined,
  notification: boolean,
): Request {
  if (typeof method !== 'string') return invalid(id, `method: expected a string, got ${describe(method)}`);
  if (typeof params !== 'object' || params === null) {
    return invalid(id, `params: expected an array, got ${describe(params)}`);
  }
  const call = { method, params };
  return notification ? { type: 'notification', call } : { type: 'call', id, call };
}

const invalid = (id: Value, reason: string): Request => ({ type: 'invalid', id, reason });
