import type { Backend, BackendNode, BackendTable } from './backend-table.ts';
import { listOrNone, type StoreReads } from './store-reads.ts';
import { homeOf, type Tree } from './tree.ts';
import { type BackendKind, xenbusState } from './xenbus.ts';

/** Where a backend is. */
interface Place {
  readonly domid: number;
  readonly kind: BackendKind;
  readonly frontend: string;
  readonly device: string;
}

/** The backends of one kind: `backend/<kind>/<frontend domid>/<device id>` below a domain's home. */
export const backendTree = (table: BackendTable, kind: BackendKind, maxBytes: number): Tree => ({
  name: kind,
  path: `backend/${kind}`,
  depth: 2,
  setPresent: (domid, present) => table.setPresent(domid, kind, present),
  names: (domid, folder) => table.names(domid, kind, folder === '' ? undefined : folder),
  read: async (store, domid, name) => {
    const [frontend = '', device = ''] = name.split('/');
    const node = await readBackend(store, table, { domid, kind, frontend, device }, maxBytes);
    return () => table.set(domid, kind, frontend, device, node);
  },
  again: (domid) => table.withRoomNow(domid, kind),
  removeDomain: (domid) => table.removeDomain(domid),
});

/** The keys that are kept; nobody may count on one of them to be there. */
const KEYS = [
  'state',
  'online',
  'frontend',
  'params',
  'mode',
  'physical-device',
  'physical-device-path',
  'hotplug-status',
] as const;

/** Numbers as Xen writes them, so that no backend has two names. */
const DOMID = /^(0|[1-9][0-9]{0,4})$/;
const DEVICE_ID = /^(0|[1-9][0-9]{0,9})$/;

/** What a node comes to now; nothing when it is not there. */
async function readBackend(
  store: StoreReads,
  table: BackendTable,
  place: Place,
  maxBytes: number,
): Promise<BackendNode | undefined> {
  const { domid, kind, frontend, device } = place;
  const path = `${homeOf(domid)}/backend/${kind}/${frontend}/${device}`;
  const isThere = async (): Promise<boolean> => (await listOrNone(store, path)) !== undefined;
  if (!DOMID.test(frontend) || !DEVICE_ID.test(device)) {
    return (await isThere()) ? { type: 'left-out', reason: 'no-number' } : undefined;
  }
  // Without room its keys are of no use.
  if (table.room <= 0 && table.node(domid, kind, frontend, device)?.type !== 'followed') {
    return (await isThere()) ? { type: 'left-out', reason: 'no-room' } : undefined;
  }
  const values = await Promise.all(KEYS.map((key) => store.readText(`${path}/${key}`)));
  if (values.every((value) => value === undefined) && !(await isThere())) return undefined;
  const bytes = values.reduce((sum, value) => sum + Buffer.byteLength(value ?? ''), 0);
  if (bytes > maxBytes) return { type: 'left-out', reason: 'too-large' };
  return { type: 'followed', backend: backendOf(place, values) };
}

function backendOf(
  { domid, kind, frontend, device }: Place,
  values: readonly (string | undefined)[],
): Backend {
  const value = (key: (typeof KEYS)[number]): string | undefined => values[KEYS.indexOf(key)];
  const online = value('online');
  return {
    domid,
    kind,
    frontendDomid: Number(frontend),
    devid: Number(device),
    state: xenbusState(value('state')),
    online: online === undefined ? undefined : online === '1',
    frontend: value('frontend'),
    params: value('params'),
    mode: modeOf(value('mode')),
    physicalDevice: value('physical-device'),
    physicalDevicePath: value('physical-device-path'),
    hotplugStatus: value('hotplug-status'),
  };
}

/** A `!` behind the letter, for sharing without checks, changes nothing of what may be done. */
const modeOf = (mode: string | undefined): 'r' | 'w' | undefined =>
  mode?.startsWith('w') === true ? 'w' : mode?.startsWith('r') === true ? 'r' : undefined;
