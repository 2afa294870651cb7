import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Connection } from '../../src/xenstore/connection.ts';
import type { EmbeddedLimits } from '../../src/xenstore/embedded/state.ts';
import { createEmbeddedStore } from '../../src/xenstore/embedded/store.ts';
import type { EventListener } from '../../src/xenstore/requests.ts';
import { listen } from '../socket/helpers.ts';
import { tempDirectory } from './temp.ts';
import { clientsOf, introduce } from './xenstored.ts';

export interface Embedded {
  readonly directory: string;
  readonly socket: string;
  /** Introduces the domain. */
  addDomain(domid: number): Promise<void>;
  connect(onEvent?: EventListener): Promise<Connection>;
}

const LIMITS: EmbeddedLimits = {
  embeddedMaxNodes: 1_000_000,
  embeddedMaxWatches: 1000,
  embeddedMaxTransactions: 10,
  embeddedMaxUnsentBytes: 16 * 1024 * 1024,
};

/** Serves an embedded store on a real socket, at the place where Debian's clients look in a folder. */
export async function startEmbedded(t: TestContext, limits: Partial<EmbeddedLimits> = {}): Promise<Embedded> {
  const directory = tempDirectory(t);
  const path = join(directory, 'socket');
  const store = createEmbeddedStore({ ...LIMITS, ...limits });
  await listen(t, (peer) => store.converse(peer), { path, budget: { open: 0, max: 1000 } });
  const connectClient = clientsOf(t, path);
  return {
    directory,
    socket: path,
    addDomain: (domid) => introduce(connectClient, domid),
    connect: connectClient,
  };
}
