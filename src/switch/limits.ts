import type { Queue } from './queue.ts';
import type { QueueRule } from './rules.ts';
import type { TraceLimits } from './trace.ts';

/** Each is the setting `switch.<name>`. */
interface DropLimits {
  readonly noListener: readonly QueueRule[];
  readonly messageTtl: readonly QueueRule[];
  readonly deadLetter: string;
  readonly maxDeadLetters: number;
}

/** Each is the setting `switch.<name>`. Times are in ms. */
export interface BrokerLimits extends TraceLimits, DropLimits {
  readonly maxNameBytes: number;
  readonly maxMessageBytes: number;
  readonly maxQueues: number;
  readonly maxSessions: number;
  readonly maxQueueMessages: number;
  readonly maxQueueBytes: number;
  readonly maxTransferQueues: number;
  readonly maxTransferBytes: number;
  readonly maxWaitingTransfers: number;
  readonly reconnectGrace: number;
  readonly sessionGrace: number;
  readonly allowShutdown: boolean;
}

/** The setting that a request came up against. */
export type LimitName =
  | `switch.${Exclude<keyof BrokerLimits, keyof TraceLimits | keyof DropLimits>}`
  | 'switch.policy';

/** Why a request is not carried out, as HTTP has it. */
export interface LimitReached {
  readonly limit: LimitName;
  readonly status: 400 | 403 | 413 | 503;
  readonly reason: string;
}

export function wrongName(
  what: string,
  name: string,
  { maxNameBytes }: BrokerLimits,
): LimitReached | undefined {
  const bytes = Buffer.byteLength(name);
  if (bytes <= maxNameBytes) return undefined;
  const reason = `the name of a ${what} of ${bytes} bytes is over switch.maxNameBytes (${maxNameBytes})`;
  return { limit: 'switch.maxNameBytes', status: 400, reason };
}

/** Why there can't be one more session. */
export function tooManySessions(sessions: number, { maxSessions }: BrokerLimits): LimitReached | undefined {
  if (sessions < maxSessions) return undefined;
  const reason = `there are as many sessions as switch.maxSessions (${maxSessions}) allows`;
  return { limit: 'switch.maxSessions', status: 503, reason };
}

/** Why there can't be one more queue. */
export function tooManyQueues(queues: number, { maxQueues }: BrokerLimits): LimitReached | undefined {
  if (queues < maxQueues) return undefined;
  const reason = `there are as many queues as switch.maxQueues (${maxQueues}) allows`;
  return { limit: 'switch.maxQueues', status: 503, reason };
}

/** Why these queues can't be listened on, whether they are there or not: their names are kept. */
export function wrongQueues(queues: readonly string[], limits: BrokerLimits): LimitReached | undefined {
  for (const name of queues) {
    const wrong = wrongName('queue', name, limits);
    if (wrong !== undefined) return wrong;
  }
  return tooManyAsked(queues, limits);
}

/** Why so many queues can't be asked for at once. */
export function tooManyAsked(
  { length }: readonly string[],
  { maxTransferQueues }: BrokerLimits,
): LimitReached | undefined {
  if (length <= maxTransferQueues) return undefined;
  const reason = `${length} queues are over switch.maxTransferQueues (${maxTransferQueues})`;
  return { limit: 'switch.maxTransferQueues', status: 400, reason };
}

/** Why a session may not wait once more. */
export function tooManyWait(
  waiting: number,
  { maxWaitingTransfers }: BrokerLimits,
): LimitReached | undefined {
  if (waiting < maxWaitingTransfers) return undefined;
  const reason = `${waiting} transfers of this session wait, as many as switch.maxWaitingTransfers allows`;
  return { limit: 'switch.maxWaitingTransfers', status: 503, reason };
}

/** Why a queue can't take a payload; what is accepted and not kept yet counts. */
export function queueFull(queue: Queue, payload: Buffer, limits: BrokerLimits): LimitReached | undefined {
  const { maxMessageBytes } = limits;
  const { length } = payload;
  if (length > maxMessageBytes) {
    const reason = `a message of ${length} bytes is over switch.maxMessageBytes (${maxMessageBytes})`;
    return { limit: 'switch.maxMessageBytes', status: 413, reason };
  }
  return noRoom(queue, length, limits);
}

/** Why so many bytes have no room in a queue, for as long as nothing in it is acked. */
export function noRoom(queue: Queue, length: number, limits: BrokerLimits): LimitReached | undefined {
  const { maxQueueMessages, maxQueueBytes } = limits;
  if (queue.expectedSize >= maxQueueMessages) {
    const reason = `the queue ${queue.name} holds switch.maxQueueMessages (${maxQueueMessages}) messages`;
    return { limit: 'switch.maxQueueMessages', status: 503, reason };
  }
  if (queue.expectedBytes + length <= maxQueueBytes) return undefined;
  const reason = `the queue ${queue.name} would hold more than switch.maxQueueBytes (${maxQueueBytes})`;
  return { limit: 'switch.maxQueueBytes', status: 503, reason };
}

export const SHUTDOWN_REFUSED: LimitReached = {
  limit: 'switch.allowShutdown',
  status: 403,
  reason: 'switch.allowShutdown is false',
};
