import type { TestContext } from 'node:test';
import { connectSwitchClient, type Message, type SwitchPushClient } from '../../src/switch/client.ts';
import { WireFault } from '../../src/wire/fault.ts';
import {
  BinaryMessagePackReader,
  type Packable,
  writeBinaryMessagePack,
} from '../../src/wire/messagepack.ts';
import { type Client, connectClient } from '../helpers/client.ts';

/** A client of ours that is logged in, until the test ends. */
export async function loginPush(t: TestContext, path: string, token: string): Promise<SwitchPushClient> {
  const client = await connectSwitchClient({ path });
  t.after(() => client.close());
  await client.login(token);
  return client;
}

export const request = (replyTo: string) => ({ type: 'request', replyTo }) as const;

/** Messages as they are delivered, for tests to wait for. */
export interface Inbox {
  readonly deliver: (message: Message) => void;
  readonly messages: Message[];
  /** Settles when so many have come. */
  count(count: number): Promise<void>;
}

export function inbox(): Inbox {
  const messages: Message[] = [];
  let wake = () => {};
  return {
    messages,
    deliver: (message) => {
      messages.push(message);
      wake();
    },
    count: async (count) => {
      while (messages.length < count) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

export const texts = (messages: readonly Message[]): string[] =>
  messages.map(({ payload }) => payload.toString());

/** A client that sends MessagePack of the test's own. */
export interface RawClient extends Client {
  write(...messages: (readonly Packable[])[]): void;
  /** The next message of the switch's; `undefined` when it has closed. */
  next(): Promise<unknown>;
}

export async function connectRaw(t: TestContext, path: string): Promise<RawClient> {
  const client = await connectClient(t, path);
  const reader = new BinaryMessagePackReader({ maxRequestBytes: 2 ** 26, maxDepth: 8 });
  let closed = false;
  let wake = () => {};
  client.socket.removeAllListeners('data');
  client.socket.on('data', (chunk: Buffer) => {
    reader.push(chunk);
    wake();
  });
  client.socket.on('close', () => {
    closed = true;
    wake();
  });
  client.socket.on('end', () => client.socket.end());
  return {
    ...client,
    write: (...messages) => client.send(Buffer.concat(messages.map(writeBinaryMessagePack))),
    next: async () => {
      for (;;) {
        const message = reader.read();
        if (message instanceof WireFault) throw new Error(message.reason);
        if (message !== undefined || closed) return message;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}
