import { closeSync, linkSync, mkdirSync, openSync, readdirSync, writevSync } from 'node:fs';
import { join } from 'node:path';
import { encodeRecord } from '../src/journal/record.ts';
import { encodeHead, FORMAT, fileName } from '../src/journal/segment.ts';
import type { Operation } from '../src/switch/protocol.ts';
import { operationCodec } from '../src/switch/record.ts';

/** What a commit of a busy switch has. */
const GROUP = 64;

/** Writes a journal of one segment with the operations, as a switch would have; gives the file. */
export function writeJournal(directory: string, operations: Iterable<Operation>): string {
  mkdirSync(directory, { recursive: true });
  const path = join(directory, fileName('segment', 1));
  const fd = openSync(path, 'wx', 0o600);
  writevSync(fd, encodeHead({ format: FORMAT, number: 1, previousBytes: 0 }));
  let group: Operation[] = [];
  for (const operation of operations) {
    group.push(operation);
    if (group.length < GROUP) continue;
    writevSync(fd, encodeRecord(operationCodec, group));
    group = [];
  }
  if (group.length > 0) writevSync(fd, encodeRecord(operationCodec, group));
  closeSync(fd);
  return path;
}

/** Requests that wait in a queue. */
export function* waitingMessages(queue: string, count: number, payloadBytes: number): Generator<Operation> {
  yield { type: 'queue-created', queue, owner: undefined };
  const payload = Buffer.alloc(payloadBytes, 'x');
  const time = Date.now();
  for (let id = 0; id < count; id += 1) {
    const kind = { type: 'request', replyTo: `reply-${queue}` } as const;
    yield {
      type: 'message-sent',
      message: { id: { queue, id }, payload, kind, origin: `client-${queue}`, time: time + id / 100 },
    };
  }
}

/** Large messages that were acked: only the journal has them still. */
export function* ackedMessages(queue: string, count: number, payloadBytes: number): Generator<Operation> {
  yield { type: 'queue-created', queue, owner: undefined };
  const payload = Buffer.alloc(payloadBytes, 'x');
  const kind = { type: 'request', replyTo: `reply-${queue}` } as const;
  for (let id = 0; id < count; id += 1) {
    const message = { id: { queue, id }, payload, kind, origin: `client-${queue}`, time: Date.now() };
    yield { type: 'message-sent', message };
    yield { type: 'message-acked', id: message.id };
  }
}

/**
 * A copy of a journal, in links: a switch adds files and removes them, and changes none that it finds whole.
 */
export function linkJournal(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from)) linkSync(join(from, name), join(to, name));
}
