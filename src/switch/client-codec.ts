import { isUtf8 } from 'node:buffer';
import { JsonFailure, parseJsonBytes } from '../wire/json.ts';
import { isStruct, type Value } from '../wire/value.ts';
import { FROM_THE_START, type In, type Kind, type Message, type MessageId } from './protocol.ts';

/** The protocol in HTTP as a client of a switch needs it: some of `In` into requests, answers read. */

/** What somebody who serves or calls a queue asks of a switch. */
export type Asked = In &
  (
    | { readonly type: 'login' | 'create' | 'destroy' | 'transfer' | 'send' | 'ack' }
    | { readonly type: 'list'; readonly alive: true }
  );

export interface ClientRequest {
  readonly method: 'GET' | 'POST';
  readonly target: string;
  readonly body: string | Buffer;
}

/** For the texts: what was asked, without the names in it. */
export const requestName = ({ method, target: of }: ClientRequest): string =>
  `${method} /${of.split('/', 2)[1]}`;

/** A message as a transfer gives it. */
export type Delivered = Pick<Message, 'id' | 'kind' | 'payload'>;

export type Delivery =
  | { readonly type: 'messages'; readonly messages: readonly Delivered[]; readonly next: number }
  | { readonly type: 'unreadable'; readonly reason: string };

/**
 * Writes a request in the form of xapi's own clients: their switch answers 500 to much that ours takes, such as a
 * `from` that is null or a number.
 */
export function writeRequest(asked: Asked): ClientRequest {
  switch (asked.type) {
    case 'login':
      return get('login', asked.token);
    case 'create':
      return get(asked.lifetime, asked.queue);
    case 'destroy':
      return get('destroy', asked.queue);
    case 'list':
      return get('list', 'alive', asked.prefix);
    case 'ack':
      return get('ack', asked.id.queue, `${asked.id.id}`);
    case 'send':
      return { method: 'POST', target: sendTarget(asked.queue, asked.kind), body: asked.payload };
    case 'transfer': {
      const from = asked.from === FROM_THE_START ? '' : `"from":"${asked.from}",`;
      // Their JSON tells a float from an integer.
      const timeout = (asked.timeout / 1000).toFixed(1);
      const body = `{${from}"timeout":${timeout},"queues":${JSON.stringify(asked.queues)}}`;
      return { method: 'POST', target: '/transfer', body };
    }
  }
}

const get = (...segments: string[]): ClientRequest => ({ method: 'GET', target: target(segments), body: '' });

const sendTarget = (queue: string, kind: Kind): string =>
  kind.type === 'request'
    ? target(['request', queue, kind.replyTo])
    : target(['response', queue, kind.to.queue, `${kind.to.id}`]);

/** The colon, which is in most names, stands as it is, as in the clients' own. */
const target = (segments: readonly string[]): string =>
  segments.map((segment) => `/${encodeURIComponent(segment.toWellFormed()).replaceAll('%3A', ':')}`).join('');

/** Deeper than the answers of a switch are nested. */
const ANSWER_LIMITS = { maxDepth: 8 };

/** Reads what a transfer that asked for one queue answers. Payloads come out with the bytes that were sent. */
export function readDelivery(body: Buffer, queue: string): Delivery {
  // Payloads are bytes, which a switch puts into its JSON as they are: when they are no UTF-8, neither is the whole,
  // and is read with a character for each byte.
  const isText = isUtf8(body);
  const bytesOf = isText ? (text: string) => Buffer.from(text) : singleBytes;
  const value = parseJsonBytes(isText ? body : Buffer.from(body.toString('latin1')), ANSWER_LIMITS);
  if (value instanceof JsonFailure) return unreadable(value.reason);
  if (!isStruct(value)) return unreadable('expected an object');
  const next = typeof value.next === 'string' && CURSOR.test(value.next) ? Number(value.next) : Number.NaN;
  if (!Number.isSafeInteger(next)) return unreadable('next: expected the id of a message as text');
  if (!Array.isArray(value.messages)) return unreadable('messages: expected a list');
  const entries: readonly Value[] = value.messages;
  const messages = entries.flatMap((entry) => readMessage(entry, queue, bytesOf) ?? []);
  return messages.length === entries.length
    ? { type: 'messages', messages, next }
    : unreadable(`messages: one of them is no message of ${queue}`);
}

/** The answer to a message that was sent: its id, or `gone` where its queue is; nothing: it is no such answer. */
export function readSent(body: Buffer): MessageId | 'gone' | undefined {
  const value = parseJsonBytes(body, ANSWER_LIMITS);
  if (!Array.isArray(value) || value.length > 1) return undefined;
  const [id]: readonly Value[] = value;
  return id === undefined ? 'gone' : readId(id, utf8);
}

export const isSendAnswer = (body: Buffer): boolean => readSent(body) !== undefined;

/** The names of queues that a list answers; nothing: it is no such answer. */
export function readNames(body: Buffer): string[] | undefined {
  const value = parseJsonBytes(body, ANSWER_LIMITS);
  if (!Array.isArray(value)) return undefined;
  const entries: readonly Value[] = value;
  const names = entries.filter((name) => typeof name === 'string');
  return names.length === entries.length ? names : undefined;
}

const unreadable = (reason: string): Delivery => ({ type: 'unreadable', reason });

const CURSOR = /^-?[0-9]{1,16}$/;

type BytesOf = (text: string) => Buffer;

const utf8: BytesOf = (text) => Buffer.from(text);

/** Characters that are bytes become these. Higher ones were escapes in the JSON, and were meant as what they are. */
const singleBytes: BytesOf = (text) =>
  Buffer.from(
    text.replace(/[\u0100-\uffff]+/g, (escaped) => Buffer.from(escaped).toString('latin1')),
    'latin1',
  );

/** `[["q",id],{"payload":"…","kind":…}]` */
function readMessage(entry: Value, queue: string, bytesOf: BytesOf): Delivered | undefined {
  if (!Array.isArray(entry)) return undefined;
  const [name, content]: readonly Value[] = entry;
  const id = readId(name, bytesOf);
  if (id?.queue !== queue || !isStruct(content) || typeof content.payload !== 'string') return undefined;
  const kind = readKind(content.kind, bytesOf);
  return kind === undefined ? undefined : { id, kind, payload: bytesOf(content.payload) };
}

/** `["Request","replyTo"]` or `["Response",["fromQ",id]]` */
function readKind(value: Value | undefined, bytesOf: BytesOf): Kind | undefined {
  if (!Array.isArray(value)) return undefined;
  const [name, content]: readonly Value[] = value;
  if (name === 'Request' && typeof content === 'string') {
    return { type: 'request', replyTo: bytesOf(content).toString() };
  }
  const to = name === 'Response' ? readId(content, bytesOf) : undefined;
  return to === undefined ? undefined : { type: 'response', to };
}

/** `["q",id]` */
function readId(value: Value | undefined, bytesOf: BytesOf): MessageId | undefined {
  if (!Array.isArray(value)) return undefined;
  const [queue, id]: readonly Value[] = value;
  return typeof queue === 'string' && typeof id === 'number' && Number.isSafeInteger(id)
    ? { queue: bytesOf(queue).toString(), id }
    : undefined;
}
