import { matchesGlob } from '../glob.ts';
import { isStruct } from '../wire/value.ts';
import type { MessageId, TraceEvent } from './answers.ts';
import { idText } from './message-json.ts';
import { type CallText, readCall } from './rpc-text.ts';
import { payloadText } from './text.ts';

/** Patterns, in which `*` stands for any characters. */
export interface Wanted {
  readonly queue?: string | undefined;
  readonly method?: string | undefined;
  readonly sr?: string | undefined;
  readonly vm?: string | undefined;
}

/** So many messages are remembered whose acks and answers are still to come; the oldest are forgotten. */
const MOST_REMEMBERED = 100_000;

/**
 * Tells of each event, in their order, whether it is wanted: it is of a call to such a queue, of such a method and about such
 * an SR and VM, be it the request, the answer or an ack; or something happens in such a queue.
 */
export function eventFilter({ queue, ...aspects }: Wanted): (event: TraceEvent) => boolean {
  const isCall = callTest(aspects);
  const isQueue = matchesGlob(queue ?? '*');
  /** The requests of answers. */
  const requests = new Memory<MessageId>();
  /** Wanted requests. */
  const called = new Memory<true>();
  return ({ what, queue: place }) => {
    const request = requestOf(what, requests);
    if (what.type === 'message') {
      if (what.kind.type === 'response') requests.set(idText(what.id), request);
      else if (isCall?.(what.payload)) called.set(idText(request), true);
    }
    const inQueue = isQueue(place) || isQueue(request.queue);
    return inQueue && (isCall === undefined || called.get(idText(request)) === true);
  };
}

/** Tells of a request whether it is wanted for what it says. Nothing when all are. */
function callTest({ method, sr, vm }: Omit<Wanted, 'queue'>): ((payload: Buffer) => boolean) | undefined {
  const tests = [
    ...(method === undefined ? [] : [about(method, methodOf)]),
    ...(sr === undefined ? [] : [about(sr, (call) => paramOf(call, 'sr'))]),
    ...(vm === undefined ? [] : [about(vm, (call) => paramOf(call, 'vm') ?? paramOf(call, 'domain'))]),
  ];
  if (tests.length === 0) return undefined;
  return (payload) => {
    const call = { read: readCall(payload), text: payloadText(payload) };
    return tests.every((test) => test(call));
  };
}

/** A request, as far as it can be read: the trace cuts payloads, and then the JSON has no end. */
interface RequestText {
  readonly read: CallText | undefined;
  readonly text: string;
}

function about(pattern: string, aspect: (call: RequestText) => string | undefined) {
  const isWanted = matchesGlob(pattern);
  return (call: RequestText): boolean => {
    const value = aspect(call);
    return value !== undefined && isWanted(value);
  };
}

const methodOf = ({ read, text }: RequestText): string | undefined => read?.method ?? fieldIn(text, 'method');

/** The value of a parameter; calls have theirs by name, in the first of their params. */
function paramOf({ read, text }: RequestText, name: string): string | undefined {
  if (read === undefined) return fieldIn(text, name);
  const [params] = read.params;
  const value = isStruct(params) ? params[name] : undefined;
  return typeof value === 'string' || typeof value === 'number' ? `${value}` : undefined;
}

const fieldIn = (text: string, name: string): string | undefined =>
  new RegExp(`"${name}"\\s*:\\s*"([^"\\\\]*)"`).exec(text)?.[1];

function requestOf(what: TraceEvent['what'], requests: Memory<MessageId>): MessageId {
  if (what.type === 'ack') return requests.get(idText(what.id)) ?? what.id;
  return what.kind.type === 'response' ? what.kind.to : what.id;
}

/** A map that forgets what was set first. */
class Memory<Value> {
  readonly #values = new Map<string, Value>();

  get(key: string): Value | undefined {
    return this.#values.get(key);
  }

  set(key: string, value: Value): void {
    this.#values.set(key, value);
    if (this.#values.size <= MOST_REMEMBERED) return;
    const [oldest = ''] = this.#values.keys();
    this.#values.delete(oldest);
  }
}
