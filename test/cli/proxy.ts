import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { tempDirectory } from '../helpers/temp.ts';

/**
 * What becomes of a connection that does not begin with an HTTP request: it is passed on; refused, or closed without a
 * word, at the end of its first line; or nothing happens for ever. Who dawdles answers the first connection when there is a
 * second one, and that and all others later.
 */
export type Manner = 'passes' | 'refuses' | 'closes' | 'ignores' | 'dawdles';

export interface Proxy {
  readonly path: string;
  /** How many connections were refused, closed or ignored. */
  readonly strange: () => number;
  /** Closes all connections. */
  cut(): void;
  /** Keeps back the next piece from the switch that matches; settles when it has come, with what lets it go. */
  hold(pattern: RegExp): Promise<() => void>;
}

/** Stands between clients and a switch, until the test ends. */
export async function startProxy(t: TestContext, target: string, manner: Manner): Promise<Proxy> {
  const path = join(tempDirectory(t), 'proxy');
  const sockets = new Set<Socket>();
  let strange = 0;
  let holding: { readonly pattern: RegExp; readonly came: (letGo: () => void) => void } | undefined;
  let connections = 0;
  const [asked, answered] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const toClient = (client: Socket, piece: Buffer): void => {
    answered.resolve();
    const send = (): void => void client.write(piece);
    if (holding?.pattern.test(piece.toString('latin1')) === true) {
      holding.came(send);
      holding = undefined;
    } else {
      send();
    }
  };
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  const server = createServer((client) => {
    sockets.add(client);
    client.on('error', () => {});
    const number = connections++;
    client.once('data', async (first: Buffer) => {
      if (manner === 'dawdles') {
        client.pause();
        if (number > 0) asked.resolve();
        await (number > 0 ? answered : asked).promise;
        sockets.add(passOn(client, first, target, toClient));
        return;
      }
      if (manner === 'passes' || /^[A-Z]+ /.test(first.toString('latin1'))) {
        sockets.add(passOn(client, first, target, toClient));
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
  return {
    path,
    strange: () => strange,
    cut,
    hold: (pattern) => {
      const { promise, resolve: came } = Promise.withResolvers<() => void>();
      holding = { pattern, came };
      return promise;
    },
  };
}

function passOn(
  client: Socket,
  first: Buffer,
  target: string,
  toClient: (client: Socket, piece: Buffer) => void,
): Socket {
  const upstream = connect(target);
  upstream.on('error', () => {});
  upstream.on('close', () => client.destroy());
  client.on('close', () => upstream.destroy());
  upstream.write(first);
  client.pipe(upstream);
  upstream.on('data', (piece: Buffer) => toClient(client, piece));
  return upstream;
}
