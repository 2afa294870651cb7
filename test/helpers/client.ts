import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

/** A plain client of a Unix socket: sends bytes, and gives back what came. */
export interface Client {
  readonly socket: Socket;
  send(bytes: string | Buffer): void;
  /** Shuts down the writing side; what the peer still sends is read. */
  end(): void;
  /** What has come, once it is at least this many bytes. Rejects when the peer closes before. */
  receive(bytes: number): Promise<Buffer>;
  /** The next line, without its line break. */
  receiveLine(): Promise<string>;
  /** All that comes until the peer closes. */
  receiveAll(): Promise<Buffer>;
}

export async function connectClient(t: TestContext, path: string): Promise<Client> {
  const socket = connect({ path, allowHalfOpen: true });
  t.after(() => socket.destroy());
  await once(socket, 'connect');

  // Put together when they are looked at: at each that comes, megabytes would take a busy machine minutes.
  let chunks: Buffer[] = [];
  let bytesHere = 0;
  const received = (): Buffer => {
    const all = Buffer.concat(chunks);
    chunks = [all];
    return all;
  };
  let closed = false;
  let wake = () => {};
  socket.on('data', (chunk) => {
    chunks.push(chunk);
    bytesHere += chunk.length;
    wake();
  });
  for (const event of ['end', 'close', 'error']) {
    socket.on(event, () => {
      closed = true;
      wake();
    });
  }

  const take = async (enough: () => number): Promise<Buffer> => {
    for (;;) {
      const length = enough();
      if (length >= 0) {
        const all = received();
        chunks = [all.subarray(length)];
        bytesHere -= length;
        return all.subarray(0, length);
      }
      if (closed) throw new Error(`the peer closed after ${JSON.stringify(received().toString('latin1'))}`);
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };

  return {
    socket,
    send: (bytes) => socket.write(bytes),
    end: () => socket.end(),
    receive: (bytes) => take(() => (bytesHere >= bytes ? bytes : -1)),
    receiveLine: async () => (await take(() => received().indexOf(0x0a) + 1 || -1)).toString().slice(0, -1),
    receiveAll: () => take(() => (closed ? bytesHere : -1)),
  };
}

/** Sends the bytes, shuts down writing, and gives all that comes back before the close. */
export async function exchange(t: TestContext, path: string, bytes: string | Buffer): Promise<string> {
  const client = await connectClient(t, path);
  client.send(bytes);
  client.end();
  return (await client.receiveAll()).toString();
}
