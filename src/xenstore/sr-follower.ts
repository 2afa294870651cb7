import { resolveDomains, type TrustedDomain, vmPath } from './driver-domains.ts';
import { isStoreError, XenstoreError } from './errors.ts';
import { isUuid, readNode, type SrNode, type SrTable } from './sr-table.ts';
import { listOrNone, type StoreReads } from './store-reads.ts';

export interface FollowerOptions {
  readonly store: StoreReads;
  readonly table: SrTable;
  readonly srPath: string;
  readonly trusted: readonly TrustedDomain[];
  /** What is shown has changed. */
  readonly changed: () => void;
  /** A node, or a domain, could not be read though the connection lives. */
  readonly trouble: (error: Error) => void;
}

/** Tokens of our watches; that of a domain's SRs has its domid behind it. */
const DOMAINS_TOKEN = 'domains';
const SR_TOKEN = 'sr/';

/**
 * Keeps a table equal to the store, over one connection. An event only marks what it names as dirty, and what is
 * dirty is read again, in rounds: the domains, then the lists of SRs, then single SRs. A round begins when the one
 * before has been applied, so that no answer is overtaken by a later one; what is marked meanwhile is in the next.
 */
export class SrFollower {
  readonly #options: FollowerOptions;
  #dirtyDomains = true;
  readonly #dirtyLists = new Set<number>();
  /** By domid, the names of SRs. */
  readonly #dirtyNodes = new Map<number, Set<string>>();
  readonly #followed = new Set<number>();
  readonly #lookedAt = new Set<number>();
  #round: Promise<void> | undefined;

  constructor(options: FollowerOptions) {
    this.#options = options;
  }

  get followedDomains(): ReadonlySet<number> {
    return this.#followed;
  }

  /** Settles when what was marked so far has been applied, or the connection has ended; nothing: it has been already. */
  get reading(): Promise<void> | undefined {
    return this.#round?.catch(() => {});
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
    this.#mark(path, token);
    return this.#run();
  }

  #mark(path: string, token: string): void {
    if (token === DOMAINS_TOKEN) {
      this.#dirtyDomains = true;
      return;
    }
    const domid = Number(token.slice(SR_TOKEN.length));
    if (!token.startsWith(SR_TOKEN) || !this.#followed.has(domid)) return;
    const root = this.#root(domid);
    const name = path.startsWith(`${root}/`) ? path.slice(root.length + 1).split('/', 1)[0] : undefined;
    if (name === undefined || name === '') this.#dirtyLists.add(domid);
    else this.#markNode(domid, name);
  }

  #markNode(domid: number, name: string): void {
    const names = this.#dirtyNodes.get(domid) ?? new Set();
    this.#dirtyNodes.set(domid, names.add(name));
  }

  /** Starts rounds unless they are under way already: then those read what was marked, too. */
  #run(): Promise<void> {
    this.#round ??= this.#rounds().finally(() => {
      this.#round = undefined;
    });
    return this.#round;
  }

  async #rounds(): Promise<void> {
    // Events that come in one piece are all marked before the first round begins.
    await Promise.resolve();
    while (this.#dirtyDomains || this.#dirtyLists.size > 0 || this.#dirtyNodes.size > 0) {
      if (this.#dirtyDomains) await this.#readDomains();
      await this.#readLists();
      await this.#readNodes();
    }
  }

  async #readDomains(): Promise<void> {
    this.#dirtyDomains = false;
    const { store, trusted, table, changed } = this.#options;
    const { domids, looked } = await resolveDomains(store, trusted);
    await this.#watchVms(looked);
    for (const domid of [...this.#followed].filter((followed) => !domids.includes(followed))) {
      this.#followed.delete(domid);
      this.#dirtyLists.delete(domid);
      this.#dirtyNodes.delete(domid);
      if (table.removeDomain(domid)) changed();
      await unwatch(store, this.#root(domid), `${SR_TOKEN}${domid}`);
    }
    for (const domid of domids.filter((found) => !this.#followed.has(found))) {
      this.#followed.add(domid);
      await store.watch(this.#root(domid), `${SR_TOKEN}${domid}`);
      this.#dirtyLists.add(domid);
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

  async #readLists(): Promise<void> {
    const { store, table } = this.#options;
    const domids = [...this.#dirtyLists];
    this.#dirtyLists.clear();
    const lists = await Promise.all(
      domids.map((domid) => this.#try(() => listOrNone(store, this.#root(domid)))),
    );
    for (const [index, domid] of domids.entries()) {
      // Every name that is or was there is read again: a subtree that is replaced gives no events for its nodes.
      const names = lists[index];
      if (names === UNREADABLE) continue;
      for (const name of [...(names ?? []), ...table.names(domid)]) this.#markNode(domid, name);
    }
  }

  async #readNodes(): Promise<void> {
    const { table, changed } = this.#options;
    const nodes = [...this.#dirtyNodes].flatMap(([domid, names]) =>
      [...names].map((name) => ({ domid, name })),
    );
    this.#dirtyNodes.clear();
    const read = await Promise.all(
      nodes.map(({ domid, name }) => this.#try(() => this.#readNode(domid, name))),
    );
    let different = false;
    for (const [index, { domid, name }] of nodes.entries()) {
      const node = read[index];
      if (node !== UNREADABLE) different = table.set(domid, name, node) || different;
    }
    if (different) changed();
  }

  /** What a node comes to now; nothing when it is not there. */
  async #readNode(domid: number, name: string): Promise<SrNode | undefined> {
    const { store } = this.#options;
    const path = `${this.#root(domid)}/${name}`;
    const [uuid, plugin] = isUuid(name)
      ? await Promise.all([store.readText(`${path}/uuid`), store.readText(`${path}/plugin`)])
      : [];
    const isThere =
      uuid !== undefined || plugin !== undefined || (await listOrNone(store, path)) !== undefined;
    return isThere ? readNode(domid, name, uuid, plugin) : undefined;
  }

  /** One node that can't be read must not hide the others, and stays what it was; the end of the connection ends the round. */
  async #try<Result>(run: () => Promise<Result>): Promise<Result | typeof UNREADABLE> {
    try {
      return await run();
    } catch (error) {
      if (!(error instanceof XenstoreError) || CONNECTION_ENDED.has(error.code)) throw error;
      this.#options.trouble(error);
      return UNREADABLE;
    }
  }

  #root(domid: number): string {
    return `/local/domain/${domid}/${this.#options.srPath}`;
  }
}

/** The store answered with an error that says nothing of whether the node is there. */
const UNREADABLE = Symbol('unreadable');

const CONNECTION_ENDED: ReadonlySet<string> = new Set(['ECONNRESET', 'ETIMEDOUT', 'EPROTO']);

/** The store may have dropped the watch with the domain. */
async function unwatch(store: StoreReads, path: string, token: string): Promise<void> {
  try {
    await store.unwatch(path, token);
  } catch (error) {
    if (!isStoreError(error, 'ENOENT')) throw error;
  }
}
