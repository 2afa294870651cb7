import { bytes, type Codec, type Fields, integer, number, optionalText, text } from '../journal/codec.ts';
import type { Kind, Operation } from './protocol.ts';

/** The numbers of the kinds are part of the format: they never get another meaning. */
const QUEUE_CREATED = 1;
const QUEUE_REMOVED = 2;
export const REQUEST_SENT = 3;
const RESPONSE_SENT = 4;
const MESSAGE_ACKED = 5;
const IDS_GIVEN = 6;
const QUEUE_LISTENED = 7;

const SMALL_OPERATION_BYTES = 64;

/** The switch's operations in its journal. */
export const operationCodec: Codec<Operation> = {
  encode,
  decode,
  // An ack that is lost brings a message back; a message that is lost is gone.
  adds: ({ type }) => type === 'message-sent' || type === 'queue-created',
  roughBytes: (operation) =>
    SMALL_OPERATION_BYTES + (operation.type === 'message-sent' ? operation.message.payload.length : 0),
};

function encode(operation: Operation): unknown[] {
  switch (operation.type) {
    case 'queue-created':
      return [QUEUE_CREATED, operation.queue, operation.owner ?? null];
    case 'queue-removed':
      return [QUEUE_REMOVED, operation.queue];
    case 'queue-listened':
      return [QUEUE_LISTENED, operation.queue];
    case 'message-sent': {
      const { id, kind, origin, time, payload } = operation.message;
      return kind.type === 'request'
        ? [REQUEST_SENT, id.queue, id.id, origin, time, payload, kind.replyTo]
        : [RESPONSE_SENT, id.queue, id.id, origin, time, payload, kind.to.queue, kind.to.id];
    }
    case 'message-acked':
      return [MESSAGE_ACKED, operation.id.queue, operation.id.id];
    case 'ids-given':
      return [IDS_GIVEN, operation.next];
  }
}

function decode(fields: Fields): Operation {
  const kind = integer(fields, 0);
  switch (kind) {
    case QUEUE_CREATED:
      return { type: 'queue-created', queue: text(fields, 1), owner: optionalText(fields, 2) };
    case QUEUE_REMOVED:
      return { type: 'queue-removed', queue: text(fields, 1) };
    case QUEUE_LISTENED:
      return { type: 'queue-listened', queue: text(fields, 1) };
    case REQUEST_SENT:
      return sent(fields, { type: 'request', replyTo: text(fields, 6) });
    case RESPONSE_SENT:
      return sent(fields, { type: 'response', to: { queue: text(fields, 6), id: integer(fields, 7) } });
    case MESSAGE_ACKED:
      return { type: 'message-acked', id: { queue: text(fields, 1), id: integer(fields, 2) } };
    case IDS_GIVEN:
      return { type: 'ids-given', next: integer(fields, 1) };
    default:
      throw new TypeError(`an operation of the unknown kind ${kind}`);
  }
}

const sent = (fields: Fields, kind: Kind): Operation => ({
  type: 'message-sent',
  message: {
    id: { queue: text(fields, 1), id: integer(fields, 2) },
    payload: bytes(fields, 5),
    kind,
    origin: text(fields, 3),
    time: number(fields, 4),
  },
});
