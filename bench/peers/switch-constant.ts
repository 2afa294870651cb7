import { createServer, type Socket } from 'node:net';

/**
 * A bare server for whole RPCs as xapi's clients do them: a constant for every request, and for a transfer when the
 * message has arrived. Who belongs together is told by the login, `client-NAME` and `service-NAME`.
 */
const [path = ''] = process.argv.slice(2);

const PAYLOAD = JSON.stringify('{"method":"Plugin.ls","params":[{"dbg":"bench"}],"id":1}');

const answer = (body: string): string =>
  `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\nConnection: keep-alive\r\n\r\n${body}`;

/** One session: what its transfers are answered with, and who waits for that. */
interface Side {
  readonly transferred: string;
  waiting: Socket | undefined;
  arrived: number;
}

interface Pair {
  readonly sent: string;
  readonly client: Side;
  readonly service: Side;
}

const DONE = answer('');
const pairs = new Map<string, Pair>();

function newPair(name: string): Pair {
  const id = 1764112880000000;
  const side = (queue: string, kind: string): Side => ({
    transferred: answer(
      `{"messages":[[["${queue}",${id}],{"payload":${PAYLOAD},"kind":${kind}}]],"next":"${id}"}`,
    ),
    waiting: undefined,
    arrived: 0,
  });
  return {
    sent: answer(`[["${name}",${id}]]`),
    client: side(`reply-${name}`, `["Response",["${name}",${id}]]`),
    service: side(name, `["Request","reply-${name}"]`),
  };
}

function arrive(side: Side): void {
  const { waiting } = side;
  if (waiting === undefined) side.arrived += 1;
  else waiting.write(side.transferred);
  side.waiting = undefined;
}

const LOGIN = /^GET \/login\/(client|service)-([^ ]+) /;

createServer((socket) => {
  let pair = newPair('');
  let own = pair.client;
  socket.on('data', (chunk) => {
    const request = chunk.toString('latin1');
    if (request.startsWith('POST /transfer')) {
      if (own.arrived > 0) {
        own.arrived -= 1;
        socket.write(own.transferred);
      } else own.waiting = socket;
    } else if (request.startsWith('POST /request')) {
      socket.write(pair.sent);
      arrive(pair.service);
    } else if (request.startsWith('POST /response')) {
      socket.write(pair.sent);
      arrive(pair.client);
    } else {
      const [, role, name = ''] = LOGIN.exec(request) ?? [];
      if (role !== undefined) {
        pair = pairs.get(name) ?? newPair(name);
        pairs.set(name, pair);
        own = role === 'client' ? pair.client : pair.service;
      }
      socket.write(DONE);
    }
  });
  socket.on('error', () => socket.destroy());
}).listen(path);
