import { resolveDomains, type TrustedDomain, vmPath } from './driver-domains.ts';
import { isAnswer, isStoreError } from './errors.ts';
import { listOrNone, type StoreReads } from './store-reads.ts';
import { homeOf, type Tree } from './tree.ts';

export interface FollowerOptions {
  readonly store: StoreReads;
  readonly trees: readonly Tree[];
  readonly trusted: readonly TrustedDomain[];
  /** What is shown has changed. */
  readonly changed: () => void;
  /** A node, or a domain, could not be read though the connection lives. */
  readonly trouble: (error: Error) => void;
}

/** The token of the watches on what domains there are. Those on a tree of a domain have the tree's name and the domid. */
const DOMAINS_TOKEN = 'domains';

/** A tree in one domain, and what of it is to be read. */
class Branch {
  readonly tree: Tree;
  readonly domid: number;
  readonly root: string;
  readonly token: string;
  /** Whether there is anything at the root. */
  present = false;
  /** Folders and nodes, as named below the root; the root itself is the empty name. */
  readonly #dirty = new Set(['']);

  constructor(tree: Tree, domid: number) {
    this.tree = tree;
    this.domid = domid;
    this.root = `${homeOf(domid)}/${tree.path}`;
    this.token = `${tree.name}/${domid}`;
  }

  get isDirty(): boolean {
    return this.#dirty.size > 0;
  }

  mark(name: string): void {
    this.#dirty.add(name);
  }

  /** Marks the node, or the folder, in which a change at a path is. */
  markChange(path: string): void {
    const below = path.startsWith(`${this.root}/`) ? path.slice(this.root.length + 1) : '';
    this.mark(below.split('/', this.tree.depth).join('/'));
    // A node that is created gives no event for the folders that came with it.
    if (!this.present) this.mark('');
  }

  /** Takes what is marked and that many names below the root. */
  take(depth: number): string[] {
    const names = [...this.#dirty].filter((name) => depthOf(name) === depth);
    for (const name of names) this.#dirty.delete(name);
    return names;
  }
}

const depthOf = (name: string): number => (name === '' ? 0 : name.split('/').length);

/**
 * Keeps tables equal to the store, over one connection. An event only marks what it names as dirty, and what is
 * dirty is read again, in rounds: the domains, then the lists of names, then single nodes. A round begins when the one
 * before has been applied, so that no answer is overtaken by a later one; what is marked meanwhile is in the next.
 */
export class Follower {
  readonly #options: FollowerOptions;
  #dirtyDomains = true;
  #domains: ReadonlyMap<number, string | undefined> = new Map();
  /** By the tokens of their watches. */
  readonly #branches = new Map<string, Branch>();
  readonly #lookedAt = new Set<number>();
  #running: Promise<void> | undefined;
  /** Settle at the end of the round under way, and of the one behind it. */
  #thisRound = Promise.withResolvers<void>();
  #nextRound = Promise.withResolvers<void>();

  constructor(options: FollowerOptions) {
    this.#options = options;
  }

  /** The domains that are followed, domain 0 first, each with the uuid of its VM where that is known. */
  get domains(): ReadonlyMap<number, string | undefined> {
    return this.#domains;
  }

  /** Settles when what was marked so far has been applied, or the connection has ended; nothing: it has been already. */
  get reading(): Promise<void> | undefined {
    if (this.#running === undefined) return undefined;
    return this.#isDirty ? this.#nextRound.promise : this.#thisRound.promise;
  }

  /** Watches everything, reads everything; settles when nothing is left to read. Rejects when the connection ends. */
  async start(): Promise<void> {
    const { store } = this.#options;
    await Promise.all([
      store.watch('@introduceDomain', DOMAINS_TOKEN),
      store.watch('@releaseDomain', DOMAINS_TOKEN),
    ]);
    await this.#run();
  }

  /** Takes an event: marks what it names. What is read then is applied; a rejection means that the connection ended. */
  event(path: string, token: string): Promise<void> {
    if (token === DOMAINS_TOKEN) this.#dirtyDomains = true;
    else this.#branches.get(token)?.markChange(path);
    return this.#run();
  }

  get #isDirty(): boolean {
    return this.#dirtyDomains || this.#branches.values().some(({ isDirty }) => isDirty);
  }

  /** Starts rounds unless they are under way already: then those read what was marked, too. */
  #run(): Promise<void> {
    this.#running ??= this.#rounds().finally(() => {
      this.#running = undefined;
      this.#endRound();
      this.#endRound();
    });
    return this.#running;
  }

  async #rounds(): Promise<void> {
    // Events that come in one piece are all marked before the first round begins.
    await Promise.resolve();
    while (this.#isDirty) {
      this.#endRound();
      if (this.#dirtyDomains) await this.#readDomains();
      const deepest = Math.max(...this.#options.trees.map(({ depth }) => depth));
      for (let depth = 0; depth < deepest; depth += 1) await this.#readLists(depth);
      await this.#readNodes();
    }
  }

  #endRound(): void {
    this.#thisRound.resolve();
    this.#thisRound = this.#nextRound;
    this.#nextRound = Promise.withResolvers();
  }

  async #readDomains(): Promise<void> {
    this.#dirtyDomains = false;
    const { store, trusted, trees, changed } = this.#options;
    const { domains, looked } = await resolveDomains(store, trusted);
    await this.#watchVms(looked);
    const before = this.#domains;
    this.#domains = domains;
    let different = [...domains].some(([domid, vm]) => before.get(domid) !== vm);
    for (const branch of [...this.#branches.values()].filter(({ domid }) => !domains.has(domid))) {
      this.#branches.delete(branch.token);
      different = branch.tree.removeDomain(branch.domid) || different;
      await unwatch(store, branch.root, branch.token);
    }
    if (different) {
      this.#markAgain();
      changed();
    }
    for (const domid of [...domains.keys()].filter((found) => !before.has(found))) {
      for (const branch of trees.map((tree) => new Branch(tree, domid))) {
        this.#branches.set(branch.token, branch);
        await store.watch(branch.root, branch.token);
      }
    }
  }

  /** A domain may be introduced before the toolstack has written whose VM it is. */
  async #watchVms(domids: readonly number[]): Promise<void> {
    const { store } = this.#options;
    for (const domid of [...this.#lookedAt].filter((looked) => !domids.includes(looked))) {
      this.#lookedAt.delete(domid);
      await unwatch(store, vmPath(domid), DOMAINS_TOKEN);
    }
    for (const domid of domids.filter((found) => !this.#lookedAt.has(found))) {
      this.#lookedAt.add(domid);
      await store.watch(vmPath(domid), DOMAINS_TOKEN);
    }
  }

  /** Takes what is dirty at a depth, of the trees whose nodes are deeper, or at it. */
  #take(depth: number, what: 'folders' | 'nodes'): { readonly branch: Branch; readonly name: string }[] {
    return [...this.#branches.values()]
      .filter(({ tree }) => (what === 'folders' ? depth < tree.depth : depth === tree.depth))
      .flatMap((branch) => branch.take(depth).map((name) => ({ branch, name })));
  }

  async #readLists(depth: number): Promise<void> {
    const { store, changed } = this.#options;
    const folders = this.#take(depth, 'folders');
    const lists = await Promise.all(
      folders.map(({ branch, name }) =>
        this.#try(() => listOrNone(store, name === '' ? branch.root : `${branch.root}/${name}`)),
      ),
    );
    let different = false;
    for (const [index, { branch, name }] of folders.entries()) {
      const names = lists[index];
      if (names === UNREADABLE) continue;
      if (name === '') {
        branch.present = names !== undefined;
        different = branch.tree.setPresent(branch.domid, branch.present) || different;
      }
      // Every name that is or was there is read again: a subtree that is replaced gives no events for its nodes.
      for (const child of [...(names ?? []), ...branch.tree.names(branch.domid, name)]) {
        branch.mark(name === '' ? child : `${name}/${child}`);
      }
    }
    if (different) changed();
  }

  async #readNodes(): Promise<void> {
    const { store, trees, changed } = this.#options;
    const depths = new Set(trees.map(({ depth }) => depth));
    const nodes = [...depths].flatMap((depth) => this.#take(depth, 'nodes'));
    const read = await Promise.all(
      nodes.map(({ branch, name }) => this.#try(() => branch.tree.read(store, branch.domid, name))),
    );
    let different = false;
    for (const apply of read) {
      if (apply !== UNREADABLE) different = apply() || different;
    }
    if (!different) return;
    this.#markAgain();
    changed();
  }

  /** What may come to something else now that a node, or a domain, has made room. */
  #markAgain(): void {
    for (const branch of this.#branches.values()) {
      for (const name of branch.tree.again(branch.domid)) branch.mark(name);
    }
  }

  /** One node that can't be read must not hide the others, and stays what it was; the end of the connection ends the round. */
  async #try<Result>(run: () => Promise<Result>): Promise<Result | typeof UNREADABLE> {
    try {
      return await run();
    } catch (error) {
      if (!isAnswer(error)) throw error;
      this.#options.trouble(error);
      return UNREADABLE;
    }
  }
}

/** The store answered with an error that says nothing of whether the node is there. */
const UNREADABLE = Symbol('unreadable');

/** The store may have dropped the watch with the domain. */
async function unwatch(store: StoreReads, path: string, token: string): Promise<void> {
  try {
    await store.unwatch(path, token);
  } catch (error) {
    if (!isStoreError(error, 'ENOENT')) throw error;
  }
}
