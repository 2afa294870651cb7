import type { Arrival } from '../wire/arrival.ts';
import { writeMeasuredJson } from '../wire/json.ts';
import { measured, NO_TEXT, type Utf8Text } from '../wire/utf8-text.ts';
import type { Value } from '../wire/value.ts';
import { type Answer, internalError, tooLarge } from './call.ts';
import { type Id, type Message, type Request, readMessage, type Version, writeAnswer } from './jsonrpc.ts';
import type { Service } from './service.ts';

/** The limits that hold for a request and its answer in every protocol; each is the setting `sockets.<name>`. */
export interface RpcLimits {
  readonly maxRequestBytes: number;
  readonly maxHeaderBytes: number;
  readonly maxDepth: number;
  readonly maxBatchCalls: number;
  readonly maxAnswerBytes: number;
}

/** Told of what could not be read: in which protocol, and the reason as the client was told it. */
export type Refused = (protocol: string, reason: string) => void;

/**
 * Answers one JSON-RPC message, a request or a batch, with the text of its answer, without a line break at the end.
 * Empty: nothing is to be answered. Never rejects.
 */
export type AnswerText = (value: Value, arrival?: Arrival) => Utf8Text | Promise<Utf8Text>;

/** `writeResult` gives the JSON of a result. */
export function jsonAnswers(
  service: Service,
  limits: RpcLimits,
  writeResult: (value: Value) => string,
): (value: Value, arrival?: Arrival) => string | Promise<string> {
  const answer = measuredAnswers(service, limits, (value) => measured(writeResult(value)));
  return (value, arrival) => {
    const written = answer(value, arrival);
    return written instanceof Promise ? written.then(({ text }) => text) : written.text;
  };
}

/** The same for those who frame the text: it comes with its length. */
export function measuredAnswers(
  service: Service,
  limits: RpcLimits,
  writeResult: (value: Value) => Utf8Text,
): AnswerText {
  const write = (version: Version, id: Id, answer: Answer): Utf8Text => {
    const written = writeAnswer(version, id, answer, writeResult);
    if (written.bytes <= limits.maxAnswerBytes) return written;
    return writeAnswer(version, id, tooLarge(limits.maxAnswerBytes), writeResult);
  };

  const single = (request: Request, arrival: Arrival | undefined): Utf8Text | Promise<Utf8Text> => {
    switch (request.type) {
      case 'invalid':
        return writeAnswer(request.version, request.id, request.answer, writeResult);
      case 'notification': {
        const answer = service.call(request.call, arrival);
        return answer instanceof Promise ? answer.then(() => NO_TEXT) : NO_TEXT;
      }
      case 'call': {
        const { version, id } = request;
        const answer = service.call(request.call, arrival);
        return answer instanceof Promise
          ? answer.then((settled) => write(version, id, settled))
          : write(version, id, answer);
      }
    }
  };

  const batch = async (requests: readonly Request[], arrival: Arrival | undefined): Promise<Utf8Text> => {
    const texts: string[] = [];
    let bytes = 0;
    for (const request of requests) {
      // One after the other, so that what a batch may hold in memory at once has a bound.
      const answer = bytes > limits.maxAnswerBytes ? refuse(request, limits) : await single(request, arrival);
      if (answer.bytes === 0) continue;
      bytes += answer.bytes;
      texts.push(answer.text);
    }
    if (texts.length === 0) return NO_TEXT;
    // With a comma between two, and the brackets.
    return { text: `[${texts.join(',')}]`, bytes: bytes + texts.length + 1 };
  };

  return (value, arrival) => {
    const message: Message = readMessage(value, limits.maxBatchCalls);
    return message.type === 'single' ? single(message.request, arrival) : batch(message.requests, arrival);
  };
}

/** The text that answers what could not be read as JSON: 1.0's shape with a null id. */
export const unreadable = (reason: string): string =>
  writeAnswer('1.0', null, internalError('parse', reason), writeMeasuredJson).text;

/** A call of a batch whose answers are too large already: it is answered, and not made. */
function refuse(request: Request, limits: RpcLimits): Utf8Text {
  if (request.type === 'notification') return NO_TEXT;
  return writeAnswer(request.version, request.id, tooLarge(limits.maxAnswerBytes), writeMeasuredJson);
}
