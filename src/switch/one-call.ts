import {
  type Asked,
  type Delivered,
  readDelivery,
  readNames,
  readSent,
  requestName,
  writeRequest,
} from './client-codec.ts';
import type { SwitchHost } from './host.ts';
import { HttpConnection, type HttpConnectionOptions, shown } from './http-client.ts';
import { FROM_THE_START, type In, type MessageId, type Out } from './protocol.ts';

/** What a call of a queue came to. */
export type CallOutcome =
  | { readonly type: 'answered'; readonly payload: Buffer }
  /** Nobody has ever listened on the queue: nothing was sent. */
  | { readonly type: 'not-alive' }
  /** The request is taken back: it is not in the queue any more. */
  | { readonly type: 'timed-out' };

export interface OneCall {
  readonly queue: string;
  readonly payload: Buffer;
  /** A session of the call's own, which is also the name of its reply queue. */
  readonly token: string;
  /** When it is over, on the clock `now`: ms. */
  readonly until: number;
  readonly now: () => number;
}

/** A client of a switch, wherever that is, for one request after the other. What is refused or lost rejects. */
export interface Caller {
  login(token: string): Promise<void>;
  isAlive(queue: string): Promise<boolean>;
  createTransient(queue: string): Promise<void>;
  /** Gives nothing when the queue is not there. */
  send(queue: string, replyTo: string, payload: Buffer): Promise<MessageId | undefined>;
  /** Waits so many ms for messages with ids above the cursor. */
  transfer(queue: string, from: number, timeout: number): Promise<Fetched>;
  ack(id: MessageId): Promise<void>;
  destroy(queue: string): Promise<void>;
  leave(): void;
}

interface Fetched {
  readonly messages: readonly Delivered[];
  readonly next: number;
}

/**
 * Calls a queue once, if somebody listens there, and leaves nothing behind: neither the reply queue nor a request that
 * nobody has answered. Rejects with the reason when the switch refuses or is lost.
 */
export async function callOnce(caller: Caller, call: OneCall): Promise<CallOutcome> {
  const { queue, token } = call;
  try {
    await caller.login(token);
    if (!(await caller.isAlive(queue))) return { type: 'not-alive' };
    await caller.createTransient(token);
    try {
      return await ask(caller, call);
    } finally {
      // Where that fails, the switch does it itself: the session ends now.
      await caller.destroy(token).catch(() => {});
    }
  } finally {
    caller.leave();
  }
}

async function ask(caller: Caller, { queue, payload, token, until, now }: OneCall): Promise<CallOutcome> {
  if (now() >= until) return { type: 'timed-out' };
  const asked = await caller.send(queue, token, payload);
  if (asked === undefined) return { type: 'not-alive' };
  let from = FROM_THE_START;
  for (;;) {
    const { messages, next } = await caller.transfer(token, from, Math.max(0, until - now()));
    const reply = messages.find(({ kind }) => kind.type === 'response' && kind.to.id === asked.id);
    if (reply !== undefined) return { type: 'answered', payload: reply.payload };
    if (now() >= until) {
      await caller.ack(asked);
      return { type: 'timed-out' };
    }
    from = next;
  }
}

/** A caller on the switch of this process. */
export function callerOn(host: SwitchHost): Caller {
  const client = host.connect();
  const perform = async <Type extends Out['type']>(
    request: In,
    type: Type,
  ): Promise<Extract<Out, { type: Type }>> => {
    const out = await client.perform(request);
    if (isOut(out, type)) return out;
    throw new Error(out.type === 'refused' ? out.reason : `an answer ${out.type}`);
  };
  const done = async (request: In): Promise<void> => {
    await perform(request, 'done');
  };
  return {
    login: (token) => done({ type: 'login', token }),
    isAlive: async (queue) => {
      const { names } = await perform({ type: 'list', prefix: queue, alive: true }, 'names');
      return names.includes(queue);
    },
    createTransient: async (queue) => {
      await perform({ type: 'create', queue, lifetime: 'transient' }, 'created');
    },
    send: async (queue, replyTo, payload) =>
      (await perform({ type: 'send', queue, kind: { type: 'request', replyTo }, payload }, 'sent')).id,
    transfer: (queue, from, timeout) =>
      perform({ type: 'transfer', from, timeout, queues: [queue] }, 'messages'),
    ack: (id) => done({ type: 'ack', id }),
    destroy: (queue) => done({ type: 'destroy', queue }),
    leave: () => client.leave(),
  };
}

const isOut = <Type extends Out['type']>(out: Out, type: Type): out is Extract<Out, { type: Type }> =>
  out.type === type;

export interface ForeignCallerOptions extends Omit<HttpConnectionOptions, 'lost'> {
  /** ms for the answer to a request. */
  readonly timeout: number;
}

/** A caller on a switch in another process, with one connection: nothing of a call goes on beside its transfer. */
export function callerAt({ timeout, ...where }: ForeignCallerOptions): Caller {
  const connection = new HttpConnection({ ...where, lost: () => {} });
  const perform = async <T>(asked: Asked, read: (body: Buffer) => T | undefined, wait = 0): Promise<T> => {
    const request = writeRequest(asked);
    const answered = await connection.ask(request, wait + timeout);
    const value = answered.status === 200 ? read(answered.body) : undefined;
    if (value !== undefined) return value;
    throw new Error(`${requestName(request)} was answered with ${shown(answered)}`);
  };
  const done = async (asked: Asked): Promise<void> => {
    await perform(asked, () => true);
  };
  return {
    login: (token) => done({ type: 'login', token }),
    isAlive: async (queue) =>
      (await perform({ type: 'list', prefix: queue, alive: true }, readNames)).includes(queue),
    createTransient: (queue) => done({ type: 'create', queue, lifetime: 'transient' }),
    send: async (queue, replyTo, payload) => {
      const sent = await perform(
        { type: 'send', queue, kind: { type: 'request', replyTo }, payload },
        readSent,
      );
      return sent === 'gone' ? undefined : sent;
    },
    transfer: (queue, from, wait) => {
      // Tenths of a second are written: not less, or it would be asked again at once.
      const asked = Math.ceil(wait / 100) * 100;
      const read = (body: Buffer): Fetched | undefined => {
        const delivery = readDelivery(body, queue);
        return delivery.type === 'messages' ? delivery : undefined;
      };
      return perform({ type: 'transfer', from, timeout: asked, queues: [queue] }, read, asked);
    },
    ack: (id) => done({ type: 'ack', id }),
    destroy: (queue) => done({ type: 'destroy', queue }),
    leave: () => connection.close(),
  };
}
