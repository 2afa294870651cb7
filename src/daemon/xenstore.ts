import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Config, resolveXenstoreSocket } from '../config.ts';
import type { Logger } from '../log.ts';
import type { Sockets } from '../sockets.ts';
import type { Connection } from '../xenstore/connection.ts';
import type { EventListener } from '../xenstore/requests.ts';

/** The store that is used: where it is, whose it is, and how to connect to it. */
export interface OpenXenstore {
  readonly type: 'socket' | 'embedded';
  readonly path: string;
  connect(onEvent: EventListener): Promise<Connection>;
}

const EMBEDDED_SOCKET = 'xenstored.sock';

/** Opens the store as `xenstore.mode` says; where none is to be had, one of the daemon's own. */
export async function openXenstore({
  config,
  sockets,
  logger,
}: {
  readonly config: Config;
  readonly sockets: Sockets;
  readonly logger: Logger;
}): Promise<OpenXenstore> {
  // A switch alone does without.
  const { connect } = await import('../xenstore/connection.ts');
  const { mode, requestTimeout, maxPayloadBytes } = config.xenstore;
  const socket = resolveXenstoreSocket(config, process.env);
  const isEmbedded = mode === 'embedded' || (mode === 'auto' && !existsSync(socket));
  const path = isEmbedded ? await openEmbeddedStore(config, sockets) : socket;
  if (isEmbedded && mode === 'auto') {
    logger.warn(`no xenstored at ${socket}: an embedded store stands in, which Xen knows nothing of`);
  }
  return {
    type: isEmbedded ? 'embedded' : 'socket',
    path,
    connect: (onEvent) => connect({ path, requestTimeout, maxPayloadBytes, onEvent }),
  };
}

async function openEmbeddedStore(config: Config, sockets: Sockets): Promise<string> {
  const { createEmbeddedStore } = await import('../xenstore/embedded/store.ts');
  const store = createEmbeddedStore(config.xenstore);
  const path = join(config.sockets.directory, EMBEDDED_SOCKET);
  await sockets.listen(
    path,
    (peer) => store.converse(peer),
    () => '',
  );
  return path;
}
