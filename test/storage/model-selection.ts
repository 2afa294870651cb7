import fc from 'fast-check';
import {
  CACHINGS,
  CACHINGS_OF,
  compileRules,
  type DatapathRule,
  type Directions,
  IMPLEMENTATIONS,
  type Implementation,
  type Properties,
} from '../../src/storage/datapath-rules.ts';
import {
  type DatapathPlugins,
  type HostView,
  type Selected,
  type Selection,
  type SelectionRequest,
  select,
} from '../../src/storage/selector.ts';
import type { BackendKind } from '../../src/xenstore/xenbus.ts';

/** A host and its plugins as plain values, and what a selection on them should be. */

export const SR = 'd2ab6f7e-0000-4000-8000-000000000001';

export interface Host {
  /** The domains that serve an SR. */
  readonly domains: Readonly<Record<string, readonly number[]>>;
  readonly vms: Readonly<Record<number, string>>;
  /** How many disks each kind of backend carries, by domain; a kind that is not named was never there. */
  readonly disks: Readonly<Record<number, Readonly<Partial<Record<BackendKind, number>>>>>;
}

/** Domain 0 serves the SR and has tapdisk. */
export const HOST: Host = {
  domains: { [SR]: [0] },
  vms: { 0: 'vm-of-0', 3: 'vm-of-3' },
  disks: { 0: { vbd3: 0 } },
};

export const viewOf = ({ domains, vms, disks }: Host): HostView => ({
  domainsOf: (sr) => domains[sr] ?? [],
  vmOf: (domid) => vms[domid],
  hasKind: (domid, kind) => disks[domid]?.[kind] !== undefined,
  disks: (domid, kind) => disks[domid]?.[kind] ?? 0,
});

/** Plugins by scheme, each with its features. */
export type Schemes = Readonly<Record<string, readonly string[]>>;

export const pluginsOf = (schemes: Schemes): DatapathPlugins => ({
  features: (scheme) => (Object.hasOwn(schemes, scheme) ? new Set(schemes[scheme]) : undefined),
});

export const NO_RULES: readonly DatapathRule[] = [];
const NONE: Properties = { implementation: [], driverDomain: [], caching: [] };

/** A rule for all disks, but for what is given. */
export const rule = ({
  prefer,
  forbid,
  ...rest
}: Partial<Omit<DatapathRule, 'prefer' | 'forbid'>> & {
  readonly prefer?: Partial<Properties>;
  readonly forbid?: Partial<Properties>;
}): DatapathRule => ({
  ...{ scheme: '*', sr: '*', domain: '*', spread: false },
  ...rest,
  prefer: { ...NONE, ...prefer },
  forbid: { ...NONE, ...forbid },
});

export interface Question extends SelectionRequest {
  readonly host: Host;
  readonly schemes: Schemes;
  readonly rules: readonly DatapathRule[];
}

export const ask = ({ host, schemes, rules, ...request }: Question): Selected =>
  select(request, viewOf(host), pluginsOf(schemes), compileRules(rules));

/** A guest's disk with one URI that a plugin serves, but for what is given. */
export const selectWith = (given: Partial<Question> = {}): Selected =>
  ask({
    ...{ uris: ['raw:///a'], sr: SR, domain: '7', persistent: true },
    ...{ host: HOST, schemes: { raw: [], vhd: ['NONPERSISTENT'] }, rules: NO_RULES },
    ...given,
  });

/** The selection, which has to be there. */
export function selectionWith(given: Partial<Question> = {}): Selection {
  const { selection, verdicts } = selectWith(given);
  if (selection === undefined) throw new Error(verdicts.map(({ reason }) => reason).join());
  return selection;
}

/** What the rules say of a URI's disk. */
export const directionsOf = ({ sr, domain, rules }: Question, scheme: string): Directions =>
  compileRules(rules)({ scheme, sr, domain });

/** The URI that is taken when there are no rules, word for word as the toolstack's interface has it. */
export function naive({ uris, schemes, persistent }: Question): string | undefined {
  const withScheme = uris.flatMap((uri) => {
    const colon = uri.indexOf(':');
    return colon > 0 ? [{ uri, scheme: uri.slice(0, colon) }] : [];
  });
  const served = withScheme.filter(({ scheme }) => schemes[scheme] !== undefined);
  const forgetting = served.filter(({ scheme }) => schemes[scheme]?.includes('NONPERSISTENT'));
  const [first] = persistent ? served : [...forgetting, ...served];
  return first?.uri;
}

const DOMIDS = [0, 3, 5];
const SCHEMES = ['raw', 'vhd', 'nbd+unix', 'gone'];

const subset = <T>(values: readonly T[], maxLength = values.length) =>
  fc.subarray([...values], { maxLength });

const properties: fc.Arbitrary<Properties> = fc.record({
  implementation: fc.array(fc.constantFrom(...IMPLEMENTATIONS), { maxLength: 4 }),
  driverDomain: subset(['0', '3', 'vm-of-3', 'vm-of-9'], 2),
  caching: subset(CACHINGS, 3),
});

const anyRule: fc.Arbitrary<DatapathRule> = fc.record({
  scheme: fc.constantFrom('*', 'raw', 'v*', 'nbd+unix'),
  sr: fc.constantFrom('*', SR, 'other'),
  domain: fc.constantFrom('*', '7', 'u0_*', '8'),
  prefer: properties,
  forbid: properties,
  spread: fc.boolean(),
});

const kinds: fc.Arbitrary<Partial<Record<BackendKind, number>>> = fc.record(
  { vbd3: fc.nat(3), vbd: fc.nat(3), qdisk: fc.nat(3) },
  { requiredKeys: [] },
);

const features = fc.subarray(['NONPERSISTENT', 'VDI_MIRROR_IN']);

/** Any question about a host with three domains. `rules`: at most so many. */
export const question = (rules: number): fc.Arbitrary<Question> =>
  fc.record({
    uris: fc.array(
      fc.oneof(
        fc.constantFrom(...SCHEMES).map((scheme) => `${scheme}:///a`),
        fc.constantFrom('raw://b', 'none', ':///c', '/d', ''),
      ),
      { maxLength: 5 },
    ),
    sr: fc.constantFrom(SR, '', 'other'),
    domain: fc.constantFrom('7', '8', '0', 'u0_vbd_7_xvda'),
    persistent: fc.boolean(),
    host: fc.record({
      domains: subset(DOMIDS).map((domids) => ({ [SR]: domids })),
      vms: fc.constantFrom({}, { 3: 'vm-of-3' }, { 0: 'vm-of-0', 3: 'vm-of-3', 5: 'vm-of-5' }),
      disks: fc.record({ 0: kinds, 3: kinds, 5: kinds }),
    }),
    schemes: fc.record({ raw: features, vhd: features, 'nbd+unix': features }, { requiredKeys: [] }),
    rules: fc.array(anyRule, { maxLength: rules }),
  });

/** Whether rules leave an implementation a caching strategy. */
export const canCache = (implementation: Implementation, { forbid }: Directions): boolean =>
  CACHINGS_OF[implementation].some((caching) => !forbid.caching.includes(caching));
