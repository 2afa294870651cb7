import { listDomains } from './driver-domains.ts';
import { listOrNone, type StoreReads } from './store-reads.ts';
import { homeOf } from './tree.ts';
import { BACKEND_KINDS } from './xenbus.ts';

/** What a directory in xenstore holds: its direct keys and their values. */
export type Keys = ReadonlyMap<string, string>;

export interface FrontendSide {
  readonly path: string;
  readonly keys: Keys;
}

/** Where backends of a kind are. */
export interface BackendPlace {
  readonly domid: number;
  /** `vbd`, `vbd3`, `qdisk`, or what else the frontend names. */
  readonly kind: string;
}

export interface BackendSide extends FrontendSide, BackendPlace {}

/** Both sides of a disk, as they are in xenstore. */
export interface DiskSides {
  readonly domid: number;
  readonly devid: number;
  readonly domainExists: boolean;
  readonly frontend: FrontendSide | undefined;
  /** All backends for this disk, of any domain and kind; first the one that the frontend names, if it is there. */
  readonly backends: readonly BackendSide[];
}

const BACKEND_PATH = /^\/local\/domain\/(\d{1,5})\/backend\/([A-Za-z0-9_-]{1,32})\/(\d{1,5})\/(\d{1,10})$/;

/** Where the backend is that a disk's frontend names by its path; nothing when that is none of a backend for this disk. */
export function namedPlace(
  path: string,
  disk: { readonly domid: number; readonly devid: number },
): BackendPlace | undefined {
  const [, domid, kind, frontendDomid, devid] = BACKEND_PATH.exec(path) ?? [];
  if (kind === undefined || Number(frontendDomid) !== disk.domid || Number(devid) !== disk.devid)
    return undefined;
  return { domid: Number(domid), kind };
}

export const isSamePlace = (one: BackendPlace, other: BackendPlace): boolean =>
  one.domid === other.domid && one.kind === other.kind;

export const frontendPath = (domid: number, devid: number): string => `${homeOf(domid)}/device/vbd/${devid}`;

/**
 * Reads both sides of a disk, and changes nothing. The backend that the frontend names is looked at only where it is one
 * of this disk's: a guest can write what it likes there. All other domains and kinds are searched as well.
 */
export async function readDiskSides(store: StoreReads, domid: number, devid: number): Promise<DiskSides> {
  const path = frontendPath(domid, devid);
  const [domainExists, keys, candidates] = await Promise.all([
    store.isDomainIntroduced(domid),
    readKeys(store, path),
    listDomains(store),
  ]);
  const named = namedPlace(keys?.get('backend') ?? '', { domid, devid });
  const places = candidates.flatMap((candidate) => BACKEND_KINDS.map((kind) => ({ domid: candidate, kind })));
  const wanted: readonly BackendPlace[] =
    named === undefined ? places : [named, ...places.filter((place) => !isSamePlace(place, named))];
  const sides = await Promise.all(
    wanted.map(async (place): Promise<BackendSide[]> => {
      const backend = `${homeOf(place.domid)}/backend/${place.kind}/${domid}/${devid}`;
      const found = await readKeys(store, backend);
      return found === undefined ? [] : [{ ...place, path: backend, keys: found }];
    }),
  );
  return {
    domid,
    devid,
    domainExists,
    frontend: keys === undefined ? undefined : { path, keys },
    backends: sides.flat(),
  };
}

/** The keys of a directory; nothing when it is not there. A key that goes while it is read is left out. */
async function readKeys(store: StoreReads, path: string): Promise<Keys | undefined> {
  const names = await listOrNone(store, path);
  if (names === undefined) return undefined;
  const values = await Promise.all(names.map((name) => store.readText(`${path}/${name}`)));
  return new Map(
    names.flatMap((name, index) => {
      const value = values[index];
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
}
