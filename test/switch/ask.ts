import type { Broker } from '../../src/switch/broker.ts';
import type { Decision } from '../../src/switch/decision.ts';
import type { In, Kind, Operation } from '../../src/switch/protocol.ts';

/** What came of a request, in a form that tests compare. */
export type Outcome =
  | 'gone'
  | { readonly type: 'waits'; readonly next: number | undefined }
  | { readonly type: 'done' }
  | { readonly type: 'created'; readonly queue: string }
  | { readonly type: 'sent'; readonly id: { readonly queue: string; readonly id: number } | undefined }
  | {
      readonly type: 'messages';
      readonly ids: readonly (readonly [queue: string, id: number])[];
      readonly payloads: readonly string[];
      readonly kinds: readonly Kind[];
      readonly next: number;
    }
  | { readonly type: 'names'; readonly names: readonly string[] }
  | { readonly type: 'refused'; readonly status: number; readonly reason: string };

/** Applies what was decided, and gives what the client sees of it. */
export function outcome(broker: Broker, decision: Decision): Outcome {
  if (decision.type === 'wait') {
    return {
      type: 'waits',
      next: decision.empty.type === 'messages' ? decision.empty.next : undefined,
    };
  }
  for (const operation of decision.operations) broker.apply(operation);
  const { out } = decision;
  switch (out.type) {
    case 'messages':
      return {
        type: 'messages',
        ids: out.messages.map(({ id }) => [id.queue, id.id] as const),
        payloads: out.messages.map(({ payload }) => payload.toString()),
        kinds: out.messages.map(({ kind }) => kind),
        next: out.next,
      };
    case 'diagnostics':
    case 'events':
      throw new Error(`${out.type} is not compared`);
    case 'done':
    case 'created':
    case 'sent':
    case 'names':
    case 'refused':
      return out;
  }
}

/** Ends what is to end by then; gives the operations. */
export function expire(broker: Broker, now: number): Operation[] {
  const all: Operation[] = [];
  for (const operations of broker.expire(now)) {
    for (const operation of operations) broker.carryOut(operation);
    all.push(...operations);
  }
  return all;
}

/** Asks as a client of its own that is logged in and stays. */
export function ask(broker: Broker, request: In, token = 'somebody'): Outcome {
  const connection = broker.connect();
  broker.decide(connection, { type: 'login', token }, 0);
  return outcome(broker, broker.decide(connection, request, 0));
}

/** The ids that a transfer gave: none when it waits. */
export const idsOf = (came: Outcome): readonly (readonly [queue: string, id: number])[] =>
  typeof came === 'object' && came.type === 'messages' ? came.ids : [];

export const sent = (queue: string, payload: string): In & { readonly type: 'send' } => ({
  type: 'send',
  queue,
  payload: Buffer.from(payload),
  kind: { type: 'request', replyTo: 'reply' },
});

/** All that a broker holds, without what is of the moment. */
export function contents(broker: Broker): unknown {
  const decision = broker.decide(broker.connect(), { type: 'diagnostics' }, 0);
  if (decision.type !== 'answer' || decision.out.type !== 'diagnostics') throw new Error('no diagnostics');
  const { persistent, transient } = decision.out.report;
  return [persistent, transient].map((queues) => queues.map(({ name, messages }) => ({ name, messages })));
}
