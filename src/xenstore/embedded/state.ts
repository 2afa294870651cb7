import { type Path, parsePath } from './path.ts';
import type { Effect, Transaction } from './transactions.ts';
import { apply, type Change, emptyTree, type Node, ownedBy } from './tree.ts';
import type { Firing, Watch } from './watches.ts';
import { Watches } from './watches.ts';

/** Each is the setting `xenstore.<name>`. */
export interface EmbeddedLimits {
  readonly embeddedMaxNodes: number;
  readonly embeddedMaxWatches: number;
  readonly embeddedMaxTransactions: number;
  readonly embeddedMaxUnsentBytes: number;
}

/** One connection to the store: its watches and its transactions. */
export interface Client {
  /** By path and token, as the client wrote them. */
  readonly watches: Map<string, Watch<Client>>;
  readonly transactions: Map<number, Transaction>;
  lastTransactionId: number;
  send(bytes: Buffer): void;
}

/** What all connections share: the tree, who watches it, and which domains there are. */
export class StoreState {
  readonly limits: EmbeddedLimits;
  readonly watches = new Watches<Client>();
  readonly domains = new Set([0]);
  root: Node;
  #generation = 0;

  constructor(limits: EmbeddedLimits) {
    this.limits = limits;
    this.root = START.reduce((root, change) => apply(root, change, this.nextGeneration()), emptyTree());
  }

  nextGeneration(): number {
    this.#generation += 1;
    return this.#generation;
  }

  /** Makes a new tree the current one; gives the watches that fire. */
  become(root: Node, effects: readonly Effect[]): Firing<Client>[] {
    const before = this.root;
    this.root = root;
    return effects.flatMap((effect) => [...this.watches.firedBy(effect, before)]);
  }

  /** Applies one change; gives the watches that fire. */
  change(change: Change): Firing<Client>[] {
    const type = change.type === 'remove' ? 'removed' : 'changed';
    return this.become(apply(this.root, change, this.nextGeneration()), [{ type, path: change.path }]);
  }

  /** Removes what a domain owns, as it does not outlive it. */
  removeOwnedBy(domid: number): Firing<Client>[] {
    return [...ownedBy(this.root, domid)].flatMap((path) => this.change({ type: 'remove', path }));
  }
}

/** What a store holds before anyone has written to it: what the C daemon begins with, and domain 0's own name. */
const START: readonly Change[] = [
  { type: 'make', path: start('/tool') },
  { type: 'write', path: start('/local/domain/0/name'), value: 'Domain-0' },
  { type: 'write', path: start('/local/domain/0/domid'), value: '0' },
];

function start(text: string): Path {
  const path = parsePath(text);
  if (path === undefined) throw new Error(`${text} is no path`);
  return path;
}
