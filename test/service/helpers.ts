import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';

/** Prints `listening`, and then each datagram as a line of JSON with the pid that the kernel says it is from. */
const RECEIVER = `
import json, socket, struct, sys
address = sys.argv[1]
receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
receiver.bind('\\0' + address[1:] if address.startswith('@') else address)
print('listening', flush=True)
while True:
    data, control, flags, sender = receiver.recvmsg(65536, socket.CMSG_SPACE(12))
    pid = struct.unpack('iII', control[0][2])[0]
    print(json.dumps({'text': data.decode('latin-1'), 'pid': pid}), flush=True)
`;

export interface Datagram {
  /** A character a byte. */
  readonly text: string;
  /** Who sent it. */
  readonly pid: number;
}

/** A socket that takes datagrams, as a service manager or a journal has one. */
export interface Receiver {
  /** All that came, in order. */
  readonly seen: readonly Datagram[];
  /** The first that has this in it, of those that came, but for the first `from`, and those to come. */
  received(part: string, from?: number): Promise<Datagram>;
}

/** Receives at a path, or at an abstract address if it begins with `@`, until the test ends. */
export async function startReceiver(t: TestContext, address: string): Promise<Receiver> {
  const child = spawn('python3', ['-c', RECEIVER, address], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout });
  await once(lines, 'line');
  const seen: Datagram[] = [];
  const news = new EventEmitter();
  lines.on('line', (line) => {
    seen.push(JSON.parse(line));
    news.emit('news');
  });
  return {
    seen,
    received: async (part, from = 0) => {
      for (;;) {
        const found = seen.slice(from).find(({ text }) => text.includes(part));
        if (found !== undefined) return found;
        await once(news, 'news');
      }
    },
  };
}
