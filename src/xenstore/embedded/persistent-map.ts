/**
 * A map that never changes: adding and removing give a new map that shares nearly all of its parts with the old one,
 * in a few steps however large it is. JavaScript's own Map would have to be copied whole for each change.
 *
 * It is a tree over the bits of the keys' hashes: a fork chooses among 32 parts by five bits, a bucket holds the few
 * entries that are left.
 */
export type PersistentMap<Value> = Bucket<Value> | Fork<Value>;

interface Bucket<Value> {
  readonly type: 'bucket';
  readonly entries: readonly Entry<Value>[];
}

interface Fork<Value> {
  readonly type: 'fork';
  readonly parts: readonly PersistentMap<Value>[];
}

interface Entry<Value> {
  readonly key: string;
  readonly value: Value;
}

const BITS = 5;
const PARTS = 2 ** BITS;
const BUCKET_ENTRIES = 8;
/** A hash has 32 bits: below the sixth fork there are none left to choose by, and a bucket takes any number. */
const MAX_FORKS = 6;

const EMPTY: PersistentMap<never> = { type: 'bucket', entries: [] };
const EMPTY_FORK: PersistentMap<never> = { type: 'fork', parts: Array(PARTS).fill(EMPTY) };

export const emptyMap = <Value>(): PersistentMap<Value> => EMPTY;

export function lookUp<Value>(map: PersistentMap<Value>, key: string): Value | undefined {
  const hash = hashOf(key);
  let part: PersistentMap<Value> | undefined = map;
  for (let depth = 0; part?.type === 'fork'; depth += 1) part = part.parts[partOf(hash, depth)];
  return part?.entries.find((entry) => entry.key === key)?.value;
}

/** The map with this entry, in place of the one with the same key if there was one. */
export const withEntry = <Value>(
  map: PersistentMap<Value>,
  key: string,
  value: Value,
): PersistentMap<Value> => put(map, { key, value }, hashOf(key), 0);

/** The map without this key. */
export const withoutEntry = <Value>(map: PersistentMap<Value>, key: string): PersistentMap<Value> =>
  take(map, key, hashOf(key), 0);

/** All values, in no order that means anything. */
export function* valuesOf<Value>(map: PersistentMap<Value>): Generator<Value> {
  if (map.type === 'bucket') for (const { value } of map.entries) yield value;
  else for (const part of map.parts) yield* valuesOf(part);
}

function put<Value>(
  map: PersistentMap<Value>,
  entry: Entry<Value>,
  hash: number,
  depth: number,
): PersistentMap<Value> {
  if (map.type === 'fork') {
    const index = partOf(hash, depth);
    return withPart(map, index, put(map.parts[index] ?? EMPTY, entry, hash, depth + 1));
  }
  const entries = [...map.entries.filter(({ key }) => key !== entry.key), entry];
  if (entries.length <= BUCKET_ENTRIES || depth > MAX_FORKS) return { type: 'bucket', entries };
  return entries.reduce<PersistentMap<Value>>(
    (fork, each) => put(fork, each, hashOf(each.key), depth),
    EMPTY_FORK,
  );
}

function take<Value>(
  map: PersistentMap<Value>,
  key: string,
  hash: number,
  depth: number,
): PersistentMap<Value> {
  if (map.type === 'fork') {
    const index = partOf(hash, depth);
    const fork = withPart(map, index, take(map.parts[index] ?? EMPTY, key, hash, depth + 1));
    return fork.parts.every((part) => part === EMPTY) ? EMPTY : fork;
  }
  const entries = map.entries.filter((entry) => entry.key !== key);
  return entries.length === 0 ? EMPTY : { type: 'bucket', entries };
}

const withPart = <Value>(fork: Fork<Value>, index: number, part: PersistentMap<Value>): Fork<Value> => ({
  type: 'fork',
  parts: fork.parts.with(index, part),
});

const partOf = (hash: number, depth: number): number => (hash >>> (depth * BITS)) & (PARTS - 1);

/** FNV-1a: http://www.isthe.com/chongo/tech/comp/fnv/ */
function hashOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index += 1) {
    hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}
