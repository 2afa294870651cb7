import { isUuid, readNode, type SrNode, type SrTable } from './sr-table.ts';
import { listOrNone, type StoreReads } from './store-reads.ts';
import { homeOf, type Tree } from './tree.ts';

/** The SRs that domains publish below `srPath` of their homes. */
export const srTree = (table: SrTable, srPath: string): Tree => ({
  name: 'sr',
  path: srPath,
  depth: 1,
  setPresent: () => false,
  names: (domid) => table.names(domid),
  read: async (store, domid, name) => {
    const node = await readSr(store, `${homeOf(domid)}/${srPath}/${name}`, domid, name);
    return () => table.set(domid, name, node);
  },
  again: () => [],
  removeDomain: (domid) => table.removeDomain(domid),
});

/** What a node comes to now; nothing when it is not there. */
async function readSr(
  store: StoreReads,
  path: string,
  domid: number,
  name: string,
): Promise<SrNode | undefined> {
  const [uuid, plugin] = isUuid(name)
    ? await Promise.all([store.readText(`${path}/uuid`), store.readText(`${path}/plugin`)])
    : [];
  const isThere = uuid !== undefined || plugin !== undefined || (await listOrNone(store, path)) !== undefined;
  return isThere ? readNode(domid, name, uuid, plugin) : undefined;
}
