import type { HttpRequest } from '../wire/http.ts';
import { JsonFailure, parseJsonBytes } from '../wire/json.ts';
import { isStruct, type Value } from '../wire/value.ts';
import { joinTexts, jsonText, type Text } from './payload-text.ts';
import {
  FROM_THE_START,
  type In,
  type Kind,
  type Message,
  type MessageId,
  type Out,
  type QueueReport,
  type ReportedMessage,
  type ReportView,
  type TraceEvent,
} from './protocol.ts';

/** The protocol in HTTP, both ways: requests into `In`, `Out` into responses. */

/** A request that is none of the protocol's, as it is answered. */
export type Refusal = Out & { readonly type: 'refused' };

const refuse = (status: Refusal['status'], reason: string): Refusal => ({ type: 'refused', status, reason });

/** `GET /trace` asks for this. */
const DEFAULT_TRACE_TIMEOUT_MS = 5000;

/** How deep the one JSON body that a client sends may be nested: an object with a list. */
const BODY_LIMITS = { maxDepth: 8 };

/** Reads a request. `maxTimeout` bounds how long one may wait, in ms. */
export function readRequest(request: HttpRequest, maxTimeout: number): In | Refusal {
  const segments = decodeSegments(request.target);
  if (!Array.isArray(segments)) return segments;
  const [root, verb = '', ...args] = segments;
  // A target in another form than that of a path has no empty part before its first slash.
  const read = root === '' ? readVerb(request, verb, args, maxTimeout) : undefined;
  return read ?? refuse(404, `Not found: ${request.target}`);
}

function readVerb(
  { method, target, body }: HttpRequest,
  verb: string,
  args: readonly string[],
  maxTimeout: number,
): In | Refusal | undefined {
  if (method === 'GET' && verb === '' && args.length === 0) return readDiagnostics(target);
  if (method === 'GET') return readGet(verb, args, maxTimeout);
  return method === 'POST' ? readPost(verb, args, body, maxTimeout) : undefined;
}

/** Splits first and decodes then, so that a name may hold a slash. A query is looked at for diagnostics alone. */
function decodeSegments(target: string): string[] | Refusal {
  const [path = ''] = target.split('?', 1);
  const segments = path.split('/');
  if (!path.includes('%')) return segments;
  try {
    return segments.map(decodeURIComponent);
  } catch {
    return refuse(400, `the target holds a percent sign that is no escape of UTF-8: ${target}`);
  }
}

/** The whole report, unless the query narrows it: this is ours, other switches look at no query. */
function readDiagnostics(target: string): In | Refusal {
  const query = new URLSearchParams(target.split(/\?(.*)/s)[1]);
  if (!VIEW_FIELDS.some((field) => query.has(field))) return { type: 'diagnostics' };
  const twice = VIEW_FIELDS.find((field) => query.getAll(field).length > 1);
  if (twice !== undefined) return refuse(400, `${twice}: it is there twice`);
  const [messages, payloadBytes] = [query.get('messages'), query.get('payloads')].map(readMost);
  if (messages === undefined) return refuse(400, `messages: ${wrongCount(query.get('messages'))}`);
  if (payloadBytes === undefined) return refuse(400, `payloads: ${wrongCount(query.get('payloads'))}`);
  const view: ReportView = { queue: query.get('queue') ?? undefined, messages, payloadBytes };
  return { type: 'diagnostics', view };
}

const VIEW_FIELDS = ['queue', 'messages', 'payloads'] as const;

/** A number that bounds, or none that does. */
function readMost(text: string | null): number | undefined {
  if (text === null) return Number.POSITIVE_INFINITY;
  return /^[0-9]{1,15}$/.test(text) ? Number(text) : undefined;
}

const wrongCount = (text: string | null): string =>
  `expected a whole number, got ${JSON.stringify(text?.slice(0, 40))}`;

function readGet(verb: string, args: readonly string[], maxTimeout: number): In | Refusal | undefined {
  const [first, second] = args;
  switch (args.length) {
    case 0:
      return verb === 'trace'
        ? { type: 'trace', from: FROM_THE_START, timeout: Math.min(DEFAULT_TRACE_TIMEOUT_MS, maxTimeout) }
        : undefined;
    case 1:
      return first === undefined ? undefined : readGetOne(verb, first);
    case 2:
      if (first === undefined || second === undefined) return undefined;
      if (verb === 'list' && first === 'alive') return { type: 'list', prefix: second, alive: true };
      if (verb === 'ack') return readAck(first, second);
      return verb === 'trace' ? readTrace(first, second, maxTimeout) : undefined;
    default:
      return undefined;
  }
}

function readGetOne(verb: string, name: string): In | undefined {
  switch (verb) {
    case 'login':
      return { type: 'login', token: name };
    case 'persistent':
    case 'transient':
      return { type: 'create', queue: name, lifetime: verb };
    case 'destroy':
      return { type: 'destroy', queue: name };
    case 'list':
      return { type: 'list', prefix: name, alive: false };
    default:
      return undefined;
  }
}

function readPost(
  verb: string,
  args: readonly string[],
  payload: Buffer,
  maxTimeout: number,
): In | Refusal | undefined {
  const [queue, second, third] = args;
  if (args.length === 0) {
    if (verb === 'transfer') return readTransfer(payload, maxTimeout);
    return verb === 'shutdown' ? { type: 'shutdown' } : undefined;
  }
  if (queue === undefined || second === undefined) return undefined;
  if (verb === 'request' && args.length === 2) {
    return { type: 'send', queue, payload, kind: { type: 'request', replyTo: second } };
  }
  if (verb !== 'response' || args.length !== 3 || third === undefined) return undefined;
  const id = readId(third);
  if (id === undefined) return refuse(400, `the id of the message that is answered: ${wrongId(third)}`);
  return { type: 'send', queue, payload, kind: { type: 'response', to: { queue: second, id } } };
}

function readAck(queue: string, text: string): In | Refusal {
  const id = readId(text);
  return id === undefined
    ? refuse(400, `the id of the message to ack: ${wrongId(text)}`)
    : { type: 'ack', id: { queue, id } };
}

const ID = /^-?[0-9]{1,16}$/;

function readId(text: string): number | undefined {
  const id = Number(text);
  return ID.test(text) && Number.isSafeInteger(id) ? id : undefined;
}

const wrongId = (text: string): string =>
  `expected a whole number below 2^53, got ${JSON.stringify(text.slice(0, 40))}`;

function readTrace(fromText: string, timeoutText: string, maxTimeout: number): In | Refusal {
  const from = readId(fromText);
  if (from === undefined) return refuse(400, `from: ${wrongId(fromText)}`);
  const timeout = SECONDS.test(timeoutText) ? readTimeout(Number(timeoutText), maxTimeout) : undefined;
  return timeout === undefined
    ? refuse(400, `timeout: expected a number of seconds, got ${JSON.stringify(timeoutText.slice(0, 40))}`)
    : { type: 'trace', from, timeout };
}

/** As `printf "%.16g"` writes it, which clients do: with an exponent where the number is large or small. */
const SECONDS = /^-?[0-9.]{1,40}(?:e[+-]?[0-9]{1,3})?$/;

/** Seconds as they came to ms, at least none and at most the limit. */
function readTimeout(seconds: Value | undefined, maxTimeout: number): number | undefined {
  if (typeof seconds !== 'number' && typeof seconds !== 'bigint') return undefined;
  if (Number.isNaN(seconds)) return undefined;
  return Math.min(Math.max(0, Math.round(Number(seconds) * 1e6) / 1e3), maxTimeout);
}

/** `{"from":"<id>","timeout":<seconds>,"queues":[…]}`; `from` may be a number, null or absent. */
function readTransfer(body: Buffer, maxTimeout: number): In | Refusal {
  const value = parseJsonBytes(body, BODY_LIMITS);
  if (value instanceof JsonFailure) return refuse(400, `the body of a transfer: ${value.reason}`);
  if (!isStruct(value)) return refuse(400, 'the body of a transfer: expected an object');
  const from = readCursor(value.from);
  if (from === undefined) return refuse(400, 'from: expected the id of a message as text, or null');
  const timeout = readTimeout(value.timeout, maxTimeout);
  if (timeout === undefined) return refuse(400, 'timeout: expected a number of seconds');
  const { queues } = value;
  if (!Array.isArray(queues)) return refuse(400, 'queues: expected a list of names');
  const names = queues.filter((name) => typeof name === 'string');
  if (names.length < queues.length)
    return refuse(400, 'queues: expected a list of names, and found something else in it');
  return { type: 'transfer', from, timeout, queues: names };
}

function readCursor(from: Value | undefined): number | undefined {
  if (from === undefined || from === null) return FROM_THE_START;
  return typeof from === 'string' || typeof from === 'number' ? readId(`${from}`) : undefined;
}

/** What is answered, as status and body. */
export function writeResponse(out: Out): { readonly status: number; readonly body: Text } {
  return out.type === 'refused'
    ? { status: out.status, body: out.reason }
    : { status: 200, body: writeBody(out) };
}

function writeBody(out: Exclude<Out, Refusal>): Text {
  switch (out.type) {
    case 'done':
      return '';
    case 'created':
      return out.queue;
    case 'sent':
      return out.id === undefined ? '[]' : `[${idText(out.id)}]`;
    case 'messages':
      return joinTexts(['{"messages":', list(out.messages.map(messageText)), `,"next":"${out.next}"}`]);
    case 'names':
      return JSON.stringify(out.names);
    case 'events':
      return joinTexts(['{"events":', list(out.events.map(eventText)), '}']);
    case 'diagnostics': {
      const { uptime, started, persistent, transient } = out.report;
      return joinTexts([
        `{"start_time":0,"current_time":${nanoseconds(uptime)},"permanent_queues":`,
        queuesText(persistent, started),
        ',"transient_queues":',
        queuesText(transient, started),
        '}',
      ]);
    }
  }
}

const idText = ({ queue, id }: MessageId): string => `[${JSON.stringify(queue)},${id}]`;

const kindText = (kind: Kind): string =>
  kind.type === 'request' ? `["Request",${JSON.stringify(kind.replyTo)}]` : `["Response",${idText(kind.to)}]`;

const contentText = (payload: Buffer, kind: Kind): Text =>
  joinTexts(['{"payload":', jsonText(payload), `,"kind":${kindText(kind)}}`]);

const messageText = ({ id, payload, kind }: Message): Text =>
  joinTexts([`[${idText(id)},`, contentText(payload, kind), ']']);

function eventText({ number, time, input, queue, output, what, processingTime }: TraceEvent): Text {
  const from = input === undefined ? '' : `"input":${JSON.stringify(input)},`;
  const to = output === undefined ? '' : `"output":${JSON.stringify(output)},`;
  const took = processingTime === undefined ? '' : `,"processing_time":${nanoseconds(processingTime)}`;
  const head = `[${number},{"time":${time / 1000},${from}"queue":${JSON.stringify(queue)},${to}"message":`;
  return what.type === 'ack'
    ? `${head}["Ack",${idText(what.id)}]}]`
    : joinTexts([
        `${head}["Message",${idText(what.id)},`,
        contentText(what.payload, what.kind),
        `]${took}}]`,
      ]);
}

function queuesText(queues: readonly QueueReport[], started: number): Text {
  const entries = queues.map(({ name, nextTransfer, messages, total }) => {
    const expected =
      nextTransfer === undefined ? '' : `"next_transfer_expected":${nanoseconds(nextTransfer - started)},`;
    const all = total === undefined ? '' : `"queue_length":${total.messages},"queue_bytes":${total.bytes},`;
    const contents = messages.map((message) => entryText(message, started));
    return joinTexts([`${JSON.stringify(name)}:{${expected}${all}"queue_contents":`, list(contents), '}']);
  });
  return joinTexts(['{', separated(entries), '}']);
}

function entryText(
  { id, payload, kind, origin, time, payloadBytes }: ReportedMessage,
  started: number,
): Text {
  const sent = `"origin":["Name",${JSON.stringify(origin)}],"time":${nanoseconds(time - started)}`;
  const whole = payloadBytes === undefined ? '' : `"payload_bytes":${payloadBytes},`;
  return joinTexts([`[${idText(id)},{${sent},${whole}"message":`, contentText(payload, kind), '}]']);
}

const nanoseconds = (ms: number): number => Math.round(ms * 1e6);

const list = (items: readonly Text[]): Text => joinTexts(['[', separated(items), ']']);
const separated = (items: readonly Text[]): Text =>
  joinTexts(items.flatMap((item, index) => (index === 0 ? [item] : [',', item])));
