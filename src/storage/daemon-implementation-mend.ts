import { DatapathInterface } from './datapath.ts';
import type { Datapath, DatapathKey, Holder } from './datapath-state.ts';
import type { DatapathDriver, Datapaths, DiskUse } from './datapaths.ts';
import { answered } from './disks.ts';
import type { OpenedKey } from './operations.ts';
import { scriptOf } from './scripts.ts';
import type { Commit, StorageState } from './state.ts';
import type { InOrder } from './volume-queue/queue.ts';

/** What mending stands on. */
export interface Mending {
  readonly state: StorageState;
  readonly commit: Commit;
  readonly driver: DatapathDriver;
  readonly datapaths: Datapaths;
  readonly inOrder: InOrder;
}

/**
 * Takes a datapath whose step was cut short to where its caller last knew it to be: what was being made ready is taken
 * back, what was being given up is given up. Tells what was done.
 */
export function settleStep(on: Mending, key: DatapathKey, dbg: string): Promise<string> {
  return withDatapath(on, key, async (datapath) => {
    const { underWay, holders } = datapath;
    switch (underWay?.step) {
      case undefined:
        return 'the step was ended meanwhile';
      case 'attach':
      case 'detach':
        return letGoNow(on, datapath, dbg);
      case 'deactivate':
        for (const holder of activeOf(holders)) await on.datapaths.deactivate(useOf(datapath, holder, dbg));
        return 'it is deactivated';
      case 'activate':
      case 'activate_readonly': {
        // Who has asked stands last.
        const asking = holders.at(-1);
        await on.datapaths.deactivate(useOf(datapath, asking, dbg));
        const active = activeOf(holders).find((holder) => holder !== asking);
        if (active === undefined) return 'it is deactivated, and still attached';
        // Who uses it already goes on.
        const by = datapath.phase === 'activated' ? datapath.by : underWay.step;
        await on.datapaths.activate(useOf(datapath, active, dbg), by);
        return 'it is activated again for who used it before';
      }
    }
  });
}

/** Deactivates and detaches a datapath for all who hold it. Tells what was done. */
export const letGo = (on: Mending, key: DatapathKey, dbg: string): Promise<string> =>
  withDatapath(on, key, (datapath) => letGoNow(on, datapath, dbg));

/** Closes a disk that was opened. Tells what was done. */
export function closeOpened(on: Mending, key: OpenedKey, dbg: string): Promise<string> {
  return on.inOrder(key.sr, [key.vdi], async () => {
    const opened = on.state.open(key);
    if (opened === undefined) return 'it was closed meanwhile';
    const { choice } = opened;
    await answered(on.driver, choice, CLOSE, { dbg, uri: choice.uri });
    await on.commit([{ type: 'closed', key }]);
    return 'it is closed';
  });
}

const CLOSE = scriptOf(DatapathInterface, 'close');

/** The datapath as it is when all that came before on its disk is done. */
const withDatapath = (
  { state, inOrder }: Mending,
  key: DatapathKey,
  mend: (datapath: Datapath) => Promise<string>,
): Promise<string> =>
  inOrder(key.sr, [key.vdi], async () => {
    const datapath = state.datapath(key);
    return datapath === undefined ? 'it was detached meanwhile' : mend(datapath);
  });

/** The last that came lets go first. */
async function letGoNow(on: Mending, datapath: Datapath, dbg: string): Promise<string> {
  const holders = [...datapath.holders].reverse();
  for (const holder of holders.length === 0 ? [undefined] : holders) {
    await on.datapaths.detach(useOf(datapath, holder, dbg));
  }
  return 'it is deactivated and detached';
}

const activeOf = (holders: readonly Holder[]): Holder[] => holders.filter(({ isActive }) => isActive);

const useOf = ({ sr, vdi, domain }: DatapathKey, holder: Holder | undefined, dbg: string): DiskUse => ({
  ...{ sr, vdi, domain, dbg },
  dp: holder?.dp ?? '',
});
