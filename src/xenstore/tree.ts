import type { StoreReads } from './store-reads.ts';

/** A part of the store below the home of every domain that is followed, and what is kept of it. */
export interface Tree {
  /** Tells its watches from those of other trees; without a slash. */
  readonly name: string;
  /** Where it is below a domain's home. */
  readonly path: string;
  /** How many names lead from there to a node; those before the last are folders. */
  readonly depth: number;
  /** Takes whether there is anything at its path. Answers whether that changes what is shown. */
  setPresent(domid: number, present: boolean): boolean;
  /** The names known below a folder; the folder's own path is relative to the tree's, and empty for this itself. */
  names(domid: number, folder: string): Iterable<string>;
  /**
   * Reads what a node, as named below the tree's path, holds now. Gives what puts that into the table and answers
   * whether what is shown has changed.
   */
  read(store: StoreReads, domid: number, node: string): Promise<() => boolean>;
  /** Nodes that may come to something else now that another one has changed. */
  again(domid: number): Iterable<string>;
  /** Forgets a domain. Answers whether that changes what is shown. */
  removeDomain(domid: number): boolean;
}

/** The home of a domain in the store. */
export const homeOf = (domid: number): string => `/local/domain/${domid}`;
