import type { Book, Seen } from './book.ts';
import { connectTorture, type TortureClient } from './client.ts';

export interface Worker {
  /** Ends after what is under way. */
  stop(): void;
  readonly ended: Promise<void>;
}

export type Random = () => number;

/** Sends as fast as it is answered, until the switch goes away or it is stopped. */
export function sender(path: string, queue: string, name: string, next: () => number, book: Book): Worker {
  return worker(path, name, async (client) => {
    const payload = `${name}:${next()}`;
    book.unknown(payload);
    const { status, body } = await client.ask('POST', `/request/${queue}/nobody`, payload);
    if (status === NO_ROOM) {
      book.refused(payload);
      return;
    }
    if (status !== 200) throw new Error(`a send was answered with ${status} ${body}`);
    const [[, id] = []] = JSON.parse(body);
    book.accepted({ queue, id, payload });
  });
}

/** Transfers, and acks some of what it gets. */
export function receiver(path: string, queue: string, name: string, random: Random, book: Book): Worker {
  let from = '-1';
  return worker(path, name, async (client) => {
    const messages = await transfer(client, queue, from);
    book.delivered(messages);
    const last = messages.at(-1);
    if (last !== undefined) from = `${last.id}`;
    for (const message of messages) {
      if (random() < 0.3) continue;
      book.ackTried(message);
      const { status } = await client.ask('GET', `/ack/${queue}/${message.id}`);
      if (status === 200) book.acked(message);
    }
  });
}

/** What one transfer gives now. */
export async function transfer(client: TortureClient, queue: string, from: string): Promise<Seen[]> {
  const { body } = await client.ask(
    'POST',
    '/transfer',
    JSON.stringify({ from, timeout: 0.01, queues: [queue] }),
  );
  const { messages }: { messages: [[string, number], { payload: string }][] } = JSON.parse(body);
  return messages.map(([[name, id], { payload }]) => ({ queue: name, id, payload }));
}

function worker(path: string, name: string, work: (client: TortureClient) => Promise<void>): Worker {
  let stopped = false;
  const run = async (): Promise<void> => {
    const client = await connectTorture(path, name);
    try {
      while (!stopped) await work(client);
    } finally {
      client.close();
    }
  };
  return {
    stop: () => {
      stopped = true;
    },
    ended: run().catch((error: NodeJS.ErrnoException) => {
      // The switch was killed: that is what this is about.
      if (!GONE.has(error.code ?? '') && error.message !== 'the answer broke off') throw error;
    }),
  };
}

/** The switch says that it can't keep the message: then nobody may ever see it. */
const NO_ROOM = 503;

const GONE: ReadonlySet<string> = new Set(['ECONNRESET', 'ECONNREFUSED', 'ENOENT', 'EPIPE']);
