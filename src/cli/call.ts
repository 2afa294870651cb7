import { CannotConnect, connectToSwitch, type SwitchConnection } from './switch-client.ts';

/** What a call came to. */
export type CallOutcome =
  | { readonly type: 'answered'; readonly answer: Buffer }
  | { readonly type: 'no-such-queue' }
  | { readonly type: 'timed-out' }
  | { readonly type: 'refused'; readonly reason: string }
  | { readonly type: 'cannot-connect'; readonly reason: string };

export interface CallOptions {
  /** The switch's socket. */
  readonly path: string;
  readonly queue: string;
  readonly body: string | Buffer;
  /** Seconds to wait for the answer. */
  readonly timeout: number;
}

/** The switch itself waits for the answer and says when there is none in time; a switch that hangs gets this more. */
const SWITCH_GRACE_MS = 2000;

/**
 * Sends one request through the switch, as xapi's clients do: log in, have a reply queue, send, and fetch the answer.
 * The queue that is called is not created.
 */
export async function call(options: CallOptions): Promise<CallOutcome> {
  try {
    const token = `datapathctl:${process.pid}`;
    const deadline = AbortSignal.timeout(options.timeout * 1000 + SWITCH_GRACE_MS);
    const connection = await connectToSwitch(options.path, token, deadline);
    try {
      return await callOver(connection, token, options);
    } finally {
      connection.close();
    }
  } catch (error) {
    if (error instanceof CannotConnect) return { type: 'cannot-connect', reason: error.message };
    throw error;
  }
}

async function callOver(
  connection: SwitchConnection,
  replyQueue: string,
  { queue, body, timeout }: CallOptions,
): Promise<CallOutcome> {
  const replyName = encodeURIComponent(replyQueue);
  const created = await connection.ask('GET', `/transient/${replyName}`);
  if (created.status !== 200) return refused(created);

  const sent = await connection.ask('POST', `/request/${encodeURIComponent(queue)}/${replyName}`, body);
  if (sent.status !== 200) return refused(sent);
  if (sent.body.toString() === '[]') return { type: 'no-such-queue' };

  const wanted = JSON.stringify({ timeout, queues: [replyQueue] });
  const fetched = await connection.ask('POST', '/transfer', wanted);
  if (fetched.status !== 200) return refused(fetched);
  const message = firstMessage(fetched.body);
  if (message === undefined) return { type: 'timed-out' };

  await connection.ask('GET', `/ack/${replyName}/${message.id}`);
  return { type: 'answered', answer: Buffer.from(message.payload) };
}

const refused = ({ body }: { body: Buffer }): CallOutcome => ({
  type: 'refused',
  reason: body.toString().trim(),
});

/** The first of `{"messages":[[["queue",id],{"payload":"…",…}],…],"next":"…"}`. */
function firstMessage(body: Buffer): { id: number; payload: string } | undefined {
  const answer: unknown = JSON.parse(body.toString());
  const messages = field(answer, 'messages');
  const first: unknown = Array.isArray(messages) ? messages[0] : undefined;
  if (!Array.isArray(first) || !Array.isArray(first[0])) return undefined;
  const id: unknown = first[0][1];
  const payload = field(first[1], 'payload');
  return typeof id === 'number' && typeof payload === 'string' ? { id, payload } : undefined;
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null
    ? Object.getOwnPropertyDescriptor(value, name)?.value
    : undefined;
}
