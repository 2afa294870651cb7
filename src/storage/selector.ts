import type { BackendKind } from '../xenstore/xenbus.ts';
import {
  CACHINGS_OF,
  type Caching,
  type Directions,
  IMPLEMENTATIONS,
  type Implementation,
  isBackendKind,
  type Subject,
} from './datapath-rules.ts';

/** The little that a selection needs of what is known of the host. */
export interface HostView {
  /** The domains that publish an SR, the lowest first; none when the SR is not attached. */
  domainsOf(sr: string): readonly number[];
  /** The uuid of a domain's VM; nothing when it is not known. */
  vmOf(domid: number): string | undefined;
  /** Whether such backends were ever set up in a domain: its toolstack can have them. */
  hasKind(domid: number, kind: BackendKind): boolean;
  /** How many disks the backends of a kind carry in a domain. */
  disks(domid: number, kind: BackendKind): number;
}

/** What a selection needs of the datapath plugins. */
export interface DatapathPlugins {
  /** The features of the plugin that serves a URI scheme; nothing when none does. */
  features(scheme: string): ReadonlySet<string> | undefined;
}

export interface SelectionRequest {
  /** Candidates, the most desirable first. */
  readonly uris: readonly string[];
  /** The SR of the volume; empty when the URI stands for itself. */
  readonly sr: string;
  /** The domain that asks, as the plugin is told it: a domid, or `u0_…` for domain 0. */
  readonly domain: string;
  /** False: what is written is not kept. */
  readonly persistent: boolean;
}

export interface DriverDomain {
  readonly domid: number;
  /** Unknown where xenstore does not tell. */
  readonly uuid: string | undefined;
}

/** How a disk gets to a domain. */
export interface Selection {
  readonly uri: string;
  /** The datapath plugin: the URI's scheme. */
  readonly plugin: string;
  readonly driverDomain: DriverDomain;
  /** What is allowed, the best first. */
  readonly implementations: readonly [Implementation, ...Implementation[]];
  /** What the rules forbid. */
  readonly forbidden: readonly Implementation[];
  readonly caching: Caching;
  /** A rule had a say in it. */
  readonly ruled: boolean;
  /** Why this one, for people. */
  readonly reason: string;
}

/** What became of a candidate. */
export interface Verdict {
  readonly uri: string;
  readonly outcome: 'chosen' | 'rejected' | 'not needed';
  readonly reason: string;
}

export interface Selected {
  /** Nothing: each candidate was rejected. */
  readonly selection: Selection | undefined;
  /** One for each candidate, in their order. */
  readonly verdicts: readonly Verdict[];
}

/** The feature of a plugin that can forget what is written. */
export const NONPERSISTENT = 'NONPERSISTENT';

/** `scheme` of RFC 3986, section 3.1. */
const SCHEME = /^([A-Za-z][A-Za-z0-9+.-]*):/;

/** The scheme of a URI, in lower case; nothing when it has none. */
export const schemeOf = (uri: string): string | undefined => SCHEME.exec(uri)?.[1]?.toLowerCase();

const FOR_GUESTS: readonly Implementation[] = ['vbd3', 'vbd', 'qdisk'];
const FOR_DOMAIN_0: readonly Implementation[] = ['nbd', 'block', 'file'];

/** Whether a domain, as a plugin is told it, is domain 0: each of its uses has a name of its own. */
const isDomain0 = (domain: string): boolean => domain === '0' || domain.startsWith('u0_');

type Considered =
  | { readonly type: 'viable'; readonly selection: Selection; readonly forgets: boolean }
  | { readonly type: 'rejected'; readonly reason: string };

/**
 * Chooses the datapath of a disk. Of the URIs with a scheme that a plugin serves, the first that the rules allow is taken;
 * for a disk that is not to be kept, the first whose plugin can forget, if any can.
 */
export function select(
  request: SelectionRequest,
  view: HostView,
  plugins: DatapathPlugins,
  directionsFor: (subject: Subject) => Directions,
): Selected {
  const considered = request.uris.map((uri) => consider(uri, request, view, plugins, directionsFor));
  const firstThat = (fits: (forgets: boolean) => boolean): number =>
    considered.findIndex((candidate) => candidate.type === 'viable' && fits(candidate.forgets));
  const forgetting = request.persistent ? -1 : firstThat((forgets) => forgets);
  const chosen = forgetting >= 0 ? forgetting : firstThat(() => true);
  const winner = considered[chosen];
  const verdicts = considered.map((candidate, index): Verdict => {
    const uri = request.uris[index] ?? '';
    if (candidate.type === 'rejected') return { uri, outcome: 'rejected', reason: candidate.reason };
    if (index === chosen) return { uri, outcome: 'chosen', reason: candidate.selection.reason };
    const reason =
      index > chosen
        ? 'a candidate before it is taken'
        : `the disk is not to be kept, and its plugin lacks ${NONPERSISTENT}`;
    return { uri, outcome: 'not needed', reason };
  });
  return { selection: winner?.type === 'viable' ? winner.selection : undefined, verdicts };
}

function consider(
  uri: string,
  { sr, domain }: SelectionRequest,
  view: HostView,
  plugins: DatapathPlugins,
  directionsFor: (subject: Subject) => Directions,
): Considered {
  const scheme = schemeOf(uri);
  if (scheme === undefined) return rejected('it has no scheme');
  const features = plugins.features(scheme);
  if (features === undefined) return rejected(`no datapath plugin serves the scheme ${scheme}`);
  const directions = directionsFor({ scheme, sr, domain });
  const driverDomain = chooseDomain(sr, view, directions);
  if (typeof driverDomain === 'string') return rejected(driverDomain);
  const implementations = rankImplementations(domain, driverDomain.domid, view, directions);
  const [first, ...others] = implementations;
  const caching = first && chooseCaching(first, directions);
  if (first === undefined || caching === undefined)
    return rejected(`every implementation is forbidden by ${rulesText(directions)}`);
  const selection: Selection = {
    uri,
    plugin: scheme,
    driverDomain,
    implementations: [first, ...others],
    forbidden: IMPLEMENTATIONS.filter((implementation) => !isAllowed(implementation, directions)),
    caching,
    ruled: directions.rules.length > 0,
    reason: explain(first, driverDomain, caching, directions),
  };
  return { type: 'viable', selection, forgets: features.has(NONPERSISTENT) };
}

const rejected = (reason: string): Considered => ({ type: 'rejected', reason });

/**
 * The domain that serves the SR; of several the one that is preferred. Domain 0 publishes whatever is attached through it: a
 * driver domain that publishes the SR as well is the one that has the disks. A text: why there is none.
 */
function chooseDomain(
  sr: string,
  view: HostView,
  { prefer, forbid, rules }: Directions,
): DriverDomain | string {
  const serving = view.domainsOf(sr);
  const driverDomains = serving.filter((domid) => domid !== 0);
  const domids =
    driverDomains.length < serving.length || serving.length === 0 ? [...driverDomains, 0] : driverDomains;
  const known = domids.map((domid): DriverDomain => ({ domid, uuid: view.vmOf(domid) }));
  const allowed = known.filter((domain) => !forbid.driverDomain.some((name) => isNamed(domain, name)));
  const preferred = prefer.driverDomain.flatMap((name) => allowed.filter((domain) => isNamed(domain, name)));
  const [chosen] = [...preferred, ...allowed];
  return chosen ?? `the driver domain ${domids.join(', ')} is forbidden by ${rulesText({ rules })}`;
}

const isNamed = ({ domid, uuid }: DriverDomain, name: string): boolean =>
  name === `${domid}` || name === uuid;

/** Those that are preferred in their order, then those whose backends are there, then all others. */
function rankImplementations(
  domain: string,
  domid: number,
  view: HostView,
  directions: Directions,
): Implementation[] {
  const { prefer, spread } = directions;
  const possible = (isDomain0(domain) ? FOR_DOMAIN_0 : FOR_GUESTS).filter((implementation) =>
    isAllowed(implementation, directions),
  );
  const isThere = (implementation: Implementation): boolean =>
    !isBackendKind(implementation) || view.hasKind(domid, implementation);
  const preferred = [...new Set(prefer.implementation)].filter((each) => possible.includes(each));
  const others = possible.filter((implementation) => !preferred.includes(implementation));
  const there = others.filter(isThere);
  return [
    ...(spread ? byDisks(preferred, domid, view) : preferred),
    // A backend that is not there carries no disk, and yet is not the one to take.
    ...(spread && preferred.length === 0 ? byDisks(there, domid, view) : there),
    ...others.filter((implementation) => !isThere(implementation)),
  ];
}

/** Whether the rules leave an implementation, and a caching strategy that it has. */
const isAllowed = (implementation: Implementation, directions: Directions): boolean =>
  !directions.forbid.implementation.includes(implementation) &&
  chooseCaching(implementation, directions) !== undefined;

/** Those with the fewest disks first; those with as many stay in their order. */
function byDisks(
  implementations: readonly Implementation[],
  domid: number,
  view: HostView,
): Implementation[] {
  const disks = (implementation: Implementation): number =>
    isBackendKind(implementation) ? view.disks(domid, implementation) : 0;
  return [...implementations].sort((a, b) => disks(a) - disks(b));
}

function chooseCaching(implementation: Implementation, { prefer, forbid }: Directions): Caching | undefined {
  const possible = CACHINGS_OF[implementation].filter((caching) => !forbid.caching.includes(caching));
  return prefer.caching.find((caching) => possible.includes(caching)) ?? possible[0];
}

const rulesText = ({ rules }: Pick<Directions, 'rules'>): string => `the rules (number ${rules.join(', ')})`;

function explain(
  implementation: Implementation,
  { domid }: DriverDomain,
  caching: Caching,
  directions: Directions,
): string {
  const what = `${implementation} of domain ${domid}, caching ${caching}`;
  return directions.rules.length === 0 ? what : `${what}, by ${rulesText(directions)}`;
}
