import { lstat, mkdir, readlink, rm, symlink } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { srTypeOf } from '../storage/xapi-queue.ts';

/** Where xapi looks for the sockets of storage drivers, below its folder. */
const FOLDER = 'storage.d';

/**
 * Lists the socket of a volume plugin as `storage.d/<type>` in xapi's folder, by a link. Gives what takes it off again;
 * nothing when the queue is none of xapi's. Throws when something stands there that is no link of ours.
 */
export async function listForXapi(
  directory: string,
  queue: string,
  socket: string,
): Promise<(() => Promise<void>) | undefined> {
  const type = srTypeOf(queue) ?? '';
  if (type === '' || type !== basename(type)) return undefined;
  const folder = join(directory, FOLDER);
  const path = join(folder, type);
  const target = resolve(socket);
  await mkdir(folder, { recursive: true, mode: 0o755 });
  if (await isLink(path)) await rm(path);
  await symlink(target, path);
  return async () => {
    if ((await isLink(path)) && (await readlink(path)) === target) await rm(path);
  };
}

/** A link is ours, from now or from before: other daemons put their sockets there. */
async function isLink(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isSymbolicLink();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw error;
  }
}
