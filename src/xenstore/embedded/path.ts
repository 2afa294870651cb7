/**
 * Where a node is. Paths are spoken about in two ways: absolute (`/tool`), and relative to the home of the domain that
 * asks (`data` is `/local/domain/0/data`): all who are connected here are domain 0.
 */
export interface Path {
  /** Absolute. */
  readonly text: string;
  /** From the root down; the root's own is empty. */
  readonly names: readonly string[];
}

export const HOME = '/local/domain/0/';

/** XENSTORE_REL_PATH_MAX of xen/io/xs_wire.h. What leads to a domain's home, `/local/domain/N/`, does not count. */
const MAX_PATH_LENGTH = 2048;

const VALID = /^\/[-/_@A-Za-z0-9]+$/;
const TO_A_HOME = /^\/local\/domain\/\d{1,5}\//;

export const ROOT: Path = { text: '/', names: [] };

/** The path that a client wrote, or undefined if it breaks the rules for paths in docs/misc/xenstore.txt of Xen. */
export function parsePath(given: string): Path | undefined {
  if (given === '' || given.startsWith('@')) return undefined;
  const text = absolute(given);
  if (text === '/') return ROOT;
  const counted = text.length - (TO_A_HOME.exec(text)?.[0].length ?? 0);
  if (counted > MAX_PATH_LENGTH || !VALID.test(text) || text.includes('//') || text.endsWith('/'))
    return undefined;
  return { text, names: text.slice(1).split('/') };
}

/** What is watched under this name without being a node: `@introduceDomain`, `@releaseDomain`. */
export const parseSpecialPath = (given: string): Path | undefined =>
  given.startsWith('@') && given.length <= MAX_PATH_LENGTH ? { text: given, names: [given] } : undefined;

export const isRelative = (given: string): boolean => !given.startsWith('/') && !given.startsWith('@');

export const absolute = (given: string): string => (isRelative(given) ? HOME + given : given);

/** The path of its first `depth` names: 0 is the root's. */
export const prefixOf = (path: Path, depth: number): Path => {
  if (depth === path.names.length) return path;
  const names = path.names.slice(0, Math.max(depth, 0));
  return names.length === 0 ? ROOT : { text: `/${names.join('/')}`, names };
};

export const childOf = (path: Path, name: string): Path => ({
  text: path.names.length === 0 ? `/${name}` : `${path.text}/${name}`,
  names: [...path.names, name],
});
