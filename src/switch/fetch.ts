import type { HeldMessage } from './held.ts';
import { FROM_THE_START } from './protocol.ts';
import type { Queue } from './queue.ts';

/**
 * What waits above the cursor, queue by queue as asked. One cursor stands for all queues: when not all fits an
 * answer, those with the lowest ids come, so that no message is left below the next cursor; for the same reason those wait
 * that are above one which is not kept yet. What is about to end is given to nobody: its sender may be about to be told that
 * it has failed.
 */
export function fetchMessages(queues: readonly Queue[], from: number, maxBytes: number): HeldMessage[] {
  const messages: HeldMessage[] = [];
  const end = queues.reduce(
    (least, { firstReserved }) => Math.min(least, firstReserved),
    Number.POSITIVE_INFINITY,
  );
  let bytes = 0;
  for (const queue of queues) {
    let own = 0;
    for (const message of queue.after(from)) {
      if (message.number >= end) break;
      if (queue.isEnding(message.number)) continue;
      messages.push(message);
      own += message.length;
      // More of this queue can't fit: what it holds beyond has higher ids than all that is taken of it.
      if (own > maxBytes) break;
    }
    bytes += own;
  }
  return bytes <= maxBytes ? messages : lowestIds(messages, maxBytes);
}

/** When the payloads of messages that are taken at once have so many bytes, no more are taken. */
const TAKEN_BYTES = 64 * 1024;

/** The same of one queue: at most so many messages, and not many more bytes than go out at once. */
export function nextMessages(queue: Queue, from: number, limit: number): HeldMessage[] {
  const messages: HeldMessage[] = [];
  let bytes = 0;
  for (const message of queue.after(from)) {
    if (queue.isEnding(message.number)) continue;
    messages.push(message);
    bytes += message.length;
    if (messages.length >= limit || bytes >= TAKEN_BYTES) break;
  }
  return messages;
}

/** As many messages by ascending id as fit, at least those of one id, and no id in part; in the order they stood in. */
function lowestIds(messages: readonly HeldMessage[], maxBytes: number): HeldMessage[] {
  const bytesOfId = new Map<number, number>();
  for (const { number, length } of messages) {
    bytesOfId.set(number, (bytesOfId.get(number) ?? 0) + length);
  }
  let bytes = 0;
  let highest = FROM_THE_START;
  for (const [id, own] of [...bytesOfId].sort(([a], [b]) => a - b)) {
    bytes += own;
    if (bytes > maxBytes && highest !== FROM_THE_START) break;
    highest = id;
  }
  return messages.filter(({ number }) => number <= highest);
}
