import type { TestContext } from 'node:test';
import { Broker } from '../../src/switch/broker.ts';
import { createSwitchFront, type SwitchFrontLimits } from '../../src/switch/front.ts';
import { type HostOptions, SwitchHost } from '../../src/switch/host.ts';
import type { BrokerLimits } from '../../src/switch/limits.ts';
import type { Operation } from '../../src/switch/protocol.ts';
import type { Conversation, Peer, PeerIdentity } from '../../src/wire/conversation.ts';
import { type Client, connectClient } from '../helpers/client.ts';
import { listen } from '../socket/helpers.ts';

/** Limits that no test reaches unless it sets them. */
export const LIMITS: BrokerLimits = {
  maxNameBytes: 1024,
  maxMessageBytes: 4 * 1024 * 1024,
  maxQueues: 1000,
  maxSessions: 1000,
  maxQueueMessages: 10_000,
  maxQueueBytes: 64 * 1024 * 1024,
  maxTransferQueues: 100,
  maxTransferBytes: 16 * 1024 * 1024,
  maxWaitingTransfers: 10_000,
  traceEntries: 100,
  traceBytes: 1024 * 1024,
  tracePayloadBytes: 1024,
  // Sessions end with their last connection, unless a test waits for them.
  reconnectGrace: 0,
  sessionGrace: 0,
  noListener: [],
  messageTtl: [],
  deadLetter: '',
  maxDeadLetters: 100,
  allowShutdown: true,
};

const HOUR_MS = 3_600_000;

/** A switch on a real socket. */
export interface TestSwitch {
  readonly path: string;
  readonly host: SwitchHost;
  readonly broker: Broker;
  /** What was applied, in order. */
  readonly operations: readonly Operation[];
  /** What was not carried out, with its reason. */
  readonly refusals: readonly string[];
  /** How often somebody asked it to end. */
  readonly shutdowns: () => number;
  /** Settles when the switch has seen that many connections close since it started. */
  closed(count: number): Promise<void>;
}

export async function startSwitch(
  t: TestContext,
  overrides: Partial<BrokerLimits & SwitchFrontLimits> = {},
  { policy, identity }: { policy?: HostOptions['policy']; identity?: PeerIdentity } = {},
): Promise<TestSwitch> {
  const limits = { ...LIMITS, ...overrides };
  const now = (): number => performance.timeOrigin + performance.now();
  const broker = new Broker(limits, now());
  const operations: Operation[] = [];
  const refusals: string[] = [];
  let shutdowns = 0;
  let closes = 0;
  let wake = () => {};
  const host = new SwitchHost({
    broker,
    now,
    commit: (committed, settle) => {
      operations.push(...committed);
      settle(undefined);
    },
    shutdown: () => {
      shutdowns += 1;
    },
    ...(policy === undefined ? {} : { policy }),
  });
  const frontLimits = {
    maxHeaderBytes: 16 * 1024,
    maxTransferTimeout: HOUR_MS,
    maxCredit: 1000,
    slowReaderTimeout: HOUR_MS,
    ...limits,
  };
  const front = createSwitchFront(host, frontLimits, (reason) => refusals.push(reason));
  const start = (peer: Peer): Conversation => {
    const conversation = front(peer);
    const closed = conversation.closed.bind(conversation);
    return Object.assign(conversation, {
      closed: () => {
        closed();
        closes += 1;
        wake();
      },
    });
  };
  const { path } = await listen(t, start, { identify: () => identity });
  return {
    path,
    host,
    broker,
    operations,
    refusals,
    shutdowns: () => shutdowns,
    closed: async (count) => {
      while (closes < count) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
  /** In lower case, without the line breaks. */
  readonly head: string;
}

/** A client that speaks HTTP on one connection, with just as many bytes as a test says. */
export interface HttpClient extends Client {
  /** Sends a request and gives its answer. */
  ask(method: string, target: string, body?: string | Buffer): Promise<Answer>;
  /** Asks, and gives the body of a 200 as text. */
  text(method: string, target: string, body?: string | Buffer): Promise<string>;
  /** The next answer. */
  answer(): Promise<Answer>;
}

export async function connectHttp(t: TestContext, path: string): Promise<HttpClient> {
  const client = await connectClient(t, path);
  const answer = async (): Promise<Answer> => {
    const lines: string[] = [];
    for (;;) {
      const line = (await client.receiveLine()).replace('\r', '').toLowerCase();
      if (line === '') break;
      lines.push(line);
    }
    const head = lines.join('\n');
    const status = Number(/^http\/1\.1 ([0-9]{3}) /.exec(head)?.[1]);
    const length = Number(/^content-length: ([0-9]+)$/m.exec(head)?.[1]);
    return { status, head, body: await client.receive(length) };
  };
  const ask = (method: string, target: string, body: string | Buffer = ''): Promise<Answer> => {
    client.send(request(method, target, body));
    return answer();
  };
  return {
    ...client,
    answer,
    ask,
    text: async (method, target, body) => {
      const { status, body: came } = await ask(method, target, body);
      if (status !== 200) throw new Error(`${method} ${target}: ${status} ${came}`);
      return came.toString();
    },
  };
}

/** A connection that is logged in. */
export async function login(t: TestContext, path: string, token: string): Promise<HttpClient> {
  const client = await connectHttp(t, path);
  await client.text('GET', `/login/${token}`);
  return client;
}

/** A request as xapi's clients write it: without Host. */
export function request(method: string, target: string, body: string | Buffer = ''): Buffer {
  const head = `${method} ${target} HTTP/1.1\r\nuser-agent: cohttp\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: keep-alive\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), Buffer.from(body)]);
}
