import { lstatSync, realpathSync, statSync } from 'node:fs';

/** Whose files are executed beside root's. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

const ROOT = 0;
const GROUP_WRITES = 0o020;
const OTHERS_WRITE = 0o002;
const TYPE_BITS = 0o170000;
const LINK = 0o120000;

interface Permissions {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

/**
 * Why somebody else could change what would be executed; `undefined`: nobody could. It has to belong to root or the
 * daemon's user, and may be written by them only, or by root's group or the daemon's own. A link is never written.
 */
export function distrustOf({ uid, gid, mode }: Permissions, owner: Owner): string | undefined {
  if (uid !== ROOT && uid !== owner.uid) {
    const allowed = owner.uid === ROOT ? 'root' : `root or uid ${owner.uid}`;
    return `belongs to uid ${uid}, not to ${allowed}`;
  }
  if ((mode & TYPE_BITS) === LINK) return undefined;
  const octal = (mode & 0o7777).toString(8).padStart(4, '0');
  if ((mode & OTHERS_WRITE) !== 0) return `can be written by everybody (mode ${octal})`;
  if ((mode & GROUP_WRITES) !== 0 && gid !== ROOT && gid !== owner.gid) {
    return `can be written by the group ${gid} (mode ${octal})`;
  }
  return undefined;
}

/** Whether a path is below a directory; both are real paths. */
export const isBelow = (path: string, directory: string): boolean => path.startsWith(`${directory}/`);

/**
 * Looks once more, just before it is executed, at a file that was trusted when its plugin was read. Gives why it isn't
 * any more.
 */
export function distrustNow(path: string, directory: string, owner: Owner): string | undefined {
  try {
    const ofDirectory = distrustOf(lstatSync(directory), owner);
    if (ofDirectory !== undefined) return `${directory} ${ofDirectory}`;
    const own = lstatSync(path);
    const ofFile = distrustOf(own, owner);
    if (ofFile !== undefined) return `${path} ${ofFile}`;
    if (!own.isSymbolicLink()) return own.isFile() ? undefined : `${path} is no file`;
    const target = realpathSync(path);
    if (!isBelow(target, realpathSync(directory))) return `${path} links out of the plugin's directory`;
    const ofTarget = distrustOf(statSync(target), owner);
    return ofTarget === undefined ? undefined : `${target} ${ofTarget}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
