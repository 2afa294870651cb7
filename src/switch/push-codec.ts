import { type Packable, writeBinaryMessagePack } from '../wire/messagepack.ts';
import { FROM_THE_START, type In, type Kind, type Message, type MessageId, type Out } from './protocol.ts';
import { describe, Fields, isInteger, isList } from './push-fields.ts';

/** The switch in MessagePack-RPC: what a client sends is read, what it is answered and given is written. */

/** MessagePack-RPC's envelopes: `[0, id, method, params]`, `[1, id, error, result]`, `[2, method, params]`. */
export const REQUEST = 0;
export const RESPONSE = 1;
export const NOTIFICATION = 2;

export const DELIVER = 'switch.deliver';

export interface Subscribe {
  /** The client's number for it. */
  readonly subscription: number;
  readonly queues: readonly string[];
  /** Messages that may be unacked at the same time. */
  readonly credit: number;
  /** Messages with higher ids are delivered. */
  readonly from: number;
}

/** What is called. */
export type PushCall =
  | (In & { readonly type: 'login' | 'create' | 'destroy' | 'send' | 'list' })
  | ({ readonly type: 'subscribe' } & Subscribe)
  | { readonly type: 'unsubscribe'; readonly subscription: number }
  | { readonly type: 'credit'; readonly subscription: number; readonly more: number }
  | { readonly type: 'ack-batch'; readonly ids: readonly MessageId[] };

/** Why a call is not carried out: for programs, and for people. */
export interface PushError {
  readonly variant: 'Invalid' | 'Unimplemented' | 'Not_logged_in' | 'Forbidden' | 'Too_large' | 'Unavailable';
  readonly text: string;
}

/** A message of a client's. No id: it wants no answer. */
export type PushMessage =
  | { readonly type: 'call'; readonly id: number | undefined; readonly call: PushCall }
  | { readonly type: 'wrong'; readonly id: number | null; readonly error: PushError };

const METHODS: Readonly<Record<string, (fields: Fields, maxAcks: number) => PushCall>> = {
  'switch.login': (fields) => ({ type: 'login', token: fields.text('token') }),
  'switch.create': (fields) => ({
    type: 'create',
    queue: fields.text('queue'),
    lifetime: readLifetime(fields),
  }),
  'switch.destroy': (fields) => ({ type: 'destroy', queue: fields.text('queue') }),
  'switch.publish': (fields) => ({
    type: 'send',
    queue: fields.text('queue'),
    kind: readKind(fields),
    payload: fields.bytes('payload'),
  }),
  'switch.subscribe': (fields) => ({
    type: 'subscribe',
    subscription: fields.integer('subscription', 0),
    queues: fields.texts('queues'),
    credit: fields.integer('credit', 1),
    from: fields.optionalInteger('from', FROM_THE_START),
  }),
  'switch.unsubscribe': (fields) => ({
    type: 'unsubscribe',
    subscription: fields.integer('subscription', 0),
  }),
  'switch.credit': (fields) => ({
    type: 'credit',
    subscription: fields.integer('subscription', 0),
    more: fields.integer('more', 1),
  }),
  'switch.ack': (fields, maxAcks) => ({ type: 'ack-batch', ids: readIds(fields, maxAcks) }),
  'switch.list': (fields) => ({
    type: 'list',
    prefix: fields.text('prefix'),
    alive: fields.flag('alive', false),
  }),
};

/** Reads a message, which is any value that MessagePack can carry. `maxAcks` is `switch.maxCredit`: acks in one request. */
export function readPushMessage(message: unknown, maxAcks: number): PushMessage {
  if (!isList(message))
    return wrong(null, 'Invalid', `a message: expected an array, got ${describe(message)}`);
  const [type, second, third, fourth] = message;
  if (type === REQUEST && message.length === 4) {
    return isInteger(second)
      ? readCall(second, third, fourth, maxAcks)
      : wrong(null, 'Invalid', `id: expected an integer below 2^53, got ${describe(second)}`);
  }
  if (type === NOTIFICATION && message.length === 3) return readCall(undefined, second, third, maxAcks);
  return wrong(
    null,
    'Invalid',
    'a message: expected [0, id, method, params] or [2, method, params], got an array of ' +
      `${message.length} that begins with ${describe(type)}`,
  );
}

function readCall(id: number | undefined, method: unknown, params: unknown, maxAcks: number): PushMessage {
  if (typeof method !== 'string') {
    return wrong(id, 'Invalid', `method: expected a text, got ${describe(method)}`);
  }
  const read = Object.hasOwn(METHODS, method) ? METHODS[method] : undefined;
  if (read === undefined) {
    const known = Object.keys(METHODS).join(', ');
    return wrong(id, 'Unimplemented', `no method ${JSON.stringify(method.slice(0, 40))}: there are ${known}`);
  }
  if (!isList(params)) return wrong(id, 'Invalid', `params: expected an array, got ${describe(params)}`);
  const fields = new Fields(params);
  const call = read(fields, maxAcks);
  fields.end('params');
  return fields.problem === undefined
    ? { type: 'call', id, call }
    : wrong(id, 'Invalid', `${method}: ${fields.problem}`);
}

const wrong = (id: number | null | undefined, variant: PushError['variant'], text: string): PushMessage => ({
  type: 'wrong',
  id: id ?? null,
  error: { variant, text },
});

function readLifetime(fields: Fields): 'persistent' | 'transient' {
  const lifetime = fields.text('lifetime');
  return lifetime === 'persistent' || lifetime === 'transient'
    ? lifetime
    : fields.wrong('lifetime', '"persistent" or "transient"', lifetime, 'transient');
}

/** `["request", replyTo]` or `["response", [queue, id]]` */
export function readKind(fields: Fields): Kind {
  const list = fields.list('kind');
  const inside = new Fields(list);
  const name = inside.text('kind[0]');
  const kind: Kind =
    name === 'response'
      ? { type: 'response', to: inside.messageId('kind[1]') }
      : { type: 'request', replyTo: inside.text('kind[1]') };
  if (name !== 'request' && name !== 'response') {
    fields.wrong('kind', '["request", reply queue] or ["response", [queue, id]]', list, undefined);
  }
  inside.end('kind');
  fields.take(inside);
  return kind;
}

/** `[[queue, [id, …]], …]` */
function readIds(fields: Fields, most: number): MessageId[] {
  const ids: MessageId[] = [];
  let count = 0;
  for (const entry of fields.list('acks')) {
    const [queue, numbers] = isList(entry) ? entry : [];
    if (!isList(entry) || entry.length !== 2 || typeof queue !== 'string' || !isList(numbers)) {
      return fields.wrong('acks', '[[queue, [id, …]], …]', entry, []);
    }
    count += numbers.length;
    if (count > most) return fields.wrong('acks', `at most switch.maxCredit (${most})`, count, []);
    for (const id of numbers) {
      if (!isInteger(id)) return fields.wrong('acks', 'an integer for an id', id, []);
      ids.push({ queue, id });
    }
  }
  return ids;
}

const VARIANTS: Readonly<Record<(Out & { type: 'refused' })['status'], PushError['variant']>> = {
  400: 'Invalid',
  403: 'Forbidden',
  404: 'Not_logged_in',
  413: 'Too_large',
  503: 'Unavailable',
};

/** The answer to a call; it has no result but for `publish`, the id or nil, and `list`, the names. */
export function writeAnswer(id: number, out: Out): Buffer {
  switch (out.type) {
    case 'refused':
      return writeError(id, { variant: VARIANTS[out.status], text: out.reason });
    case 'sent':
      return writeResult(id, out.id === undefined ? null : integer(out.id.id));
    case 'names':
      return writeResult(id, out.names);
    case 'done':
    case 'created':
      return writeResult(id, null);
    case 'messages':
    case 'diagnostics':
    case 'events':
      return writeError(id, { variant: 'Unimplemented', text: `${out.type} can't be asked for here` });
  }
}

const writeResult = (id: number, result: Packable): Buffer =>
  writeBinaryMessagePack([RESPONSE, integer(id), null, result]);

/** `id` is null where the call's can't be known. */
export const writeError = (id: number | null, { variant, text }: PushError): Buffer =>
  writeBinaryMessagePack([RESPONSE, id === null ? null : integer(id), [variant, text], null]);

/** `[2, "switch.deliver", [subscription, [queue, id], payload, kind, origin, time]]`, the time in ms since the epoch. */
export const writeDelivery = (subscription: number, message: Message): Buffer =>
  writeBinaryMessagePack([
    NOTIFICATION,
    DELIVER,
    [
      integer(subscription),
      packId(message.id),
      message.payload,
      packKind(message.kind),
      message.origin,
      integer(Math.floor(message.time)),
    ],
  ]);

export const packId = ({ queue, id }: MessageId): Packable => [queue, integer(id)];

export const packKind = (kind: Kind): Packable =>
  kind.type === 'request' ? ['request', kind.replyTo] : ['response', packId(kind.to)];

/** Integers stay integers on the wire, also above 32 bits. */
export const integer = (value: number): number | bigint =>
  value > 0xffff_ffff || value < -0x8000_0000 ? BigInt(value) : value;
