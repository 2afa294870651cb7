import type { SwitchPushClient } from '../switch/client.ts';
import { type CallOutcome, openPushCaller } from '../switch/client-calls.ts';
import { type MessageId, readSent, readTransferred } from './answers.ts';
import { LONGEST_TIMER_MS, type SwitchConnection } from './connection.ts';
import { request } from './context.ts';
import type { Line } from './line.ts';

/** Calls queues: a reply queue, requests, and the answers to them. */
export interface Caller {
  /** The queue is not created. `timeout` is in s. Over HTTP one call at a time. */
  call(queue: string, body: string | Buffer, timeout: number): Promise<CallOutcome>;
  /** Removes the reply queue. Never rejects: without a connection the queue goes by itself. */
  leave(): Promise<void>;
}

/** Makes a caller with a reply queue of that name, of the line's session. */
export const openCaller = (line: Line, replyQueue: string): Promise<Caller> =>
  line.protocol === 'http'
    ? openHttpCaller(line.connection, replyQueue)
    : openLineCaller(line.client, replyQueue);

async function openLineCaller(client: SwitchPushClient, replyQueue: string): Promise<Caller> {
  const caller = await openPushCaller(client, replyQueue);
  return {
    call: (queue, body, timeout) =>
      caller.call(queue, Buffer.from(body), Math.min(timeout * 1000, LONGEST_TIMER_MS)),
    leave: () => caller.leave().catch(() => {}),
  };
}

/** As xapi's clients do: each answer is transferred, and acked. */
async function openHttpCaller(connection: SwitchConnection, replyQueue: string): Promise<Caller> {
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
