import { type FileHandle, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { DurableStorage } from './durable.ts';
import type { AttachedSr, StorageOperation } from './operations.ts';
import type { StorageState } from './state.ts';
import { parseStateDb, renderStateDb } from './state-db.ts';

export interface TakeoverOptions extends Pick<DurableStorage, 'state' | 'commit'> {
  /** The file of the daemon before this one; empty: there is none. */
  readonly path: string;
}

/** What became of a takeover. */
export type TakenOver =
  | { readonly type: 'nothing' }
  | {
      readonly type: 'taken-over';
      readonly attached: readonly string[];
      /** What that daemon has detached, as it was known here. */
      readonly detached: readonly AttachedSr[];
      /** How many datapaths are forgotten: what that daemon did with them is not known. */
      readonly forgotten: number;
    }
  /** The file is there, and can't be read. */
  | { readonly type: 'unreadable'; readonly reason: string };

/** Which plugin an SR was attached by is not in the file: the first call for it tells. */
export const UNKNOWN_QUEUE = '';

/**
 * Takes over the SRs that xapi-storage-script has attached. The file is read when it is another than the one that was read
 * or written last: that daemon has run since. What it has attached is attached, and what it has detached is not. What it did
 * with the disks is not known, so that they are let go of when xapi says so, whatever was known here.
 */
export async function takeOver({ state, commit, path }: TakeoverOptions): Promise<TakenOver> {
  const mark = await markOf(path).catch(unreadable);
  if (typeof mark === 'object') return { type: 'unreadable', reason: mark.reason };
  if (mark === undefined || mark === state.stateDbMark) return { type: 'nothing' };
  const wasHandedBack = state.stateDbMark?.startsWith(HANDED_BACK) ?? false;
  // It had no reason to write the file: all that it knows are disks.
  const theirs = mark === state.stateDbMark?.slice(HANDED_BACK.length) ? [...state.srs.values()] : undefined;
  const read = theirs ?? (await readFile(path, 'utf8').then((text) => attachedIn(text, state), unreadable));
  if ('reason' in read) return { type: 'unreadable', reason: read.reason };
  const known = new Set(read.map(({ sr }) => sr));
  // It has never known of those that were attached here and not handed to it.
  const detached = [...state.srs.values()].filter(
    ({ sr, takenOver }) => !known.has(sr) && (wasHandedBack || takenOver),
  );
  const attached = read.filter(({ sr, handle }) => state.srs.get(sr)?.handle !== handle);
  const datapaths = [...state.datapaths].filter(({ sr }) => sr !== '');
  await commit([
    ...detached.map(({ sr }): StorageOperation => ({ type: 'sr-detached', sr })),
    ...read.map(
      (each): StorageOperation => ({ type: 'sr-attached', attached: { ...each, takenOver: true } }),
    ),
    ...datapaths.map(
      ({ sr, vdi, domain }): StorageOperation => ({ type: 'datapath-closed', key: { sr, vdi, domain } }),
    ),
    { type: 'state-db-seen', mark },
  ]);
  return {
    type: 'taken-over',
    attached: attached.map(({ sr }) => sr),
    detached,
    forgotten: datapaths.length,
  };
}

const unreadable = (error: Error): { readonly reason: string } => ({ reason: error.message });

/** What of the file is known here already has its queue from there. */
function attachedIn(text: string, state: StorageState): readonly AttachedSr[] | { readonly reason: string } {
  const read = parseStateDb(text);
  if ('reason' in read) return read;
  return read.map(({ sr, handle, uids }) => {
    const known = state.srs.get(sr);
    const queue = known?.handle === handle ? known.queue : UNKNOWN_QUEUE;
    return { sr, queue, handle, datasources: uids, takenOver: true };
  });
}

/** Before the mark of a file that was written for that daemon: the next start takes over from it, changed or not. */
const HANDED_BACK = 'handed back ';

/** Writes the file as that daemon reads it, with what is attached now. Gives the uuids of the SRs in it, sorted. */
export async function handBack({ state, commit, path }: TakeoverOptions): Promise<readonly string[]> {
  await mkdir(dirname(path), { recursive: true });
  const srs = [...state.srs.values()].map(({ sr, handle, datasources }) => ({
    sr,
    handle,
    uids: datasources,
  }));
  await replaceFile(path, renderStateDb(srs));
  const mark = await markOf(path);
  if (mark !== undefined) await commit([{ type: 'state-db-seen', mark: `${HANDED_BACK}${mark}` }]);
  return srs.map(({ sr }) => sr).sort();
}

/** Another one after every write. */
async function markOf(path: string): Promise<string | undefined> {
  if (path === '') return undefined;
  try {
    const { ino, size, mtimeNs } = await stat(path, { bigint: true });
    return `${ino}:${size}:${mtimeNs}`;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The file is the old one or the new one, whenever the host ends. */
async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.tmp`;
  try {
    await withFile(temporary, 'w', async (file) => {
      await file.writeFile(text);
      await file.sync();
    });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await withFile(dirname(path), 'r', (directory) => directory.sync());
}

async function withFile(
  path: string,
  flags: string,
  use: (file: FileHandle) => Promise<void>,
): Promise<void> {
  const file = await open(path, flags, 0o600);
  try {
    await use(file);
  } finally {
    await file.close();
  }
}
