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
export type Line =
  | { readonly protocol: 'http'; readonly connection: SwitchConnection }
  | { readonly protocol: 'messagepack'; readonly client: SwitchPushClient };

/**
 * Payloads above this go over HTTP. There the switch is told of their length first, so that it can refuse what is too
 * large; here it would have to close the connection. With its envelope, a payload of this length is always read.
 */
export const LARGEST_PUSHED_BYTES = 32 * 1024;

/** Who speaks HTTP alone refuses the login at once; for one that does not, this is how long it may take: ms. */
const LOGIN_PATIENCE_MS = 1000;

/** What a switch has taken is given, whatever it allows: bytes. */
const LARGEST_MESSAGE_BYTES = 2 ** 30;

/** Connects and logs in; `undefined` when that can't be: then HTTP does it, or tells why not. */
export async function connectPush(
  { path, debug }: ConnectionOptions,
  token: string,
): Promise<SwitchPushClient | undefined> {
  const connected = await connectSwitchClient({ path, maxMessageBytes: LARGEST_MESSAGE_BYTES }).catch(
    () => undefined,
  );
  if (connected === undefined) return undefined;
  const client = watch(connected, debug);
  const timer = setTimeout(() => client.close(NO_ANSWER), LOGIN_PATIENCE_MS);
  try {
    await client.login(token);
    return client;
  } catch {
    client.close();
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}

/** The client, which is closed when the switch does not answer any more. `debug` is told of every request. */
function watch(client: SwitchPushClient, debug: ConnectionOptions['debug']): SwitchPushClient {
  const ask = async <Result>(what: string, asked: Promise<Result>): Promise<Result> => {
    const timer = setTimeout(() => client.close(NO_ANSWER), PATIENCE_MS);
    try {
      const result = await asked;
      debug?.(harmless(`${what}: ${resultText(result)}`));
      return result;
    } catch (error) {
      debug?.(harmless(`${what}: ${error instanceof Error ? error.message : error}`));
      throw error;
    } finally {
      clearTimeout(timer);
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
