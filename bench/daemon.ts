import { join } from 'node:path';
import { ask } from './load.ts';
import { benchDirectory, type Server, startServer } from './processes.ts';
import type { Store } from './store.ts';

export const DAEMON = join(import.meta.dirname, '../src/main.ts');
const QUEUE = 'org.xen.xapi.datapath';

/** What its unit starts the daemon with: `systemd/datapathd.service`. Node keeps compiled programs in the folder. */
export const unitEnvironment = (folder: string): NodeJS.ProcessEnv => ({
  NODE_OPTIONS: '--max-semi-space-size=16',
  NODE_COMPILE_CACHE: folder,
  MALLOC_MMAP_THRESHOLD_: '131072',
});

export const LS_LINE = '{"method":"Plugin.ls","params":[{"dbg":"bench"}],"id":1}\n';

/** The words that start a daemon in the folder, on the store. */
export const daemonWords = (directory: string, store: Store): string[] => [
  `--sockets.directory=${directory}`,
  `--switch.stateDirectory=${join(directory, 'state')}`,
  '--xenstore.mode=socket',
  `--xenstore.socket=${store.socket}`,
  '--log.level=warn',
];

export const queueSocket = (directory: string): string => join(directory, QUEUE);

/** Starts a daemon, and gives it when it shows all of the store's SRs. */
export async function startDaemon(store: Store): Promise<Server> {
  const directory = benchDirectory();
  const server = await startServer(DAEMON, queueSocket(directory), daemonWords(directory, store));
  // The first answer waits for the first synchronisation.
  const answer: unknown = JSON.parse((await ask(server.path, LS_LINE)).toString());
  const shown = JSON.stringify(Object(answer).result);
  if (shown !== JSON.stringify(store.uuids)) throw new Error('the daemon does not show what is in the store');
  return server;
}
