import { BACKEND_KINDS, type BackendKind, type XenbusState } from './xenbus.ts';

/** A disk as its backend has it. A key that is missing is a state of its own: the field is `undefined`. */
export interface Backend {
  /** The domain that serves it. */
  readonly domid: number;
  readonly kind: BackendKind;
  readonly frontendDomid: number;
  readonly devid: number;
  readonly state: XenbusState | undefined;
  readonly online: boolean | undefined;
  /** The path of the frontend's keys. */
  readonly frontend: string | undefined;
  /** May hold secrets: not for logs. */
  readonly params: string | undefined;
  readonly mode: 'r' | 'w' | undefined;
  readonly physicalDevice: string | undefined;
  readonly physicalDevicePath: string | undefined;
  readonly hotplugStatus: string | undefined;
}

/** What a node below a domain's `backend/<kind>` comes to. */
export type BackendNode =
  | { readonly type: 'followed'; readonly backend: Backend }
  | { readonly type: 'left-out'; readonly reason: LeftOut };

/** No room: over the limit on backends; too large: its keys are over the limit on these; no number: its name is no disk's. */
export type LeftOut = 'no-room' | 'too-large' | 'no-number';

/** What is known of one kind of backends in one domain. */
export interface KindReport {
  readonly domid: number;
  readonly kind: BackendKind;
  readonly count: number;
  /** `no state`: the key is missing. */
  readonly states: ReadonlyMap<XenbusState | 'no state', number>;
  readonly leftOut: ReadonlyMap<LeftOut, number>;
}

/** The backends of one kind in one domain, and their counts, kept as they change. */
interface Directory {
  present: boolean;
  count: number;
  readonly states: Map<XenbusState | 'no state', number>;
  readonly leftOut: Map<LeftOut, number>;
  /** By the names of the frontend's domain and of the device. */
  readonly nodes: Map<string, Map<string, BackendNode>>;
  /** Nodes, such as `5/51712`, that were left out for want of room. */
  readonly withoutRoom: Set<string>;
}

/** The backends of all domains that are followed: at most `max`, and of those beyond only the names. */
export class BackendTable {
  readonly #max: number;
  readonly #domains = new Map<number, Map<BackendKind, Directory>>();
  #followed = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** How many more can be followed. */
  get room(): number {
    return this.#max - this.#followed;
  }

  get(domid: number, kind: BackendKind, frontendDomid: number, devid: number): Backend | undefined {
    const node = this.node(domid, kind, `${frontendDomid}`, `${devid}`);
    return node?.type === 'followed' ? node.backend : undefined;
  }

  node(domid: number, kind: BackendKind, frontend: string, device: string): BackendNode | undefined {
    return this.#find(domid, kind)?.nodes.get(frontend)?.get(device);
  }

  /** Every backend that is followed. */
  *all(): Generator<Backend> {
    for (const directories of this.#domains.values()) {
      for (const { nodes } of directories.values()) {
        for (const devices of nodes.values()) {
          for (const node of devices.values()) if (node.type === 'followed') yield node.backend;
        }
      }
    }
  }

  count(domid: number, kind: BackendKind): number {
    return this.#find(domid, kind)?.count ?? 0;
  }

  /** Whether the directory for backends of a kind exists. */
  hasKind(domid: number, kind: BackendKind): boolean {
    return this.#find(domid, kind)?.present ?? false;
  }

  /** Notes whether that directory exists; answers whether that is a change. */
  setPresent(domid: number, kind: BackendKind, present: boolean): boolean {
    const directory = this.#make(domid, kind);
    const changed = directory.present !== present;
    directory.present = present;
    return changed;
  }

  /** The names of the frontends' domains, or of one's devices, followed or not. */
  names(domid: number, kind: BackendKind, frontend?: string): Iterable<string> {
    const nodes = this.#find(domid, kind)?.nodes;
    return (frontend === undefined ? nodes : nodes?.get(frontend))?.keys() ?? [];
  }

  /** Nodes left out for want of room, as many as there is room for now. */
  withRoomNow(domid: number, kind: BackendKind): Iterable<string> {
    const { room } = this;
    return room > 0 ? (this.#find(domid, kind)?.withoutRoom.values().take(room) ?? []) : [];
  }

  /**
   * Sets what a node comes to; `undefined` when it is gone. One for which there is no room is left out. Answers whether
   * what is followed has changed.
   */
  set(
    domid: number,
    kind: BackendKind,
    frontend: string,
    device: string,
    wanted: BackendNode | undefined,
  ): boolean {
    const directory = this.#make(domid, kind);
    const before = directory.nodes.get(frontend)?.get(device);
    const fits = wanted?.type !== 'followed' || before?.type === 'followed' || this.room > 0;
    const node: BackendNode | undefined = fits ? wanted : { type: 'left-out', reason: 'no-room' };
    const name = `${frontend}/${device}`;
    if (before !== undefined) this.#tally(directory, name, before, -1);
    if (node !== undefined) this.#tally(directory, name, node, 1);
    put(directory.nodes, frontend, device, node);
    return !sameFollowed(before, node);
  }

  /** Forgets a domain with all of its backends. Answers whether what is followed has changed. */
  removeDomain(domid: number): boolean {
    const directories = this.#domains.get(domid);
    this.#domains.delete(domid);
    let changed = false;
    for (const { present, count } of directories?.values() ?? []) {
      this.#followed -= count;
      changed ||= present || count > 0;
    }
    return changed;
  }

  /** By domain and kind, those whose directory exists. */
  report(): KindReport[] {
    return [...this.#domains].flatMap(([domid, directories]) =>
      BACKEND_KINDS.flatMap((kind) => {
        const directory = directories.get(kind);
        if (directory?.present !== true) return [];
        const { count, states, leftOut } = directory;
        return [{ domid, kind, count, states: new Map(states), leftOut: new Map(leftOut) }];
      }),
    );
  }

  #find(domid: number, kind: BackendKind): Directory | undefined {
    return this.#domains.get(domid)?.get(kind);
  }

  #make(domid: number, kind: BackendKind): Directory {
    const known = this.#find(domid, kind);
    if (known !== undefined) return known;
    const directories = this.#domains.get(domid) ?? new Map<BackendKind, Directory>();
    const made: Directory = {
      present: false,
      count: 0,
      states: new Map(),
      leftOut: new Map(),
      nodes: new Map(),
      withoutRoom: new Set(),
    };
    this.#domains.set(domid, directories.set(kind, made));
    return made;
  }

  #tally(directory: Directory, name: string, node: BackendNode, by: 1 | -1): void {
    if (node.type === 'followed') {
      this.#followed += by;
      directory.count += by;
      add(directory.states, node.backend.state ?? 'no state', by);
      return;
    }
    add(directory.leftOut, node.reason, by);
    if (node.reason !== 'no-room') return;
    if (by > 0) directory.withoutRoom.add(name);
    else directory.withoutRoom.delete(name);
  }
}

function add<Key>(counts: Map<Key, number>, key: Key, by: number): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}

/** Puts a node where it belongs, or takes it away, and leaves no empty map. */
function put(
  nodes: Map<string, Map<string, BackendNode>>,
  frontend: string,
  device: string,
  node: BackendNode | undefined,
): void {
  const devices = nodes.get(frontend) ?? new Map<string, BackendNode>();
  if (node === undefined) devices.delete(device);
  else devices.set(device, node);
  if (devices.size === 0) nodes.delete(frontend);
  else nodes.set(frontend, devices);
}

function sameFollowed(before: BackendNode | undefined, after: BackendNode | undefined): boolean {
  if (before?.type !== 'followed') return after?.type !== 'followed';
  if (after?.type !== 'followed') return false;
  return FIELDS.every((field) => before.backend[field] === after.backend[field]);
}

/** What may change of a backend; the rest is where it is. */
const FIELDS = [
  'state',
  'online',
  'frontend',
  'params',
  'mode',
  'physicalDevice',
  'physicalDevicePath',
  'hotplugStatus',
] as const satisfies readonly (keyof Backend)[];
