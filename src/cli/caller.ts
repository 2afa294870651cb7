import { type MessageId, readSent, readTransferred } from './answers.ts';
import type { SwitchConnection } from './connection.ts';
import { request } from './context.ts';

/** What a call came to. */
export type CallOutcome =
  | { readonly type: 'answered'; readonly answer: Buffer }
  | { readonly type: 'no-such-queue' }
  | { readonly type: 'timed-out' };

/** Calls queues over one connection, as xapi's clients do: a reply queue, a request, and the transfer of its answer. */
export interface Caller {
  /** The queue is not created. `timeout` is in s. One call at a time. */
  call(queue: string, body: string | Buffer, timeout: number): Promise<CallOutcome>;
  /** Removes the reply queue. Never rejects: without a connection the queue goes by itself. */
  leave(): Promise<void>;
}

/** Makes a caller with a reply queue of that name, of the connection's session. */
export async function openCaller(connection: SwitchConnection, replyQueue: string): Promise<Caller> {
  const replyName = encodeURIComponent(replyQueue);
  await request(connection, 'GET', `/transient/${replyName}`);
  let cursor: string | undefined;

  /** The answer to that request, of what comes to the reply queue; older ones, that nobody waits for, are dropped. */
  const receive = async (id: MessageId, deadline: number): Promise<Buffer | undefined> => {
    for (;;) {
      const timeout = Math.max(0, deadline - performance.now()) / 1000;
      const wanted = JSON.stringify({ from: cursor, timeout, queues: [replyQueue] });
      const { messages, next } = readTransferred(
        await request(connection, 'POST', '/transfer', wanted, timeout),
      );
      cursor = messages.length === 0 ? cursor : next;
      for (const message of messages) await request(connection, 'GET', `/ack/${replyName}/${message.id.id}`);
      const answer = messages.find(
        ({ kind }) => kind.type === 'response' && kind.to.queue === id.queue && kind.to.id === id.id,
      );
      if (answer !== undefined) return answer.payload;
      if (performance.now() >= deadline) return undefined;
    }
  };

  return {
    call: async (queue, body, timeout) => {
      const deadline = performance.now() + timeout * 1000;
      const target = `/request/${encodeURIComponent(queue)}/${replyName}`;
      const id = readSent(await request(connection, 'POST', target, body));
      if (id === undefined) return { type: 'no-such-queue' };
      const answer = await receive(id, deadline);
      return answer === undefined ? { type: 'timed-out' } : { type: 'answered', answer };
    },
    leave: async () => {
      await request(connection, 'GET', `/destroy/${replyName}`).catch(() => {});
    },
  };
}
