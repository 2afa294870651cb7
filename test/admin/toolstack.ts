import type { TestContext } from 'node:test';
import { writeJson } from '../../src/wire/json.ts';
import { isStruct, type Struct, type Value } from '../../src/wire/value.ts';
import { readJson } from '../helpers/plugins.ts';
import { connectHttp, type HttpClient } from '../switch/helpers.ts';

/** The toolstack's programs, as the switch sees them: each is two connections of one session. */

export interface Caller {
  /** Sends a request, which nobody has to answer. */
  send(queue: string, method: string, params?: Struct): Promise<void>;
  /** Makes a call and gives its answer as it came. */
  call(queue: string, method: string, params?: Struct): Promise<string>;
}

/** A program that calls others. */
export async function startCaller(t: TestContext, path: string, token: string): Promise<Caller> {
  const [requests, replies] = await connectTwice(t, path, token);
  const replyQueue = await requests.text('GET', `/transient/${encodeURIComponent(token)}`);
  let id = 0;
  let from = '-1';
  const send = async (queue: string, method: string, params: Struct = {}): Promise<void> => {
    await requests.text('GET', `/persistent/${queue}`);
    id += 1;
    const payload = writeJson({ method, params: [params], id });
    await requests.text('POST', `/request/${queue}/${encodeURIComponent(replyQueue)}`, payload);
  };
  return {
    send,
    call: async (queue, method, params) => {
      await send(queue, method, params);
      const { messages, next } = await transfer(replies, replyQueue, from);
      from = next;
      const [message] = messages;
      if (message === undefined) throw new Error(`${method} was not answered`);
      await replies.text('GET', `/ack/${encodeURIComponent(replyQueue)}/${message.id}`);
      return message.payload;
    },
  };
}

/** What a service answers: a result, or an error. */
export type Serving = (method: string) => Value | Promise<Value>;

/** A program that serves a queue, a call after the other; gives what lets it wait for the next one. */
export async function startService(
  t: TestContext,
  path: string,
  token: string,
  queue: string,
  answer: Serving,
): Promise<void> {
  const [requests, calls] = await connectTwice(t, path, token);
  await requests.text('GET', `/persistent/${queue}`);
  const serve = async (): Promise<void> => {
    let from = '-1';
    for (;;) {
      const { messages, next } = await transfer(calls, queue, from);
      from = next;
      for (const { id, payload, replyTo } of messages) {
        const request = readJson(payload);
        const method = isStruct(request) ? String(request.method) : '';
        const body = writeJson({ result: await answer(method), error: null, id: 0 });
        await requests.text('POST', `/response/${encodeURIComponent(replyTo)}/${queue}/${id}`, body);
        await requests.text('GET', `/ack/${queue}/${id}`);
      }
    }
  };
  // It ends with its connection.
  serve().catch(() => {});
  // The first transfer has begun when the queue is alive.
  while (!(await requests.text('GET', `/list/alive/${queue}`)).includes(queue));
}

async function connectTwice(t: TestContext, path: string, token: string): Promise<[HttpClient, HttpClient]> {
  const clients: [HttpClient, HttpClient] = [await connectHttp(t, path), await connectHttp(t, path)];
  for (const client of clients) await client.text('GET', `/login/${encodeURIComponent(token)}`);
  return clients;
}

interface Transferred {
  readonly messages: readonly { readonly id: string; readonly payload: string; readonly replyTo: string }[];
  readonly next: string;
}

async function transfer(client: HttpClient, queue: string, from: string): Promise<Transferred> {
  const body = JSON.stringify({ from, timeout: 60, queues: [queue] });
  const { messages, next } = JSON.parse(await client.text('POST', '/transfer', body));
  return {
    next,
    messages: messages.map(
      ([[, id], { payload, kind }]: [[string, number], { payload: string; kind: string[] }]) => ({
        id: `${id}`,
        payload,
        replyTo: kind[1] ?? '',
      }),
    ),
  };
}
