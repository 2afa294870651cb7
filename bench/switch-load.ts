import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connectSwitchClient } from '../src/switch/client.ts';
import { openPushCaller, servePush } from '../src/switch/client-calls.ts';
import type { Measured } from './load.ts';
import type { Server } from './processes.ts';

/** RPC through a switch: so many calls, so many of them at the same time. Payloads are of a size that xapi's calls have. */
export interface SwitchLoad {
  readonly calls: number;
  readonly inFlight: number;
}

const PAYLOAD = Buffer.from('{"method":"Plugin.ls","params":[{"dbg":"bench"}],"id":1}');

/** Over MessagePack: a client and a service with a connection each. */
export async function runPush(server: Server, load: SwitchLoad): Promise<Measured> {
  const { path } = server;
  const [client, service] = [await connectSwitchClient({ path }), await connectSwitchClient({ path })];
  const name = randomUUID();
  await service.login(`service-${name}`);
  await servePush(service, {
    queue: name,
    concurrency: load.inFlight,
    answer: ({ payload }) => payload,
    refused: (_, reason) => {
      throw new Error(reason);
    },
  });
  await client.login(`client-${name}`);
  const caller = await openPushCaller(client, `reply-${name}`);
  const measured = await measure(server, load, async () => {
    const outcome = await caller.call(name, PAYLOAD, CALL_TIMEOUT_MS);
    if (outcome.type !== 'answered') throw new Error(`a call over MessagePack: ${outcome.type}`);
  });
  await caller.leave();
  await service.destroy(name);
  client.close();
  service.close();
  return measured;
}

const CALL_TIMEOUT_MS = 60_000;

/** Over HTTP: as many clients as calls are in flight, each as xapi's clients do it, and services of theirs. */
export async function runHttp(server: Server, load: SwitchLoad): Promise<Measured> {
  const pairs = await Promise.all(Array.from({ length: load.inFlight }, () => openPair(server.path)));
  const idle = [...pairs];
  const measured = await measure(server, load, async () => {
    const pair = idle.pop();
    if (pair === undefined) throw new Error('more calls are in flight than there are clients');
    await pair.call();
    idle.push(pair);
  });
  await Promise.all(pairs.map(({ close }) => close()));
  return measured;
}

async function measure(server: Server, load: SwitchLoad, call: () => Promise<void>): Promise<Measured> {
  let left = load.calls;
  const caller = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await call();
    }
  };
  const cpuBefore = server.cpuSeconds();
  const begun = performance.now();
  await Promise.all(Array.from({ length: load.inFlight }, caller));
  const seconds = (performance.now() - begun) / 1000;
  const cpu = server.cpuSeconds() - cpuBefore;
  return { cpuMicroseconds: (cpu / load.calls) * 1e6, wallRate: load.calls / seconds };
}

interface Pair {
  /** One call: four round trips of the client's, three of the service's. */
  call(): Promise<void>;
  close(): Promise<void>;
}

async function openPair(path: string): Promise<Pair> {
  const name = randomUUID();
  const [requests, replies] = await openSession(path, `client-${name}`);
  const [answers, transfers] = await openSession(path, `service-${name}`);
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

async function openSession(path: string, token: string): Promise<[Connection, Connection]> {
  const connections: [Connection, Connection] = [await open(path), await open(path)];
  for (const connection of connections) await connection.ask('GET', `/login/${token}`);
  return connections;
}

interface Connection {
  readonly socket: Socket;
  /** One request at a time. Gives the body of the answer. */
  ask(method: string, target: string, body?: string): Promise<string>;
}

async function open(path: string): Promise<Connection> {
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
