import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type Connection, connect } from '../src/xenstore/connection.ts';
import { benchDirectory, endWithUs, stopProgram } from './processes.ts';

/** A real oxenstored without Xen below it, with SRs in it. */
export interface Store {
  readonly socket: string;
  readonly client: Connection;
  readonly uuids: readonly string[];
  stop(): Promise<void>;
}

export const SR_PATH = 'xapi/storage/sr';
export const SR_ROOT = `/local/domain/0/${SR_PATH}`;
export const STORE_LIMITS = { requestTimeout: 20_000, maxPayloadBytes: 16 * 1024 * 1024 };

const RUN = join(import.meta.dirname, '../test/xenstored/run-xenstored');
const PLUGIN = 'org.xen.xapi.storage.mine';
const RETRY_MS = 5;

/** Starts oxenstored, rather than the C xenstored, which takes minutes to be given 10,000 SRs. */
export async function startStore(srs: number): Promise<Store> {
  const directory = benchDirectory();
  const child = spawn(RUN, ['--daemon', 'ocaml', directory], { stdio: ['ignore', 'ignore', 'inherit'] });
  endWithUs(child);
  const socket = join(directory, 'socket');
  const client = await connectWhenThere(socket, () => child.exitCode !== null);
  const uuids = Array.from({ length: srs }, (_, number) => uuidOf(number));
  await Promise.all(uuids.map((uuid) => attach(client, uuid)));
  return {
    socket,
    client,
    uuids,
    stop: async () => {
      client.close();
      await stopProgram(child);
    },
  };
}

async function connectWhenThere(path: string, ended: () => boolean): Promise<Connection> {
  for (;;) {
    try {
      return await connect({ ...STORE_LIMITS, path, onEvent: () => {} });
    } catch (error) {
      if (ended()) throw new Error('oxenstored ended before it listened', { cause: error });
      await pause(RETRY_MS);
    }
  }
}

async function attach(client: Connection, uuid: string): Promise<void> {
  await Promise.all([
    client.write(`${SR_ROOT}/${uuid}/uuid`, uuid),
    client.write(`${SR_ROOT}/${uuid}/plugin`, PLUGIN),
  ]);
}

export const uuidOf = (number: number): string =>
  `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`;
