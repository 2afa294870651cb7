import { matchesGlob } from '../glob.ts';
import type { MessageId, TraceEvent } from './answers.ts';
import { idText } from './message-json.ts';
import { readCall } from './rpc-text.ts';
import { payloadText } from './text.ts';

/** Patterns, in which `*` stands for any characters. */
export interface Wanted {
  readonly queue: string | undefined;
  readonly method: string | undefined;
}

/** So many messages are remembered whose acks and answers are still to come; the oldest are forgotten. */
const MOST_REMEMBERED = 100_000;

/**
 * Tells of each event, in their order, whether it is wanted: it is of a call to such a queue and of such a method, be it the
 * request, the answer or an ack; or something happens in such a queue.
 */
export function eventFilter({ queue, method }: Wanted): (event: TraceEvent) => boolean {
  if (queue === undefined && method === undefined) return () => true;
  const isQueue = matches(queue);
  const isMethod = matches(method);
  /** The requests of answers. */
  const requests = new Memory<MessageId>();
  /** Requests of the wanted method. */
  const called = new Memory<true>();
  return ({ what, queue: place }) => {
    const request = requestOf(what, requests);
    if (what.type === 'message') {
      if (what.kind.type === 'response') requests.set(idText(what.id), request);
      else if (method !== undefined && isMethod(methodOf(what.payload))) called.set(idText(request), true);
    }
    const inQueue = isQueue(place) || isQueue(request.queue);
    return inQueue && (method === undefined || called.get(idText(request)) === true);
  };
}

function requestOf(what: TraceEvent['what'], requests: Memory<MessageId>): MessageId {
  if (what.type === 'ack') return requests.get(idText(what.id)) ?? what.id;
  return what.kind.type === 'response' ? what.kind.to : what.id;
}

/** The trace cuts payloads: then the JSON has no end, and its method is looked for. */
const METHOD = /"method"\s*:\s*"([^"\\]*)"/;

const methodOf = (payload: Buffer): string =>
  readCall(payload)?.method ?? METHOD.exec(payloadText(payload))?.[1] ?? '';

const matches = (pattern: string | undefined): ((text: string) => boolean) => matchesGlob(pattern ?? '*');

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
