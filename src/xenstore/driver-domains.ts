import { listOrNone, type StoreReads } from './store-reads.ts';

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
  /** The trusted domains that exist, domain 0 first. */
  readonly domids: readonly number[];
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
  const byDomid = trusted.flatMap((domain) => (domain.type === 'domid' ? [domain.domid] : []));
  const uuids = new Set(trusted.flatMap((domain) => (domain.type === 'vm' ? [domain.uuid] : [])));
  const looked = uuids.size === 0 ? [] : await listDomains(store);
  const vms = await Promise.all(looked.map((domid) => store.readText(vmPath(domid))));
  const byVm = looked.filter((_, index) => uuids.has(vmUuid(vms[index])));
  const candidates = [...new Set([...byDomid, ...byVm])].filter((domid) => domid !== DOMAIN_0);
  const exist = await Promise.all(candidates.map((domid) => store.isDomainIntroduced(domid)));
  return { domids: [DOMAIN_0, ...candidates.filter((_, index) => exist[index])], looked };
}

export const vmPath = (domid: number): string => `/local/domain/${domid}/vm`;

const vmUuid = (vm: string | undefined): string => vm?.replace(/^\/vm\//, '').toLowerCase() ?? '';

async function listDomains(store: StoreReads): Promise<number[]> {
  const names = await listOrNone(store, '/local/domain');
  return (names ?? []).filter((name) => /^[0-9]+$/.test(name)).map(Number);
}
