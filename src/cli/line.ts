import { setTimeout as pause } from 'node:timers/promises';
import { setDeadline } from '../deadline.ts';
import { connectSwitchClient, SwitchLost, type SwitchPushClient, SwitchRefused } from '../switch/client.ts';
import {
  type ConnectionOptions,
  NO_ANSWER,
  PATIENCE_MS,
  type SwitchConnection,
  switchLost,
} from './connection.ts';
import { Failure } from './exit.ts';
import { harmless } from './text.ts';

/**
 * A line to a switch, in the protocol that it speaks: ours speaks MessagePack, in which it gives messages by itself, and
 * HTTP; xapi's speaks HTTP alone.
 */
export type Line = HttpLine | { readonly protocol: 'messagepack'; readonly client: SwitchPushClient };

export interface HttpLine {
  readonly protocol: 'http';
  readonly connection: SwitchConnection;
}

/**
 * Payloads above this go over HTTP. There the switch is told of their length first, so that it can refuse what is too
 * large; here it would have to close the connection. With its envelope, a payload of this length is always read.
 */
export const LARGEST_PUSHED_BYTES = 32 * 1024;

/** Who speaks HTTP alone refuses the login at once; who has not answered after this is asked over HTTP as well: ms. */
const LOGIN_PATIENCE_MS = 1000;

/** What a switch has taken is given, whatever it allows: bytes. */
const LARGEST_MESSAGE_BYTES = 2 ** 30;

/**
 * Connects and logs in over MessagePack, or else as `overHttp` does, which tells why not. A switch that is silent may be
 * busy or speak HTTP alone: it is asked in both, and what it answers first is spoken.
 */
export async function connectEither(
  { path, debug }: ConnectionOptions,
  token: string,
  overHttp: () => Promise<HttpLine>,
): Promise<Line> {
  const connected = await connectSwitchClient({ path, maxMessageBytes: LARGEST_MESSAGE_BYTES }).catch(
    () => undefined,
  );
  if (connected === undefined) return overHttp();
  const client = watch(connected, debug);
  const pushed = client.login(token).then(
    (): Line => ({ protocol: 'messagepack', client }),
    () => undefined,
  );
  const waited = new AbortController();
  const patience = pause(LOGIN_PATIENCE_MS, undefined, { signal: waited.signal }).catch(() => {});
  const early = await Promise.race([pushed, patience]);
  waited.abort();
  if (early !== undefined) return early;
  const asked = overHttp();
  try {
    const line = await Promise.race([asked, pushed.then((late) => late ?? asked)]);
    if (line.protocol === 'http') client.close();
    else asked.then(({ connection }) => connection.close()).catch(() => {});
    return line;
  } catch (error) {
    client.close();
    throw error;
  }
}

/** The client, which is closed when the switch does not answer any more. `debug` is told of every request. */
function watch(client: SwitchPushClient, debug: ConnectionOptions['debug']): SwitchPushClient {
  const ask = async <Result>(what: string, asked: Promise<Result>): Promise<Result> => {
    const deadline = setDeadline(() => client.close(NO_ANSWER), PATIENCE_MS);
    try {
      const result = await asked;
      debug?.(harmless(`${what}: ${resultText(result)}`));
      return result;
    } catch (error) {
      debug?.(harmless(`${what}: ${error instanceof Error ? error.message : error}`));
      throw error;
    } finally {
      deadline.clear();
    }
  };
  return {
    login: (token) => ask(`switch.login ${token}`, client.login(token)),
    create: (queue, lifetime) => ask(`switch.create ${queue} ${lifetime}`, client.create(queue, lifetime)),
    destroy: (queue) => ask(`switch.destroy ${queue}`, client.destroy(queue)),
    publish: (queue, kind, payload) =>
      ask(`switch.publish ${queue} ${kind.type}`, client.publish(queue, kind, payload)),
    subscribe: (queues, options, deliver) =>
      ask(`switch.subscribe ${queues.join(' ')}`, client.subscribe(queues, options, deliver)),
    ack: (id) => ask(`switch.ack ${id.queue} ${id.id}`, client.ack(id)),
    list: (prefix, alive) => ask(`switch.list ${prefix}`, client.list(prefix, alive)),
    lost: client.lost,
    close: (reason) => client.close(reason),
  };
}

function resultText(result: unknown): string {
  if (typeof result === 'number') return `${result}`;
  return Array.isArray(result) ? `${result.length} names` : 'nil';
}

export const refused = (reason: string): string => `the switch refused: ${reason}`;

/**
 * Runs a command's work over lines to the switch at that path, which are closed when it is done, those too that it adds.
 * Rejects with a `Failure`.
 */
export async function useLines<Result>(
  lines: readonly Line[],
  path: string,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof SwitchLost) throw switchLost(path, error.message);
    if (error instanceof SwitchRefused) throw new Failure('failed', refused(error.message));
    throw error;
  } finally {
    for (const line of lines) {
      if (line.protocol === 'http') line.connection.close();
      else line.client.close();
    }
  }
}
