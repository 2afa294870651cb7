import { writeBinaryMessagePack } from '../wire/messagepack.ts';
import type { Message, MessageId } from './protocol.ts';
import {
  DELIVER,
  integer,
  NOTIFICATION,
  type PushCall,
  packKind,
  REQUEST,
  RESPONSE,
  readKind,
} from './push-codec.ts';
import { describe, Fields, isInteger, isList } from './push-fields.ts';

/** The switch in MessagePack-RPC, from a client's side: what it sends is written, what it gets is read. */

/** What a switch sends. */
export type ServerMessage =
  | { readonly type: 'result'; readonly id: number; readonly result: unknown }
  /** Without an id: the switch could not read what it got, and closes. */
  | {
      readonly type: 'error';
      readonly id: number | undefined;
      readonly variant: string;
      readonly text: string;
    }
  | { readonly type: 'delivery'; readonly subscription: number; readonly message: Message }
  | { readonly type: 'unreadable'; readonly reason: string };

export const writeCall = (id: number, call: PushCall): Buffer =>
  writeBinaryMessagePack([REQUEST, id, ...methodAndParams(call)]);

function methodAndParams(call: PushCall) {
  switch (call.type) {
    case 'login':
      return ['switch.login', [call.token]] as const;
    case 'create':
      return ['switch.create', [call.queue, call.lifetime]] as const;
    case 'destroy':
      return ['switch.destroy', [call.queue]] as const;
    case 'send':
      return ['switch.publish', [call.queue, packKind(call.kind), call.payload]] as const;
    case 'subscribe': {
      const { subscription, queues, credit, from } = call;
      return ['switch.subscribe', [integer(subscription), queues, credit, integer(from)]] as const;
    }
    case 'unsubscribe':
      return ['switch.unsubscribe', [integer(call.subscription)]] as const;
    case 'credit':
      return ['switch.credit', [integer(call.subscription), call.more]] as const;
    case 'ack-batch':
      return ['switch.ack', [packIds(call.ids)]] as const;
    case 'list':
      return ['switch.list', [call.prefix, call.alive]] as const;
  }
}

/** Ids of one queue that follow each other stand under its name once. */
function packIds(ids: readonly MessageId[]) {
  const entries: [queue: string, ids: (number | bigint)[]][] = [];
  for (const { queue, id } of ids) {
    const last = entries.at(-1);
    if (last?.[0] === queue) last[1].push(integer(id));
    else entries.push([queue, [integer(id)]]);
  }
  return entries;
}

/** Reads a message, which is any value that MessagePack can carry. */
export function readServerMessage(message: unknown): ServerMessage {
  if (!isList(message)) return unreadable(`expected an array, got ${describe(message)}`);
  const [type, second, third, fourth] = message;
  if (type === RESPONSE && message.length === 4) return readAnswer(second, third, fourth);
  if (type === NOTIFICATION && second === DELIVER && isList(third)) return readDelivery(third);
  return unreadable(`expected an answer or ${DELIVER}, got ${describe(type)}, ${describe(second)}`);
}

function readAnswer(id: unknown, error: unknown, result: unknown): ServerMessage {
  if (error === null) {
    return isInteger(id)
      ? { type: 'result', id, result }
      : unreadable(`id: expected an integer, got ${describe(id)}`);
  }
  const [variant, text] = isList(error) ? error : [];
  if (typeof variant !== 'string' || typeof text !== 'string') {
    return unreadable(`error: expected [variant, text], got ${describe(error)}`);
  }
  return { type: 'error', id: isInteger(id) ? id : undefined, variant, text };
}

function readDelivery(params: readonly unknown[]): ServerMessage {
  const fields = new Fields(params);
  const subscription = fields.integer('subscription');
  const message: Message = {
    id: fields.messageId('message'),
    payload: fields.bytes('payload'),
    kind: readKind(fields),
    origin: fields.text('origin'),
    time: fields.number('time'),
  };
  return fields.problem === undefined
    ? { type: 'delivery', subscription, message }
    : unreadable(`${DELIVER}: ${fields.problem}`);
}

const unreadable = (reason: string): ServerMessage => ({ type: 'unreadable', reason });
