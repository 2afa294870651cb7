import { type Path, prefixOf } from './path.ts';
import { apply, type Change, find, type Node } from './tree.ts';

/** What watchers are told of: a node that was written, made or given permissions, or one that went with all below it. */
export interface Effect {
  readonly type: 'changed' | 'removed';
  readonly path: Path;
}

/** What one open transaction holds besides the tree it shares: about this much for each thing that it remembers. */
const BYTES_A_RECORD = 100;

/** A transaction that holds more than this can only be ended. */
export const MAX_TRANSACTION_BYTES = 16 * 1024 * 1024;

/**
 * A view of the tree as it was at the start, with its own changes in it, and a record of what its answers depended on.
 * If nothing of that is different when it ends, its changes are made to the tree of that time; otherwise it conflicts.
 * Nobody else sees anything of it before.
 */
export class Transaction {
  readonly #base: Node;
  #root: Node;
  readonly #changes: Change[] = [];
  readonly #touched = new Map<string, { readonly path: Path; readonly whole: boolean }>();
  #heldBytes = 0;

  constructor(base: Node) {
    this.#base = base;
    this.#root = base;
  }

  /** What it makes of the tree so far. */
  get root(): Node {
    return this.#root;
  }

  /** An estimate of the memory that it needs besides the tree. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** The node, if there is one: whether there is, and what is in it, is something the client now relies on. */
  read(path: Path): Node | undefined {
    this.#touch(path, false);
    return find(this.#root, path);
  }

  /** Changes its own view. */
  change(change: Change, generation: number): void {
    this.#rely(change);
    this.#root = apply(this.#root, change, generation);
    this.#changes.push(change);
    this.#heldBytes += BYTES_A_RECORD + (change.type === 'write' ? change.value.length : 0);
  }

  /** Whether anything that its answers depended on is different in `current`. */
  conflictsWith(current: Node): boolean {
    if (current === this.#base) return false;
    return this.#touched.values().some(({ path, whole }) => {
      const before = find(this.#base, path);
      const now = find(current, path);
      // All versions of an unchanged node are one object, and that is so only while nothing below it changes.
      return whole ? before !== now : before?.generation !== now?.generation;
    });
  }

  /** The tree that `current`, with which it doesn't conflict, becomes by its changes. */
  appliedTo(current: Node, nextGeneration: () => number): Node {
    if (current === this.#base) return this.#root;
    return this.#changes.reduce((root, change) => apply(root, change, nextGeneration()), current);
  }

  /** What watchers are told when its changes made `after` of `before`: a node is told of once, in the order of the changes. */
  effects(before: Node, after: Node): Effect[] {
    const effects = new Map<string, Effect>();
    for (const { type, path } of this.#changes) {
      const removed = type === 'remove';
      // What was made and removed in between was never there for anyone else.
      if (find(removed ? before : after, path) === undefined) continue;
      effects.set(`${removed} ${path.text}`, { type: removed ? 'removed' : 'changed', path });
    }
    return [...effects.values()];
  }

  /** A change is one of the node and of the list of children that it enters or leaves. */
  #rely({ type, path }: Change): void {
    this.#touch(path, type === 'remove');
    if (type === 'remove') this.#touch(prefixOf(path, path.names.length - 1), false);
    else if (find(this.#root, path) === undefined) this.#touch(nearest(this.#root, path), false);
  }

  #touch(path: Path, whole: boolean): void {
    const known = this.#touched.get(path.text);
    if (known === undefined) this.#heldBytes += BYTES_A_RECORD + path.text.length;
    if (known === undefined || (whole && !known.whole)) this.#touched.set(path.text, { path, whole });
  }
}

/** The last node on the way that exists. */
function nearest(root: Node, path: Path): Path {
  let depth = path.names.length;
  while (depth > 0 && find(root, prefixOf(path, depth)) === undefined) depth -= 1;
  return prefixOf(path, depth);
}
