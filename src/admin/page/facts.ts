/** What the daemon tells the page: types alone, for both sides. Times are ms since the epoch unless it says otherwise. */

/** A part of what is there now, by the name of its event. */
export interface Facts {
  readonly about: About;
  readonly health: Health;
  readonly queues: QueuesFact;
  readonly storage: StorageFact;
  readonly plugins: Listed<PluginFact>;
  readonly limits: readonly LimitFact[];
}

/** Rows, of which the most interesting come first; there may be more than are told. */
export interface Listed<Row> {
  readonly rows: readonly Row[];
  readonly all: number;
}

export interface About {
  readonly version: string;
  readonly host: string;
  readonly pid: number;
  readonly started: number;
  /** What becomes of messages: this is the switch, or it is elsewhere, or there is none. */
  readonly mode: 'serve' | 'join' | 'off';
  readonly storage: boolean;
}

export interface Health {
  /** None: all is well. */
  readonly reasons: readonly string[];
  readonly view: ViewFact | undefined;
  /** Of the event loop, ms. */
  readonly late: { readonly median: number; readonly p99: number; readonly max: number };
  /** Bytes, roughly. */
  readonly memory: { readonly resident: number; readonly heap: number };
}

export interface ViewFact {
  readonly state: 'connecting' | 'synchronising' | 'fresh' | 'stale';
  readonly since: number | undefined;
  readonly reason: string | undefined;
  readonly srs: number;
  readonly domains: readonly number[];
  readonly backends: number;
  readonly events: number;
  readonly synchronisations: number;
  readonly lastTrouble: string | undefined;
}

export interface QueuesFact extends Listed<QueueFact> {
  readonly sessions: number;
  readonly messages: number;
  readonly bytes: number;
  /** The queues that are served here, on a switch in another process. */
  readonly joined: readonly JoinedFact[];
}

export interface QueueFact {
  readonly name: string;
  readonly persistent: boolean;
  readonly messages: number;
  readonly bytes: number;
  /** When the oldest message came. */
  readonly oldest: number | undefined;
  /** Sessions that listen. */
  readonly listeners: readonly string[];
  /** Since when nobody listens any more; `undefined`: somebody does, or nobody ever did. */
  readonly left: number | undefined;
  /** Messages since the start, where the queue is counted by itself. */
  readonly came: number | undefined;
  readonly went: number | undefined;
}

export interface JoinedFact {
  readonly queue: string;
  readonly path: string;
  readonly since: number;
  /** Why it is away; `undefined`: it is served there. */
  readonly away: string | undefined;
}

export interface StorageFact {
  readonly srs: Listed<SrFact>;
  readonly datapaths: Listed<DatapathFact>;
  /** Why nothing can be attached at present. */
  readonly trouble: string | undefined;
}

export interface SrFact {
  readonly sr: string;
  readonly queue: string;
  /** Attached through this daemon; else xenstore shows it. */
  readonly attached: boolean;
  readonly published: boolean;
  readonly takenOver: boolean;
  /** The domains that publish it. */
  readonly domains: readonly number[];
}

export interface DatapathFact {
  readonly id: string;
  readonly sr: string;
  readonly vdi: string;
  readonly scheme: string;
  readonly domain: string;
  readonly state: 'open' | 'attached' | 'activated' | 'uncertain';
  readonly step: string | undefined;
  readonly running: boolean;
  readonly holders: readonly HolderFact[];
  readonly plugin: string;
  readonly driverDomain: number;
  readonly implementation: string;
  readonly caching: string;
  readonly reason: string;
}

export interface HolderFact {
  readonly dp: string;
  readonly writes: boolean;
  readonly active: boolean;
  /** The state of the device of that name in xenstore, where there is one. */
  readonly device: string | undefined;
}

export interface PluginFact {
  readonly kind: 'volume' | 'datapath';
  readonly name: string;
  readonly directory: string;
  readonly state: 'registered' | 'kept' | 'refused' | 'pending';
  readonly reason: string | undefined;
  readonly since: string | undefined;
  readonly version: string | undefined;
  readonly description: string | undefined;
  readonly features: readonly string[];
  readonly methods: readonly string[];
  readonly warnings: readonly string[];
  readonly running: number;
  readonly waiting: number;
  readonly calls: { readonly all: number; readonly failed: number; readonly timedOut: number };
}

/** How near a limit is. */
export interface LimitFact {
  /** The setting, or a word for what it is of. */
  readonly setting: string;
  /** Of which queue or plugin, where there are several: the nearest is told. */
  readonly of: string | undefined;
  readonly now: number;
  readonly most: number;
  readonly unit: 'count' | 'bytes' | 'ms';
  /** How often somebody was refused for it. */
  readonly refused: number;
}

/** Events of the trace, in their order. */
export interface TraceBatch {
  /** Events before the first of these that this page did not get. */
  readonly lost: number;
  readonly events: readonly TraceFact[];
}

export type TraceFact = RequestFact | ResponseFact | AckFact;

interface EventFact {
  readonly n: number;
  readonly time: number;
  readonly queue: string;
  readonly id: number;
  /** The session that sent or acked. */
  readonly input: string | undefined;
  /** The session that it was delivered to. */
  readonly output: string | undefined;
}

export interface RequestFact extends EventFact {
  readonly kind: 'request';
  readonly replyTo: string;
  readonly payload: string;
}

export interface ResponseFact extends EventFact {
  readonly kind: 'response';
  /** The request that is answered. */
  readonly to: { readonly queue: string; readonly id: number };
  readonly payload: string;
}

export interface AckFact extends EventFact {
  readonly kind: 'ack';
}

/** That the stream lives, and what time it is there. */
export interface Tick {
  readonly now: number;
  /** ms until there is another one. */
  readonly next: number;
}
