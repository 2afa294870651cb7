import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { tempDirectory } from '../helpers/temp.ts';

/**
 * What becomes of a connection that does not begin with an HTTP request: it is passed on; refused, or closed without a
 * word, at the end of its first line; or nothing happens for ever.
 */
export type Manner = 'passes' | 'refuses' | 'closes' | 'ignores';

export interface Proxy {
  readonly path: string;
  /** How many connections were refused, closed or ignored. */
  readonly strange: () => number;
  /** Closes all connections. */
  cut(): void;
}

/** Stands between clients and a switch, until the test ends. */
export async function startProxy(t: TestContext, target: string, manner: Manner): Promise<Proxy> {
  const path = join(tempDirectory(t), 'proxy');
  const sockets = new Set<Socket>();
  let strange = 0;
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  const server = createServer((client) => {
    sockets.add(client);
    client.on('error', () => {});
    client.once('data', (first: Buffer) => {
      if (manner === 'passes' || /^[A-Z]+ /.test(first.toString('latin1'))) {
        sockets.add(passOn(client, first, target));
        return;
      }
      if (manner !== 'ignores' && !first.includes('\n')) return;
      strange += 1;
      if (manner === 'ignores') return;
      client.end(manner === 'refuses' ? 'HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n' : '');
    });
  }).listen(path);
  await once(server, 'listening');
  t.after(() => {
    server.close();
    cut();
  });
  return { path, strange: () => strange, cut };
}

function passOn(client: Socket, first: Buffer, target: string): Socket {
  const upstream = connect(target);
  upstream.on('error', () => {});
  upstream.on('close', () => client.destroy());
  client.on('close', () => upstream.destroy());
  upstream.write(first);
  client.pipe(upstream).pipe(client);
  return upstream;
}
