import type { PolicySetting, QueueRule, Setting } from './setting.ts';

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
  },
  datapath: {
    queue: {
      doc: 'The queue of the datapath service. Keep it outside org.xen.xapi.storage: xapi takes every queue that is alive there for an SR driver.',
      format: 'queue',
      default: 'org.xen.xapi.datapath',
    },
  },
  storage: {
    enabled: {
      doc: 'false: a pure switch, without storage queues and without xenstore.',
      format: 'flag',
      default: true,
    },
  },
  switch: {
    mode: {
      doc: 'serve: be the message switch; join: serve our queues on a switch that runs already; off: sockets only.',
      format: 'choice',
      choices: ['serve', 'join', 'off'],
      default: 'serve',
    },
    path: {
      doc: "The switch's socket. Empty: switch.sock in sockets.directory when serving, /run/message-switch/sock when joining.",
      format: 'path-or-none',
      default: '',
    },
    stateDirectory: {
      doc: 'The folder for what outlives the process. Empty: none.',
      format: 'path-or-none',
      default: '/var/lib/datapathd',
    },
    maxMessageBytes: { doc: 'The largest payload of a message.', format: 'size', default: '16MiB' },
    maxNameBytes: { doc: 'The longest name of a queue or of a session.', format: 'size', default: '1KiB' },
    maxQueues: { doc: 'Queues at the same time.', format: 'count', default: 10_000 },
    maxSessions: { doc: 'Sessions at the same time.', format: 'count', default: 10_000 },
    maxQueueMessages: { doc: 'Messages that wait in one queue.', format: 'count', default: 100_000 },
    maxQueueBytes: { doc: 'Bytes of payload that wait in one queue.', format: 'size', default: '256MiB' },
    maxTransferQueues: { doc: 'Queues that one transfer may ask for.', format: 'count', default: 1000 },
    maxTransferBytes: {
      doc: 'Bytes of payload that one transfer answers with; the rest comes with the next. One message always comes.',
      format: 'size',
      default: '16MiB',
    },
    maxCredit: {
      doc: 'Messages that a subscription of a MessagePack client may have unacked, and acks in one request.',
      format: 'count',
      default: 10_000,
    },
    slowReaderTimeout: {
      doc: 'A client that is sent more than sockets.maxUnsentBytes and does not read it within this time is closed.',
      format: 'duration',
      default: '30s',
    },
    maxWaitingTransfers: {
      doc: 'Transfers of one session that wait at the same time, its subscriptions to queues among them.',
      format: 'count',
      default: 1000,
    },
    maxTransferTimeout: {
      doc: 'The longest time that a transfer waits, whatever it asks for.',
      format: 'duration',
      default: '1h',
    },
    reconnectGrace: {
      doc: 'How long the queues of a session stay when its last connection broke, for its owner to log in again.',
      format: 'duration',
      default: '5s',
      least: 0,
    },
    sessionGrace: {
      doc: 'How long the queues of a session stay after a restart of the daemon, for its owner to log in again.',
      format: 'duration',
      default: '60s',
      least: 0,
    },
    noListener: {
      doc: "What becomes of a request to a queue on which nobody listens, by the queue's name: it waits, its caller is told at once that it fails, or so after a time. Tables [[switch.noListener]] with queue, in which * stands for any characters, and policy: wait, fail or a duration. The first that matches holds; without one it waits.",
      format: 'listener-rules',
      default: [],
    },
    messageTtl: {
      doc: "How long a message that nobody has fetched is kept, by the queue's name. Tables [[switch.messageTtl]] with queue, in which * stands for any characters, and after: a duration. The first that matches holds; without one it is kept for ever.",
      format: 'duration-rules',
      default: [],
    },
    deadLetter: {
      doc: 'The queue that gets the messages that are dropped because their time is over or nobody waits for the reply any more, as responses that name the queue and id they had. Empty: none.',
      format: 'text',
      default: '',
    },
    maxDeadLetters: {
      doc: 'Messages in the queue of the dropped ones; the oldest go for new ones.',
      format: 'count',
      default: 1000,
    },
    policy: {
      doc: "Who but root and the daemon's own user may do what on the switch. Tables [[switch.policy]] with uid or gid, or both, numbers that the kernel tells of the peer; queue, in which * stands for any characters, by default all; and allow, a list of send, receive, create, destroy, observe, shutdown. Who has no rule may not connect.",
      format: 'policy-rules',
      default: [],
    },
    allowShutdown: {
      doc: 'Whether a client of the switch may end the daemon.',
      format: 'flag',
      default: true,
    },
    traceEntries: { doc: 'Events that the trace keeps.', format: 'count', default: 1000 },
    traceBytes: {
      doc: 'Bytes of payload that the trace keeps, all events together.',
      format: 'size',
      default: '4MiB',
    },
    tracePayloadBytes: {
      doc: 'A longer payload is cut to this in the trace.',
      format: 'size',
      default: '1KiB',
      least: 0,
    },
  },
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
      default: '100ms',
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
  },
  log: {
    level: {
      doc: 'What is logged. debug has one line for every request.',
      format: 'choice',
      choices: ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
      default: 'info',
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
  shutdown: {
    timeout: {
      doc: 'How long a stop waits for what is under way.',
      format: 'duration',
      default: '10s',
      least: 0,
    },
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, Setting>>>>;

type ValueOf<S> = S extends { readonly format: 'choice'; readonly choices: readonly (infer Choice)[] }
  ? Choice
  : S extends { readonly format: 'duration' | 'size' | 'mode' | 'count' }
    ? number
    : S extends { readonly format: 'listener-rules' | 'duration-rules' }
      ? readonly QueueRule[]
      : S extends { readonly format: 'policy-rules' }
        ? readonly PolicySetting[]
        : S extends { readonly format: 'flag' }
          ? boolean
          : S extends { readonly format: 'domains' }
            ? readonly string[]
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
