import { Agent, request as httpRequest, type RequestOptions } from 'node:http';

/** The switch can't be reached, or answered in a way that no switch does. The message is a line for a person. */
export class CannotConnect extends Error {}

/** One connection to a message switch over HTTP, logged in under a token of its own. */
export interface SwitchConnection {
  /** Makes the request and gives its status and body. Rejects with `CannotConnect`. */
  ask(
    method: 'GET' | 'POST',
    target: string,
    body?: string | Buffer,
  ): Promise<{ status: number; body: Buffer }>;
  close(): void;
}

/** Connects to the switch's socket and logs in. When the signal aborts, what is asked rejects. */
export async function connectToSwitch(
  path: string,
  token: string,
  signal: AbortSignal,
): Promise<SwitchConnection> {
  // The session belongs to the connection, so every request has to go over this one.
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const connection: SwitchConnection = {
    ask: (method, target, body = '') => ask({ agent, socketPath: path, method, path: target, signal }, body),
    close: () => agent.destroy(),
  };
  await connection.ask('GET', `/login/${encodeURIComponent(token)}`);
  return connection;
}

function ask(
  options: RequestOptions & { readonly socketPath: string },
  body: string | Buffer,
): Promise<{ status: number; body: Buffer }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: Buffer }>();
  const failed = (error: Error) => {
    const reason = error.name === 'AbortError' ? 'it does not answer' : error.message;
    reject(new CannotConnect(`cannot reach a switch at ${options.socketPath}: ${reason}`));
  };
  const headers = { 'content-length': Buffer.byteLength(body) };
  const request = httpRequest({ ...options, headers }, (response) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }));
    response.on('error', failed);
  });
  request.on('error', failed);
  request.end(body);
  return promise;
}
