import { deviceName } from './device-number.ts';
import {
  type BackendSide,
  type DiskSides,
  type FrontendSide,
  frontendPath,
  isSamePlace,
  type Keys,
  namedPlace,
} from './disk-sides.ts';
import { type XenbusState, xenbusState } from './xenbus.ts';

/** What is missing or does not fit, and what that usually means. */
const MEANINGS = {
  'no-domain': 'the domain has ended, or the number is another',
  'no-frontend': 'the toolstack has not plugged the disk, or has unplugged it',
  'no-backend': 'the toolstack has not set the disk up, or the driver domain with it is gone',
  'backend-key-missing': 'the frontend is half written, or its guest has changed it',
  'backend-key-wrong':
    'it is no path of a backend for this disk: a guest may have changed it, and it is not looked at',
  'backend-id-differs':
    'toolstack and driver domain do not agree on where the disk is: the guest cannot connect',
  'backend-elsewhere':
    'toolstack and backend were told different kinds or domains: neither side will see the other',
  'several-backends': 'an earlier one was not cleaned up: the guest may get another disk than it should',
  'backend-names-another-frontend':
    'the backend is one of an earlier life of the disk: it waits for another frontend',
  'state-missing': 'this side has not begun, or its keys were removed under it',
  'state-unknown': 'something wrote what is no state of a device',
  'params-missing': 'nobody has told the backend which disk it is to serve',
  'hotplug-missing': 'the hotplug script has not finished: the backend waits for it',
  'hotplug-failed': 'the hotplug script has failed: hotplug-error says why',
  'physical-device-missing':
    'blkback has not been given its block device: the hotplug script has not found it',
  'backend-starting': 'nothing serves the backend yet: its driver or process has not picked it up',
  'backend-waits':
    'the backend is ready and waits for the frontend: the guest has no driver for it, or has not booted',
  'frontend-waits': 'the frontend is ready and waits for the backend, which has not connected',
  'ring-missing': 'the frontend says that it is ready but has not said where its ring is',
  'frontend-closed':
    'the guest has let go of the disk (shut down, unplugged, or its driver changed), the backend has not',
  'backend-closed': 'the disk was taken away under the guest: its requests fail or hang',
  closing: 'the disk is being unplugged; the side that is not closed yet holds it up',
  closed: 'the guest has ended or let go of the disk, and the toolstack has not removed its keys yet',
  offline: 'the toolstack has asked for the disk to be unplugged, and the frontend has not closed',
} as const;

export type FindingCode = keyof typeof MEANINGS;
export const FINDING_CODES: readonly string[] = Object.keys(MEANINGS);

export interface Finding {
  readonly code: FindingCode;
  /** What was found. */
  readonly found: string;
  /** What that usually means. */
  readonly meaning: string;
}

/** A side of a disk. Its keys may hold secrets, in `params` above all. */
export interface ExplainedSide {
  readonly path: string;
  readonly keys: Keys;
  /** Nothing: the key is missing. */
  readonly state: XenbusState | undefined;
}

export interface Explanation {
  readonly domid: number;
  readonly devid: number;
  /** Such as `xvda`. */
  readonly device: string;
  readonly frontend: ExplainedSide | undefined;
  readonly backend: (ExplainedSide & Pick<BackendSide, 'domid' | 'kind'>) | undefined;
  /** Paths of further backends for the same disk. */
  readonly otherBackends: readonly string[];
  /** None: both sides are connected, and fit together. */
  readonly findings: readonly Finding[];
}

/** Says what the keys of a disk's two sides come to. */
export function explain(sides: DiskSides): Explanation {
  const { domid, devid, frontend, backends } = sides;
  const [backend, ...others] = backends;
  return {
    domid,
    devid,
    device: deviceName(devid),
    frontend: frontend && { ...frontend, state: stateOf(frontend) },
    backend: backend && { ...backend, state: stateOf(backend) },
    otherBackends: others.map(({ path }) => path),
    findings: [
      ...presence(sides),
      ...(frontend === undefined ? [] : link(sides, frontend, backend)),
      ...(backend === undefined ? [] : backLink(sides, backend)),
      ...(backend === undefined ? [] : setUp(backend)),
      ...states(frontend, backend),
    ],
  };
}

const finding = (code: FindingCode, found: string): Finding => ({ code, found, meaning: MEANINGS[code] });

const shown = (value: string | undefined): string =>
  value === undefined ? 'missing' : JSON.stringify(value);

const stateOf = ({ keys }: FrontendSide): XenbusState | undefined => xenbusState(keys.get('state'));

function* presence({ domid, devid, domainExists, frontend, backends }: DiskSides): Generator<Finding> {
  if (!domainExists) yield finding('no-domain', `domain ${domid} does not exist`);
  if (frontend === undefined) yield finding('no-frontend', `${frontendPath(domid, devid)} is not there`);
  if (backends.length === 0) yield finding('no-backend', `no domain has a backend for ${domid}/${devid}`);
  if (backends.length > 1) {
    yield finding('several-backends', `there are ${backends.map(({ path }) => path).join(', ')}`);
  }
}

/** What the frontend says of its backend. */
function* link(
  sides: DiskSides,
  { keys }: FrontendSide,
  backend: BackendSide | undefined,
): Generator<Finding> {
  const path = keys.get('backend');
  if (path === undefined) {
    yield finding('backend-key-missing', 'the frontend has no backend key');
    return;
  }
  const named = namedPlace(path, sides);
  if (named === undefined) {
    yield finding('backend-key-wrong', `the frontend's backend is ${JSON.stringify(path)}`);
    return;
  }
  const id = keys.get('backend-id');
  if (id !== `${named.domid}`) {
    yield finding('backend-id-differs', `backend is in domain ${named.domid}, backend-id is ${shown(id)}`);
  }
  if (backend !== undefined && !isSamePlace(backend, named)) {
    yield finding('backend-elsewhere', `the frontend names ${path}, the backend is ${backend.path}`);
  }
}

function* backLink({ domid, devid }: DiskSides, { keys }: BackendSide): Generator<Finding> {
  const path = keys.get('frontend');
  if (path !== frontendPath(domid, devid)) {
    yield finding('backend-names-another-frontend', `the backend's frontend is ${shown(path)}`);
  }
  const id = keys.get('frontend-id');
  if (id !== `${domid}`) {
    yield finding('backend-names-another-frontend', `the backend's frontend-id is ${shown(id)}`);
  }
}

/** What a backend needs to serve a disk. Only blkback's own kind waits for a hotplug script. */
function* setUp({ kind, keys }: BackendSide): Generator<Finding> {
  if (!keys.has('params')) yield finding('params-missing', 'the backend has no params');
  const status = keys.get('hotplug-status');
  if (status === 'error' || keys.has('hotplug-error')) {
    yield finding('hotplug-failed', `hotplug-status is ${JSON.stringify(status ?? null)}`);
  } else if (kind === 'vbd' && status === undefined) {
    yield finding('hotplug-missing', 'the backend has no hotplug-status');
  }
  if (kind === 'vbd' && !keys.has('physical-device')) {
    yield finding('physical-device-missing', 'the backend has no physical-device');
  }
}

function* states(frontend: FrontendSide | undefined, backend: BackendSide | undefined): Generator<Finding> {
  const sides = [
    ['frontend', frontend],
    ['backend', backend],
  ] as const;
  for (const [name, side] of sides) {
    if (side === undefined) continue;
    const value = side.keys.get('state');
    if (value === undefined) yield finding('state-missing', `the ${name} has no state`);
    else if (stateOf(side) === 'Unknown')
      yield finding('state-unknown', `the ${name}'s state is ${JSON.stringify(value)}`);
  }
  if (frontend === undefined || backend === undefined) return;
  const front = stateOf(frontend);
  const back = stateOf(backend);
  const both = `the frontend is ${front ?? 'without a state'}, the backend ${back ?? 'without a state'}`;
  const code = waiting(front, back);
  if (code !== undefined) yield finding(code, both);
  if (isReady(front) && !RING_KEYS.some((key) => frontend.keys.has(key))) {
    yield finding('ring-missing', 'the frontend has no ring-ref');
  }
  if (backend.keys.get('online') === '0' && back !== 'Closed' && front !== 'Closed') {
    yield finding('offline', `the backend's online is 0, and ${both}`);
  }
}

/** One page, several, or a ring for each of several queues. */
const RING_KEYS = ['ring-ref', 'ring-ref0', 'queue-0'];

/** What two states mean together; nothing when that is as it should be, or said already. */
function waiting(front: XenbusState | undefined, back: XenbusState | undefined): FindingCode | undefined {
  if (front === 'Connected' && back === 'Connected') return undefined;
  if (front === 'Closed' && back === 'Closed') return 'closed';
  if (isClosed(front)) return isClosed(back) ? 'closing' : 'frontend-closed';
  if (isClosed(back)) return isReady(front) ? 'backend-closed' : 'closing';
  if (back === undefined || back === 'Initialising') return 'backend-starting';
  if (back === 'Unknown' || front === 'Unknown') return undefined;
  return isReady(front) ? 'frontend-waits' : 'backend-waits';
}

const isClosed = (state: XenbusState | undefined): boolean => state === 'Closing' || state === 'Closed';

/** Whether a frontend has said where its ring is, and wants to work. */
const isReady = (state: XenbusState | undefined): boolean => state === 'Initialised' || state === 'Connected';
