import { randomUUID } from 'node:crypto';
import { connectSwitchClient } from '../src/switch/client.ts';
import { openPushCaller, servePush } from '../src/switch/client-calls.ts';
import { inFlight, type Measured } from './load.ts';
import type { Server } from './processes.ts';
import { openPair, openSession, PAYLOAD } from './switch-http.ts';

/** RPC through a switch: so many calls, so many of them at the same time. */
export interface SwitchLoad {
  readonly calls: number;
  readonly inFlight: number;
}

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
  const cpuBefore = server.cpuSeconds();
  const begun = performance.now();
  await inFlight(load.calls, load.inFlight, call);
  const seconds = (performance.now() - begun) / 1000;
  const cpu = server.cpuSeconds() - cpuBefore;
  return { cpuMicroseconds: (cpu / load.calls) * 1e6, wallRate: load.calls / seconds };
}

/** Senders over HTTP that each put the next request in one queue when the last is accepted; nobody takes them out. */
export async function runSenders(server: Server, senders: number, requests: number): Promise<Measured> {
  const name = randomUUID();
  const [first, ...others] = await openSession(server.path, `senders-${name}`, senders);
  if (first === undefined) throw new Error('no sender');
  await first.ask('GET', `/persistent/${name}`);
  const idle = [first, ...others];
  const measured = await measure(server, { calls: requests, inFlight: senders }, async () => {
    const sender = idle.pop();
    if (sender === undefined) throw new Error('more requests are in flight than there are senders');
    await sender.ask('POST', `/request/${name}/reply-${name}`, PAYLOAD.toString());
    idle.push(sender);
  });
  await first.ask('GET', `/destroy/${name}`);
  for (const { socket } of idle) socket.destroy();
  return measured;
}

const FILLING = 256;

/** Puts messages in a queue, which stay there. */
export async function fillQueue(
  { path }: Server,
  queue: string,
  messages: number,
  bytes: number,
): Promise<void> {
  const client = await connectSwitchClient({ path });
  await client.login('filler');
  await client.create(queue, 'persistent');
  const payload = Buffer.alloc(bytes, 'x');
  const kind = { type: 'request', replyTo: `reply-${queue}` } as const;
  await inFlight(messages, FILLING, () => client.publish(queue, kind, payload));
  client.close();
}
