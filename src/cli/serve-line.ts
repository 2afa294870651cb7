import type { SwitchConnection } from './connection.ts';
import type { Line } from './line.ts';
import type { ServingOptions } from './serving.ts';
import { serveOverHttp } from './serving-http.ts';
import { serveOverPush } from './serving-push.ts';

/**
 * Serves a queue over a line until a connection is lost, and rejects then. `connectHttp` makes a further connection of the
 * line's session.
 */
export async function serveLine(
  line: Line,
  options: ServingOptions,
  connectHttp: () => Promise<SwitchConnection>,
): Promise<never> {
  if (line.protocol === 'messagepack') return serveOverPush(options, line.client, connectHttp);
  const answering = await connectHttp();
  try {
    return await serveOverHttp(options, line.connection, answering);
  } finally {
    answering.close();
  }
}
