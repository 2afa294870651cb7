/** An attached SR, as its domain publishes it. */
export interface SrEntry {
  readonly uuid: string;
  /** The queue of the plugin that serves it. */
  readonly plugin: string;
  /** The domain in whose home it stands. */
  readonly domid: number;
}

/** What a node below a domain's SR path comes to. */
export type SrNode =
  | { readonly type: 'shown'; readonly entry: SrEntry }
  | { readonly type: 'half-written' }
  | { readonly type: 'no-uuid' };

/** The names that SRs have: a uuid as `xe` prints it. */
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export const isUuid = (name: string): boolean => UUID.test(name);

/** Reads a node by what its two required keys hold. An SR is shown when both are there and `uuid` is the node's name. */
export function readNode(
  domid: number,
  name: string,
  uuid: string | undefined,
  plugin: string | undefined,
): SrNode {
  if (!isUuid(name)) return { type: 'no-uuid' };
  if (uuid !== name || plugin === undefined || plugin === '') return { type: 'half-written' };
  return { type: 'shown', entry: { uuid, plugin, domid } };
}

/** What is not shown, and why. */
export interface IgnoredCounts {
  readonly noUuid: number;
  readonly halfWritten: number;
}

/**
 * The nodes of all domains that are followed, and the sorted uuids of those that are shown. An SR that several
 * domains publish is shown once, as the domain with the lowest domid has it.
 */
export class SrTable {
  readonly #domains = new Map<number, Map<string, SrNode>>();
  /** By uuid, the entries of the domains that publish it. */
  readonly #entries = new Map<string, SrEntry[]>();
  /** Kept in order by insertion, so that one change among many costs no sort. */
  readonly #sorted: string[] = [];
  #published: readonly string[] = Object.freeze([]);
  #changed = false;

  /** The uuids of the SRs shown, sorted; a frozen array that is another one only when the uuids are others. */
  uuids(): readonly string[] {
    if (this.#changed) {
      this.#changed = false;
      this.#published = Object.freeze(this.#sorted.slice());
    }
    return this.#published;
  }

  get(uuid: string): SrEntry | undefined {
    return this.#entries.get(uuid)?.[0];
  }

  /** The domains that publish an SR, the lowest first. */
  domainsOf(uuid: string): readonly number[] {
    return this.#entries.get(uuid)?.map(({ domid }) => domid) ?? [];
  }

  /** How many SRs each domain shows. */
  shownByDomain(): ReadonlyMap<number, number> {
    return new Map(
      [...this.#domains].map(([domid, nodes]) => [
        domid,
        nodes
          .values()
          .filter(({ type }) => type === 'shown')
          .toArray().length,
      ]),
    );
  }

  ignored(): IgnoredCounts {
    let noUuid = 0;
    let halfWritten = 0;
    for (const nodes of this.#domains.values()) {
      for (const { type } of nodes.values()) {
        if (type === 'no-uuid') noUuid += 1;
        if (type === 'half-written') halfWritten += 1;
      }
    }
    return { noUuid, halfWritten };
  }

  /** The names of a domain's nodes, shown or not. */
  names(domid: number): Iterable<string> {
    return this.#domains.get(domid)?.keys() ?? [];
  }

  /** Sets what a node comes to; `undefined` when it is gone. Answers whether what is shown has changed. */
  set(domid: number, name: string, node: SrNode | undefined): boolean {
    const nodes = this.#domains.get(domid) ?? new Map<string, SrNode>();
    this.#domains.set(domid, nodes);
    const before = nodes.get(name);
    if (node === undefined) nodes.delete(name);
    else nodes.set(name, node);
    if (sameShown(before, node)) return false;
    if (before?.type === 'shown' && node?.type === 'shown') {
      this.#replace(node.entry);
    } else {
      if (before?.type === 'shown') this.#hide(before.entry);
      if (node?.type === 'shown') this.#show(node.entry);
    }
    return true;
  }

  /** Forgets a domain with all of its nodes. Answers whether what is shown has changed. */
  removeDomain(domid: number): boolean {
    let changed = false;
    for (const name of [...this.names(domid)]) changed = this.set(domid, name, undefined) || changed;
    this.#domains.delete(domid);
    return changed;
  }

  #show(entry: SrEntry): void {
    const entries = this.#entries.get(entry.uuid);
    if (entries === undefined) {
      this.#entries.set(entry.uuid, [entry]);
      this.#sorted.splice(placeOf(this.#sorted, entry.uuid), 0, entry.uuid);
      this.#changed = true;
    } else {
      entries.push(entry);
      entries.sort((a, b) => a.domid - b.domid);
    }
  }

  /** The same SR of the same domain, published otherwise: the uuids stay what they are. */
  #replace(entry: SrEntry): void {
    const entries = this.#entries.get(entry.uuid) ?? [];
    this.#entries.set(
      entry.uuid,
      entries.map((known) => (known.domid === entry.domid ? entry : known)),
    );
  }

  #hide(entry: SrEntry): void {
    const left = this.#entries.get(entry.uuid)?.filter(({ domid }) => domid !== entry.domid) ?? [];
    if (left.length > 0) {
      this.#entries.set(entry.uuid, left);
      return;
    }
    this.#entries.delete(entry.uuid);
    this.#sorted.splice(placeOf(this.#sorted, entry.uuid), 1);
    this.#changed = true;
  }
}

function sameShown(before: SrNode | undefined, after: SrNode | undefined): boolean {
  if (before?.type !== 'shown') return after?.type !== 'shown';
  return after?.type === 'shown' && before.entry.plugin === after.entry.plugin;
}

/** Where a text stands, or would stand, in a sorted list. */
function placeOf(sorted: readonly string[], text: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? '') < text) low = middle + 1;
    else high = middle;
  }
  return low;
}
