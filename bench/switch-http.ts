import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** What a call sends and is answered with: of a size that xapi's calls have. */
export const PAYLOAD = Buffer.from('{"method":"Plugin.ls","params":[{"dbg":"bench"}],"id":1}');

/** A client of a switch and a service, each a session with two connections. */
export interface Pair {
  /** One call: four round trips of the client's, three of the service's. */
  call(): Promise<void>;
  close(): Promise<void>;
}

export async function openPair(path: string): Promise<Pair> {
  const name = randomUUID();
  const [requests, replies] = await openTwo(path, `client-${name}`);
  const [answers, transfers] = await openTwo(path, `service-${name}`);
  await answers.ask('GET', `/persistent/${name}`);
  await requests.ask('GET', `/transient/reply-${name}`);
  let closing = false;

  const serve = async (): Promise<void> => {
    let from = '-1';
    while (!closing) {
      const { messages, next } = await transfer(transfers, name, from);
      from = next;
      for (const [[queue, id], { payload, kind }] of messages) {
        await answers.ask('POST', `/response/${kind[1]}/${queue}/${id}`, payload);
        await answers.ask('GET', `/ack/${queue}/${id}`);
      }
    }
  };
  const served = serve();

  let from = '-1';
  return {
    call: async () => {
      await requests.ask('GET', `/persistent/${name}`);
      await requests.ask('POST', `/request/${name}/reply-${name}`, PAYLOAD.toString());
      const { messages, next } = await transfer(replies, `reply-${name}`, from);
      from = next;
      for (const [[queue, id]] of messages) await replies.ask('GET', `/ack/${queue}/${id}`);
    },
    close: async () => {
      closing = true;
      await requests.ask('POST', `/request/${name}/reply-${name}`, PAYLOAD.toString());
      await served;
      await requests.ask('GET', `/destroy/${name}`);
      for (const { socket } of [requests, replies, answers, transfers]) socket.destroy();
    },
  };
}

interface Transferred {
  readonly messages: readonly (readonly [
    id: readonly [queue: string, id: number],
    content: { readonly payload: string; readonly kind: readonly [string, string] },
  ])[];
  readonly next: string;
}

const transfer = async (connection: Connection, queue: string, from: string): Promise<Transferred> =>
  JSON.parse(
    await connection.ask('POST', '/transfer', JSON.stringify({ from, timeout: 30, queues: [queue] })),
  );

/** What a client and a service each have. */
async function openTwo(path: string, token: string): Promise<[Connection, Connection]> {
  const connections: [Connection, Connection] = [await open(path), await open(path)];
  for (const connection of connections) await connection.ask('GET', `/login/${token}`);
  return connections;
}

/** Connections that share a session. */
export async function openSession(path: string, token: string, count: number): Promise<Connection[]> {
  const connections = await Promise.all(Array.from({ length: count }, () => open(path)));
  for (const connection of connections) await connection.ask('GET', `/login/${token}`);
  return connections;
}

export interface Connection {
  readonly socket: Socket;
  /** One request at a time. Gives the body of the answer. */
  ask(method: string, target: string, body?: string): Promise<string>;
}

export async function open(path: string): Promise<Connection> {
  const socket = connect(path);
  await once(socket, 'connect');
  let received = '';
  let settle: (body: string) => void = () => {};
  socket.setEncoding('latin1');
  socket.on('data', (text: string) => {
    received += text;
    const headEnd = received.indexOf('\r\n\r\n');
    if (headEnd < 0) return;
    const length = Number(/content-length: ([0-9]+)/i.exec(received)?.[1]);
    if (received.length < headEnd + 4 + length) return;
    if (!received.startsWith('HTTP/1.1 200')) throw new Error(`the switch answered ${received}`);
    const body = received.slice(headEnd + 4);
    received = '';
    settle(body);
  });
  return {
    socket,
    ask: (method, target, body = '') => {
      const answered = new Promise<string>((resolve) => {
        settle = resolve;
      });
      socket.write(
        `${method} ${target} HTTP/1.1\r\nuser-agent: cohttp\r\ncontent-length: ${body.length}\r\nconnection: keep-alive\r\n\r\n${body}`,
      );
      return answered;
    },
  };
}
