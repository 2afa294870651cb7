import { type Conversation, farewell, type Peer, reply } from '../wire/conversation.ts';
import { converse } from '../wire/converse.ts';
import { detectProtocol } from '../wire/detect.ts';
import { chooseByFirstByte, refusing as refusingWith, whyUnspoken } from '../wire/first-byte.ts';
import { JsonFailure, jsonParser, writeMeasuredJson } from '../wire/json.ts';
import { JsonTextReader } from '../wire/json-reader.ts';
import { Length16Reader, writeLength16 } from '../wire/length16.ts';
import { MessagePackReader } from '../wire/messagepack.ts';
import { NO_PAGES, type Pages } from '../wire/pages.ts';
import { measured, type Utf8Text } from '../wire/utf8-text.ts';
import type { Value } from '../wire/value.ts';
import { type AnswerText, measuredAnswers, type Refused, type RpcLimits, unreadable } from './answer.ts';
import { keeping } from './encode.ts';
import { httpTalk } from './http.ts';
import { messagePackAnswers, unreadableMessagePack } from './messagepack-rpc.ts';
import type { Service } from './service.ts';
import { writeXmlValue } from './xmlrpc.ts';

/** What the protocols of one queue share. */
interface Front {
  readonly limits: RpcLimits;
  readonly parseJson: (bytes: Buffer) => Value | JsonFailure;
  readonly answerJson: AnswerText;
  readonly answerMessagePack: (message: Value) => Buffer | Promise<Buffer>;
  readonly writeXml: (value: Value) => string;
  readonly service: Service;
  readonly refused: Refused;
  readonly pages: Pages;
}

/**
 * Serves a queue on its socket: gives what starts the conversation of each new connection. `refused` is told of all
 * that could not be read; `pages` are what can be read by HTTP beside.
 */
export function createRpcFront(
  service: Service,
  limits: RpcLimits,
  refused: Refused,
  pages: Pages = NO_PAGES,
): (peer: Peer) => Conversation {
  const front: Front = {
    limits,
    service,
    refused,
    pages,
    parseJson: jsonParser(limits),
    answerJson: measuredAnswers(service, limits, keeping(writeMeasuredJson)),
    answerMessagePack: messagePackAnswers(service, limits.maxAnswerBytes),
    writeXml: keeping(writeXmlValue),
  };
  return () => chooseByFirstByte((firstByte) => choose(firstByte, front));
}

function choose(firstByte: number, front: Front): Conversation {
  const protocol = detectProtocol(firstByte);
  switch (protocol) {
    case 'json':
      return jsonConversation(front);
    case 'length16':
      return length16Conversation(front);
    case 'messagepack':
      return messagePackConversation(front);
    case 'http':
      return converse(httpTalk(front));
    case 'xml':
      return refusing(front, protocol, 'XML-RPC is spoken over HTTP here: POST the body');
    case 'tls':
    case 'unknown':
      return refusing(front, protocol, whyUnspoken(protocol, firstByte, SPOKEN));
  }
}

const SPOKEN =
  'JSON-RPC as plain JSON text, after 16 digits of length, or over HTTP, XML-RPC over HTTP, and MessagePack-RPC';

const line = (text: Utf8Text): string => (text.bytes === 0 ? '' : `${text.text}\n`);
const framed = (text: Utf8Text): string => (text.bytes === 0 ? '' : writeLength16(text));

const replying = <Text>(text: Text | Promise<Text>, write: (text: Text) => string | Buffer) =>
  text instanceof Promise ? text.then((settled) => reply(write(settled))) : reply(write(text));

/** The text of a refusal, which is noted. */
function refuse({ refused }: Front, protocol: string, reason: string): Utf8Text {
  refused(protocol, reason);
  return measured(unreadable(reason));
}

const jsonConversation = (front: Front): Conversation =>
  converse({
    protocol: 'json',
    reader: new JsonTextReader(front.limits),
    answer: (value) =>
      value instanceof JsonFailure
        ? reply(line(refuse(front, 'json', value.reason)))
        : replying(front.answerJson(value), line),
    fault: ({ reason }) => farewell(line(refuse(front, 'json', reason))),
  });

const length16Conversation = (front: Front): Conversation => {
  const { limits, parseJson, answerJson } = front;
  const refused = (reason: string): string => framed(refuse(front, 'length16', reason));
  return converse({
    protocol: 'length16',
    reader: new Length16Reader(limits),
    answer: (body) => {
      const value = parseJson(body);
      return value instanceof JsonFailure
        ? reply(refused(value.reason))
        : replying(answerJson(value), framed);
    },
    fault: ({ reason }) => farewell(refused(reason)),
  });
};

const messagePackConversation = ({ limits, answerMessagePack, refused }: Front): Conversation =>
  converse({
    protocol: 'messagepack',
    reader: new MessagePackReader(limits),
    answer: (message) => replying(answerMessagePack(message), (bytes) => bytes),
    fault: ({ reason }) => {
      refused('messagepack', reason);
      return farewell(unreadableMessagePack(reason));
    },
  });

/** One line that says what is wrong, and the close. */
const refusing = (front: Front, protocol: string, reason: string): Conversation =>
  refusingWith(protocol, () => line(refuse(front, protocol, reason)));
