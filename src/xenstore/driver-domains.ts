import { listOrNone, type StoreReads } from './store-reads.ts';
import { homeOf } from './tree.ts';

/** A driver domain as it is trusted: by its domid, which a reboot changes, or by its VM's uuid. */
export type TrustedDomain =
  | { readonly type: 'domid'; readonly domid: number }
  | { readonly type: 'vm'; readonly uuid: string };

/** The one domain that is always trusted, and always there. */
export const DOMAIN_0 = 0;

/** Reads a name from the settings. Anything that is no number is a VM's uuid. */
export const trustedDomain = (name: string): TrustedDomain =>
  /^[0-9]{1,5}$/.test(name)
    ? { type: 'domid', domid: Number(name) }
    : { type: 'vm', uuid: name.toLowerCase() };

export interface ResolvedDomains {
  /** The trusted domains that exist, domain 0 first, each with the uuid of its VM where that is known. */
  readonly domains: ReadonlyMap<number, string | undefined>;
  /** The domains whose `vm` was looked at, as one of them may become a trusted one when it is written. */
  readonly looked: readonly number[];
}

/**
 * Finds which of the trusted domains exist now. A VM's domain is the one whose `vm`, which the toolstack writes,
 * says so.
 */
export async function resolveDomains(
  store: StoreReads,
  trusted: readonly TrustedDomain[],
): Promise<ResolvedDomains> {
  const byDomid = new Set([DOMAIN_0]);
  const uuids = new Set<string>();
  for (const domain of trusted) {
    if (domain.type === 'domid') byDomid.add(domain.domid);
    else uuids.add(domain.uuid);
  }
  const looked = [...byDomid.union(new Set(uuids.size === 0 ? [] : await listDomains(store)))];
  const vms = await Promise.all(looked.map(async (domid) => vmUuid(await store.readText(vmPath(domid)))));
  const exist = await Promise.all(
    looked.map((domid, index) => {
      const isTrusted = byDomid.has(domid) || uuids.has(vms[index] ?? '');
      return isTrusted && (domid === DOMAIN_0 || store.isDomainIntroduced(domid));
    }),
  );
  const domains = looked.flatMap((domid, index) =>
    exist[index] === true ? [[domid, vms[index]] as const] : [],
  );
  return { domains: new Map(domains), looked };
}

export const vmPath = (domid: number): string => `${homeOf(domid)}/vm`;

/** The uuid in a domain's `vm`, which is the path of its VM's keys. */
const vmUuid = (vm: string | undefined): string | undefined =>
  /^\/vm\/([^/]+)$/.exec(vm ?? '')?.[1]?.toLowerCase();

/** The domains that have a home in the store. */
export async function listDomains(store: StoreReads): Promise<number[]> {
  const names = await listOrNone(store, '/local/domain');
  return (names ?? []).filter((name) => /^[0-9]{1,5}$/.test(name)).map(Number);
}
