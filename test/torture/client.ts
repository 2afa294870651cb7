import { Agent, request } from 'node:http';

/** One connection to the switch, with nothing but what its protocol says. */
export interface TortureClient {
  ask(method: 'GET' | 'POST', target: string, body?: string): Promise<{ status: number; body: string }>;
  close(): void;
}

/** Connects and logs in. What is asked rejects when the switch goes away. */
export async function connectTorture(path: string, token: string): Promise<TortureClient> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const client: TortureClient = {
    ask: (method, target, body = '') => {
      const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>();
      const headers = { 'content-length': Buffer.byteLength(body) };
      const sent = request({ agent, socketPath: path, method, path: target, headers }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
        response.on('error', reject);
        // An answer that breaks off is no answer.
        response.on('aborted', () => reject(new Error('the answer broke off')));
      });
      sent.on('error', reject);
      sent.end(body);
      return promise;
    },
    close: () => agent.destroy(),
  };
  await client.ask('GET', `/login/${token}`);
  return client;
}
