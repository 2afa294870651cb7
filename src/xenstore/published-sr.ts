import type { Connection, TransactionId } from './connection.ts';

/** An SR as it stands in xenstore. */
export interface PublishedSr {
  readonly uuid: string;
  /** The queue of the plugin that serves it. */
  readonly plugin: string;
}

/**
 * Where an SR is published: below the home of the domain that asks, as the path is relative. So it is the right one in
 * domain 0 and in a driver domain.
 */
const pathOf = (srPath: string, uuid: string): string => `${srPath}/${uuid}`;

/** Writes an SR, over what stands there. */
export async function writeSr(
  store: Connection,
  srPath: string,
  { uuid, plugin }: PublishedSr,
  tx: TransactionId,
): Promise<void> {
  const path = pathOf(srPath, uuid);
  await Promise.all([store.write(`${path}/uuid`, uuid, tx), store.write(`${path}/plugin`, plugin, tx)]);
}

/** Takes an SR away if its plugin is one of `ours`. Keys that others put beside ours stay. */
export async function removeSr(
  store: Connection,
  srPath: string,
  uuid: string,
  ours: ReadonlySet<string>,
  tx: TransactionId,
): Promise<void> {
  const path = pathOf(srPath, uuid);
  const plugin = await store.readText(`${path}/plugin`, tx);
  if (plugin === undefined || !ours.has(plugin)) return;
  const names = await store.directory(path, tx);
  if (names.every((name) => name === 'uuid' || name === 'plugin')) {
    await store.remove(path, tx);
  } else {
    await Promise.all(['uuid', 'plugin'].map((key) => store.remove(`${path}/${key}`, tx)));
  }
}
