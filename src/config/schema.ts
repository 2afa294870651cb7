import { ADMIN } from './sections/admin.ts';
import { DATAPATH } from './sections/datapath.ts';
import { HEALTH, METRICS } from './sections/metrics.ts';
import { PLUGINS } from './sections/plugins.ts';
import { SWITCH } from './sections/switch.ts';
import { TRACES } from './sections/traces.ts';
import {
  type DatapathRuleSetting,
  type DomainSocket,
  LEVELS,
  type LevelSetting,
  type PolicySetting,
  type QueueRule,
  type Section,
  type Setting,
  type TimeoutRule,
} from './setting.ts';

/** The settings by section, in the order in which they are shown. */
export const SCHEMA = {
  sockets: {
    directory: {
      doc: 'The folder of the sockets: each queue that is served is a Unix socket of that name in it.',
      format: 'path',
      default: '/run/datapathd',
    },
    mode: { doc: 'Permission bits of the socket files.', format: 'mode', default: '0600' },
    group: {
      doc: "Group of the socket files, by name or number; empty: the daemon's own.",
      format: 'text',
      default: '',
    },
    xapiDirectory: {
      doc: "xapi's folder for the sockets of its services: the volume plugins' are listed below it as storage.d/<type>, where xapi looks when it uses no switch. /var/lib/xcp on a host; empty: they are not listed.",
      format: 'path-or-none',
      default: '',
    },
    maxConnections: {
      doc: 'Connections at the same time, all sockets together. One more is told so and closed.',
      format: 'count',
      default: 10_000,
    },
    maxRequestBytes: {
      doc: 'The largest request, in every protocol of the queues: a JSON text, a body, a MessagePack message.',
      format: 'size',
      default: '16MiB',
    },
    maxHeaderBytes: {
      doc: 'The largest head of an HTTP request, request line and all headers together.',
      format: 'size',
      default: '16KiB',
    },
    maxDepth: {
      doc: 'How deep arrays and objects may be nested in a request.',
      format: 'count',
      default: 64,
    },
    maxBatchCalls: { doc: 'Calls in one JSON-RPC batch.', format: 'count', default: 1000 },
    maxAnswerBytes: {
      doc: 'The largest answer to one request; the answers to a batch count together.',
      format: 'size',
      default: '64MiB',
    },
    maxUnsentBytes: {
      doc: "Bytes written to a connection and not taken by its peer, above which the peer's further requests wait.",
      format: 'size',
      default: '1MiB',
    },
    requestTimeout: {
      doc: 'A request that has begun must be whole within this time.',
      format: 'duration',
      default: '30s',
    },
    slowReaderTimeout: {
      doc: 'A connection that is to close is closed, though its peer has not read its last answers, when it has taken none of them for this time.',
      format: 'duration',
      default: '30s',
    },
  },
  datapath: DATAPATH,
  storage: {
    enabled: {
      doc: 'false: a pure switch, without storage queues and without xenstore.',
      format: 'flag',
      default: true,
    },
    stateDb: {
      doc: 'The file in which xapi-storage-script keeps its attached SRs, which are taken over from it. Empty: none is read.',
      format: 'path-or-none',
      default: '/var/run/nonpersistent/xapi-storage-script/state.db',
    },
    measurementsTimeout: {
      doc: 'How long the attach or detach of an SR waits at most for the daemon that collects its measurements. It succeeds in any case.',
      format: 'duration',
      default: '2s',
    },
  },
  plugins: PLUGINS,
  switch: SWITCH,
  journal: {
    sync: {
      doc: 'When what was accepted is on the disk. always: before its sender is told; interval: within journal.interval; never: when the system writes it. What was accepted survives an end of the process in each.',
      format: 'choice',
      choices: ['always', 'interval', 'never'],
      default: 'always',
    },
    interval: {
      doc: 'The time between two writes to the disk with journal.sync = interval.',
      format: 'duration',
      default: '1s',
    },
    segmentBytes: {
      doc: 'A file of the journal that is larger is followed by a new one. The journal is compacted when it is larger than twice what is held and one such file.',
      format: 'size',
      default: '64MiB',
    },
    retryInterval: {
      doc: 'How long after a failed write the journal tries again. Senders are refused meanwhile.',
      format: 'duration',
      default: '1s',
    },
    repair: {
      doc: 'true: a damaged file of the journal is set aside at the start, what can be read of it is kept, and what was lost is said. For one start.',
      format: 'flag',
      default: false,
    },
  },
  xenstore: {
    mode: {
      doc: 'auto: the socket of a xenstored that runs here, else the embedded store; socket, embedded: one of these.',
      format: 'choice',
      choices: ['auto', 'socket', 'embedded'],
      default: 'auto',
    },
    socket: {
      doc: "xenstored's socket. Empty: $XENSTORED_PATH, else /run/xenstored/socket, else /var/run/xenstored/socket.",
      format: 'path-or-none',
      default: '',
    },
    startTimeout: {
      doc: 'How long a call waits at most for the first synchronisation with xenstore.',
      format: 'duration',
      default: '3s',
      least: 0,
    },
    settleTimeout: {
      doc: 'How long a call waits at most until a change that xenstore has told of is read, so that it is in the answer.',
      format: 'duration',
      default: '1s',
      least: 0,
    },
    requestTimeout: {
      doc: 'A request that xenstored does not answer within this time ends the connection, and a new one is made.',
      format: 'duration',
      default: '5s',
    },
    maxPayloadBytes: {
      doc: 'The largest answer taken from xenstored: oxenstored lists large folders in one piece.',
      format: 'size',
      default: '16MiB',
    },
    embeddedMaxNodes: {
      doc: 'Nodes in the embedded store.',
      format: 'count',
      default: 1_000_000,
    },
    embeddedMaxWatches: {
      doc: 'Watches of one connection to the embedded store.',
      format: 'count',
      default: 10_000,
    },
    embeddedMaxTransactions: {
      doc: 'Transactions that one connection to the embedded store may have open.',
      format: 'count',
      default: 100,
    },
    embeddedMaxUnsentBytes: {
      doc: 'Events that a connection to the embedded store has not read, above which it is closed.',
      format: 'size',
      default: '16MiB',
    },
    srPath: {
      doc: "Where a domain publishes its attached SRs, below the domain's home.",
      format: 'store-path',
      default: 'xapi/storage/sr',
    },
    driverDomains: {
      doc: 'Domains trusted to publish SRs, by domid or by VM uuid. Domain 0 always is.',
      format: 'domains',
      default: [],
    },
    maxBackends: {
      doc: 'Backends of disks that are followed in the trusted domains; of those beyond only the number is known.',
      format: 'count',
      default: 50_000,
    },
    maxBackendBytes: {
      doc: 'What the keys of one backend may hold, all together; one with more is not followed.',
      format: 'size',
      default: '8KiB',
    },
  },
  log: {
    level: {
      doc: 'What is logged. debug has one line for every request.',
      format: 'choice',
      choices: LEVELS,
      default: 'info',
    },
    levels: {
      doc: 'Other levels for some parts of the daemon: a table [log.levels] such as xenstore = "debug", or one text, xenstore=debug,plugins=warn. The parts are daemon, switch, sockets, rpc, storage, plugins, xenstore, journal, monitoring. datapathctl log level changes them for a while.',
      format: 'levels',
      default: '',
    },
    format: {
      doc: 'json: a JSON object a line; pretty: for people; auto: pretty on a terminal.',
      format: 'choice',
      choices: ['auto', 'json', 'pretty'],
      default: 'auto',
    },
    maxRepeats: {
      doc: 'Lines of the same kind from the same source in one log.repeatInterval.',
      format: 'count',
      default: 10,
    },
    repeatInterval: {
      doc: 'The time after which a source that was silenced may log again, and what was left out is counted.',
      format: 'duration',
      default: '10s',
      least: 0,
    },
  },
  metrics: METRICS,
  health: HEALTH,
  admin: ADMIN,
  traces: TRACES,
  shutdown: {
    timeout: {
      doc: 'How long a stop waits for what is under way.',
      format: 'duration',
      default: '10s',
      least: 0,
    },
  },
} as const satisfies Readonly<Record<string, Section>>;

type ValueOf<S> = S extends { readonly format: 'choice'; readonly choices: readonly (infer Choice)[] }
  ? Choice
  : S extends { readonly format: 'duration' | 'size' | 'mode' | 'count' }
    ? number
    : S extends { readonly format: 'listener-rules' | 'duration-rules' }
      ? readonly QueueRule[]
      : S extends { readonly format: 'timeout-rules' }
        ? readonly TimeoutRule[]
        : S extends { readonly format: 'policy-rules' }
          ? readonly PolicySetting[]
          : S extends { readonly format: 'datapath-rules' }
            ? readonly DatapathRuleSetting[]
            : S extends { readonly format: 'domain-sockets' }
              ? readonly DomainSocket[]
              : S extends { readonly format: 'flag' }
                ? boolean
                : S extends { readonly format: 'domains' | 'variables' }
                  ? readonly string[]
                  : S extends { readonly format: 'levels' }
                    ? readonly LevelSetting[]
                    : string;

type Schema = typeof SCHEMA;

/** The configuration as it is used: durations in ms, sizes in bytes, permission bits as a number. */
export type Config = {
  readonly [Section in keyof Schema]: {
    readonly [Key in keyof Schema[Section]]: ValueOf<Schema[Section][Key]>;
  };
};

/** A setting with its full name, `section.key`. */
export interface NamedSetting {
  readonly section: string;
  readonly key: string;
  readonly name: string;
  readonly setting: Setting;
}

/** All settings, in order. */
export const SETTINGS: readonly NamedSetting[] = Object.entries(SCHEMA).flatMap(([section, keys]) =>
  Object.entries(keys).map(([key, setting]) => ({ section, key, name: `${section}.${key}`, setting })),
);

/** `sockets.maxConnections` → `DATAPATHD_SOCKETS_MAX_CONNECTIONS`. */
export const environmentName = ({ section, key }: NamedSetting): string =>
  `${ENVIRONMENT_PREFIX}${section}_${key.replace(/[A-Z]/g, '_$&')}`.toUpperCase();

export const ENVIRONMENT_PREFIX = 'DATAPATHD_';
