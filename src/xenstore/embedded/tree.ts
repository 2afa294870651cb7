import { childOf, type Path, ROOT } from './path.ts';
import { emptyMap, lookUp, type PersistentMap, valuesOf, withEntry, withoutEntry } from './persistent-map.ts';

/**
 * A node with all that is below it. Nodes never change: a change makes new ones from the root down to the place, which
 * share everything else with the old. So the old root is a snapshot that costs nothing.
 */
export interface Node {
  readonly name: string;
  /** One character a byte. */
  readonly value: string;
  /** As on the wire, the owner first: `n0`, `r5`, … */
  readonly permissions: readonly string[];
  /** Another number after each change of the value, of the permissions or of which children there are. */
  readonly generation: number;
  /** The generation in which it was created: children are listed in this order. */
  readonly born: number;
  /** How many nodes there are in it, itself included. */
  readonly size: number;
  readonly children: PersistentMap<Node>;
  /** What `listing` made: shared by all versions of the node that have the same children. */
  readonly listed: { text: string | undefined };
}

/** Something that changes a tree. */
export type Change =
  | { readonly type: 'write'; readonly path: Path; readonly value: string }
  | { readonly type: 'make'; readonly path: Path }
  | { readonly type: 'permit'; readonly path: Path; readonly permissions: readonly string[] }
  | { readonly type: 'remove'; readonly path: Path };

/** A tree of only a root, which domain 0 owns. */
export const emptyTree = (): Node => newNode('', ['n0'], 0);

export function find(root: Node, path: Path): Node | undefined {
  let node: Node | undefined = root;
  for (const name of path.names) {
    if (node === undefined) return undefined;
    node = lookUp(node.children, name);
  }
  return node;
}

/** How many nodes there would have to be made for the path to exist. */
export function missing(root: Node, path: Path): number {
  let node: Node | undefined = root;
  for (const [depth, name] of path.names.entries()) {
    node = lookUp(node.children, name);
    if (node === undefined) return path.names.length - depth;
  }
  return 0;
}

/** The children's names in the order of their creation, each with a NUL behind it, as DIRECTORY gives them. */
export function listing(node: Node): string {
  node.listed.text ??= [...valuesOf(node.children)]
    .sort((one, other) => one.born - other.born)
    .map(({ name }) => `${name}\0`)
    .join('');
  return node.listed.text;
}

/**
 * The tree after a change. A write or a make creates what is missing on the way, with the permissions of the node
 * above; a node that exists is not made again. To remove what is not there changes nothing, nor does giving it
 * permissions. The root stays. `generation` must be higher than any in the tree.
 */
export function apply(root: Node, change: Change, generation: number): Node {
  const { path } = change;
  switch (change.type) {
    case 'write':
      return changeAt(root, path, 0, generation, (node) => ({ ...node, value: change.value, generation }));
    case 'make':
      return find(root, path) === undefined ? changeAt(root, path, 0, generation, (node) => node) : root;
    case 'permit':
      if (find(root, path) === undefined) return root;
      return changeAt(root, path, 0, generation, (node) => ({
        ...node,
        permissions: change.permissions,
        generation,
      }));
    case 'remove':
      return find(root, path) === undefined ? root : without(root, path, 0, generation);
  }
}

/** The nodes that a domain owns, without those below them. The root is not among them. */
export function* ownedBy(node: Node, domid: number, path: Path = ROOT): Generator<Path> {
  for (const child of valuesOf(node.children)) {
    const childPath = childOf(path, child.name);
    if (ownerOf(child) === domid) yield childPath;
    else yield* ownedBy(child, domid, childPath);
  }
}

const ownerOf = (node: Node): number => Number(node.permissions[0]?.slice(1));

const newNode = (name: string, permissions: readonly string[], generation: number): Node => ({
  name,
  value: '',
  permissions,
  generation,
  born: generation,
  size: 1,
  children: emptyMap(),
  listed: { text: undefined },
});

function changeAt(
  node: Node,
  path: Path,
  depth: number,
  generation: number,
  edit: (node: Node) => Node,
): Node {
  const name = path.names[depth];
  if (name === undefined) return edit(node);
  const before = lookUp(node.children, name);
  const after = changeAt(
    before ?? newNode(name, node.permissions, generation),
    path,
    depth + 1,
    generation,
    edit,
  );
  return {
    ...node,
    children: withEntry(node.children, name, after),
    size: node.size + after.size - (before?.size ?? 0),
    ...(before === undefined ? { generation, listed: { text: undefined } } : {}),
  };
}

function without(node: Node, path: Path, depth: number, generation: number): Node {
  const name = path.names[depth];
  const before = name === undefined ? undefined : lookUp(node.children, name);
  if (name === undefined || before === undefined) return node;
  if (depth === path.names.length - 1) {
    const children = withoutEntry(node.children, name);
    return { ...node, children, size: node.size - before.size, generation, listed: { text: undefined } };
  }
  const after = without(before, path, depth + 1, generation);
  return {
    ...node,
    children: withEntry(node.children, name, after),
    size: node.size + after.size - before.size,
  };
}
