/** What a store is, in the plainest way: all nodes by their paths, in the order of their creation. */
export interface ModelNode {
  readonly value: string;
  readonly permissions: readonly string[];
  /** Another number after each change of the node itself or of which children it has. */
  readonly version: number;
}
export type ModelTree = ReadonlyMap<string, ModelNode>;

export type ModelChange =
  | { readonly type: 'write'; readonly path: string; readonly value: string }
  | { readonly type: 'make'; readonly path: string }
  | { readonly type: 'permit'; readonly path: string; readonly permissions: readonly string[] }
  | { readonly type: 'remove'; readonly path: string };

let versions = 0;
const nextVersion = (): number => {
  versions += 1;
  return versions;
};

export const parentOf = (path: string): string => path.slice(0, path.lastIndexOf('/')) || '/';

/** Whether a path is at another or below it. */
export const isWithin = (path: string, top: string): boolean =>
  top === '/' || path === top || path.startsWith(`${top}/`);

export const childrenOf = (tree: ModelTree, path: string): string[] =>
  [...tree.keys()]
    .filter((each) => each !== '/' && parentOf(each) === path)
    .map((each) => each.slice(each.lastIndexOf('/') + 1));

/** The nearest node above a path, or at it, that there is. */
export const nearest = (tree: ModelTree, path: string): string =>
  tree.has(path) ? path : nearest(tree, parentOf(path));

/** The tree after a change that its operation allows. */
export function changed(tree: ModelTree, change: ModelChange): ModelTree {
  const after = new Map(tree);
  const touch = (path: string, fields: Partial<ModelNode> = {}): void => {
    const node = after.get(path);
    if (node !== undefined) after.set(path, { ...node, ...fields, version: nextVersion() });
  };
  switch (change.type) {
    case 'write':
      create(after, change.path, touch);
      touch(change.path, { value: change.value });
      break;
    case 'make':
      create(after, change.path, touch);
      break;
    case 'permit':
      touch(change.path, { permissions: change.permissions });
      break;
    case 'remove':
      if (!after.has(change.path)) break;
      for (const path of after.keys()) if (isWithin(path, change.path)) after.delete(path);
      touch(parentOf(change.path));
  }
  return after;
}

function create(tree: Map<string, ModelNode>, path: string, touch: (path: string) => void): void {
  if (tree.has(path)) return;
  const parent = parentOf(path);
  create(tree, parent, touch);
  touch(parent);
  const permissions = tree.get(parent)?.permissions ?? [];
  tree.set(path, { value: '', permissions, version: nextVersion() });
}

/** A transaction: the tree at its start, its own view, what it did, and which nodes its answers depended on. */
export interface ModelTransaction {
  readonly base: ModelTree;
  view: ModelTree;
  readonly changes: ModelChange[];
  readonly nodes: Set<string>;
  /** Nodes that it removed with all below them. */
  readonly whole: Set<string>;
}

export const begin = (tree: ModelTree): ModelTransaction => ({
  base: tree,
  view: tree,
  changes: [],
  nodes: new Set(),
  whole: new Set(),
});

export function changeIn(transaction: ModelTransaction, change: ModelChange): void {
  const { view, nodes, whole, changes } = transaction;
  nodes.add(change.path);
  if (change.type === 'remove') {
    whole.add(change.path);
    nodes.add(parentOf(change.path));
  } else {
    nodes.add(nearest(view, change.path));
  }
  changes.push(change);
  transaction.view = changed(view, change);
}

/** Whether anything that its answers depended on is another thing now. */
export function conflicts({ base, nodes, whole }: ModelTransaction, now: ModelTree): boolean {
  const versionsBelow = (tree: ModelTree, top: string): string =>
    [...tree]
      .filter(([path]) => isWithin(path, top))
      .map(([path, { version }]) => `${path} ${version}`)
      .sort()
      .join();
  return (
    [...nodes].some((path) => base.get(path)?.version !== now.get(path)?.version) ||
    [...whole].some((top) => versionsBelow(base, top) !== versionsBelow(now, top))
  );
}

/** The events that watches of these paths get for changes that made `after` of `before`, as `watch: path`. */
export function eventsOf(
  watched: readonly string[],
  changes: readonly ModelChange[],
  before: ModelTree,
  after: ModelTree,
): string[] {
  const told = new Set<string>();
  return changes.flatMap(({ type, path }) => {
    const key = `${type === 'remove'} ${path}`;
    if (told.has(key) || !(type === 'remove' ? before : after).has(path)) return [];
    told.add(key);
    const above = watched.filter((watch) => isWithin(path, watch)).map((watch) => `${watch}: ${path}`);
    const below = watched.filter((watch) => watch !== path && isWithin(watch, path) && before.has(watch));
    return type === 'remove' ? [...above, ...below.map((watch) => `${watch}: ${watch}`)] : above;
  });
}
