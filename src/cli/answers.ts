import { isUtf8 } from 'node:buffer';
import type { Kind, MessageId, Message as SwitchMessage } from '../switch/client.ts';
import { Failure } from './exit.ts';

/** What a switch answers, read: from ours and from xapi's, so nothing but the protocol's own is relied upon. */

export type { Kind, MessageId };

/** A message as every answer gives it. */
export type Message = Pick<SwitchMessage, 'id' | 'payload' | 'kind'>;

/** A message that waits to be acked. */
export interface Entry extends Message {
  /** The sender's session. */
  readonly origin: string;
  /** ns since it was sent. */
  readonly age: number;
  /** Of the payload: also of what a narrowed report leaves out of it. */
  readonly bytes: number;
}

export interface QueueState {
  readonly name: string;
  readonly transient: boolean;
  /** ns until the end of the last transfer that asked for it, negative when it has ended; `undefined`: none ever did. */
  readonly nextTransfer: number | undefined;
  /** All that wait in it, also those that a narrowed report leaves out. */
  readonly total: { readonly messages: number; readonly bytes: number };
  readonly messages: readonly Entry[];
}

export interface SwitchState {
  /** ns since the switch started. */
  readonly uptime: number;
  readonly queues: readonly QueueState[];
}

export interface TraceEvent {
  readonly number: number;
  /** ms since the epoch. */
  readonly time: number;
  readonly input: string | undefined;
  readonly queue: string;
  readonly output: string | undefined;
  readonly what: (Message & { readonly type: 'message' }) | { readonly type: 'ack'; readonly id: MessageId };
  /** ns, of the delivery of a response. */
  readonly processingTime: number | undefined;
}

export const readNames = (body: Buffer): string[] => items(parse(body)).map(text);

/** The id that a message was given; `undefined`: there is no such queue. */
export function readSent(body: Buffer): MessageId | undefined {
  const [id] = items(parse(body));
  return id === undefined ? undefined : readId(id);
}

export interface Transferred {
  readonly messages: readonly Message[];
  /** The cursor for the next transfer. */
  readonly next: string;
}

export function readTransferred(body: Buffer): Transferred {
  const answer = parse(body);
  return {
    messages: items(member(answer, 'messages')).map((pair) => {
      const [id, content] = items(pair);
      return { id: readId(id), ...readContent(content) };
    }),
    next: text(member(answer, 'next')),
  };
}

export function readState(body: Buffer): SwitchState {
  const answer = parse(body);
  const now = number(member(answer, 'current_time'));
  const read = (field: string, transient: boolean): QueueState[] =>
    Object.entries(struct(member(answer, field))).map(([name, queue]) => {
      const expected = member(queue, 'next_transfer_expected');
      const messages = items(member(queue, 'queue_contents')).map((entry) => readEntry(entry, now));
      return {
        name,
        transient,
        nextTransfer: expected === undefined ? undefined : number(expected) - now,
        total: {
          messages: optional(member(queue, 'queue_length'), number) ?? messages.length,
          bytes:
            optional(member(queue, 'queue_bytes'), number) ??
            messages.reduce((sum, { bytes }) => sum + bytes, 0),
        },
        messages,
      };
    });
  return {
    uptime: now - number(member(answer, 'start_time')),
    queues: [...read('permanent_queues', false), ...read('transient_queues', true)],
  };
}

function readEntry(entry: unknown, now: number): Entry {
  const [id, contents] = items(entry);
  const [named, origin] = items(member(contents, 'origin'));
  const content = readContent(member(contents, 'message'));
  return {
    id: readId(id),
    ...content,
    origin: named === 'Anonymous' ? `anonymous-${text(origin)}` : text(origin),
    age: Math.max(0, now - number(member(contents, 'time'))),
    bytes: optional(member(contents, 'payload_bytes'), number) ?? content.payload.length,
  };
}

export const readEvents = (body: Buffer): TraceEvent[] =>
  items(member(parse(body), 'events')).map((pair) => {
    const [eventNumber, event] = items(pair);
    const [tag, id, content] = items(member(event, 'message'));
    return {
      number: number(eventNumber),
      time: number(member(event, 'time')) * 1000,
      input: optional(member(event, 'input'), text),
      queue: text(member(event, 'queue')),
      output: optional(member(event, 'output'), text),
      what:
        tag === 'Ack'
          ? { type: 'ack', id: readId(id) }
          : { type: 'message', id: readId(id), ...readContent(content) },
      processingTime: optional(member(event, 'processing_time'), number),
    };
  });

function readId(value: unknown): MessageId {
  const [queue, id] = items(value);
  return { queue: text(queue), id: number(id) };
}

function readContent(content: unknown): Pick<Message, 'payload' | 'kind'> {
  const [tag, to] = items(member(content, 'kind'));
  const kind: Kind =
    tag === 'Response' ? { type: 'response', to: readId(to) } : { type: 'request', replyTo: text(to) };
  const payload = member(content, 'payload');
  return { payload: payload instanceof Buffer ? payload : Buffer.from(text(payload)), kind };
}

function parse(body: Buffer): unknown {
  try {
    return isUtf8(body) ? JSON.parse(body.toString()) : parseBytes(body);
  } catch {
    return wrong('JSON', body.toString());
  }
}

/**
 * A payload is bytes, and stands in the JSON as it is: then the whole is no UTF-8. So each byte is taken as the
 * character of its number; payloads become buffers of them, and all else is made text again.
 */
function parseBytes(body: Buffer): unknown {
  return JSON.parse(body.toString('latin1'), (key, value: unknown) => {
    if (typeof value === 'string') return key === 'payload' ? Buffer.from(value, 'latin1') : fromBytes(value);
    if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Buffer) {
      return value;
    }
    return Object.fromEntries(Object.entries(value).map(([name, inside]) => [fromBytes(name), inside]));
  });
}

const fromBytes = (bytes: string): string => Buffer.from(bytes, 'latin1').toString();

function wrong(expected: string, got: unknown): never {
  const shown = `${typeof got === 'string' ? got : JSON.stringify(got)}`.slice(0, 80);
  throw new Failure('failed', `no answer of a message switch: expected ${expected}, got ${shown}`);
}

const items = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : wrong('a list', value));
const text = (value: unknown): string => (typeof value === 'string' ? value : wrong('a text', value));
const number = (value: unknown): number => (typeof value === 'number' ? value : wrong('a number', value));

const struct = (value: unknown): object =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? value : wrong('an object', value);

const member = (value: unknown, name: string): unknown =>
  Object.getOwnPropertyDescriptor(struct(value), name)?.value;

const optional = <Read>(value: unknown, read: (value: unknown) => Read): Read | undefined =>
  value === undefined || value === null ? undefined : read(value);
