import type { Section } from '../setting.ts';

/** The message switch. */
export const SWITCH = {
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
  maxSessions: {
    doc: "Sessions at the same time; the daemon's own always find a place.",
    format: 'count',
    default: 10_000,
  },
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
    doc: "Who but root and the daemon's own user may do what on the switch. Tables [[switch.policy]] with uid or gid, or both, by number or by name (the kernel tells who the peer is, and gid is any of its groups); queue, in which * stands for any characters, by default all; and allow, a list of send, receive, create, destroy, observe, configure, shutdown. Who has no rule may not connect.",
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
} as const satisfies Section;
