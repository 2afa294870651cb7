import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Broker } from '../../src/switch/broker.ts';
import { type Settle, SwitchHost } from '../../src/switch/host.ts';
import type { Operation } from '../../src/switch/protocol.ts';
import { PushConversation } from '../../src/switch/push.ts';
import type { Peer, Reply } from '../../src/wire/conversation.ts';
import { WireFault } from '../../src/wire/fault.ts';
import {
  BinaryMessagePackReader,
  type Packable,
  writeBinaryMessagePack,
} from '../../src/wire/messagepack.ts';
import { LIMITS } from './helpers.ts';

/** A conversation over a switch whose commits wait for the test. */
function heldConversation(overrides: { readonly maxMessageBytes?: number } = {}) {
  const limits = { ...LIMITS, maxCredit: 1000, ...overrides };
  const held: { readonly operations: readonly Operation[]; readonly settle: Settle }[] = [];
  const host = new SwitchHost({
    broker: new Broker(limits, 0),
    now: () => 0,
    commit: (operations, settle) => held.push({ operations, settle }),
    shutdown: () => {},
  });
  const reader = new BinaryMessagePackReader({ maxRequestBytes: 2 ** 26, maxDepth: 8 });
  const send = (bytes: string | Buffer): void => reader.push(Buffer.from(bytes));
  const peer: Peer = {
    send,
    identity: undefined,
    unsent: 0,
    full: false,
    close: () => assert.fail('closed'),
  };
  const conversation = new PushConversation(host.connect(), peer, limits, () => {});
  let closed = false;
  let awaiting = false;

  const take = (reply: Reply): void => {
    send(reply.bytes);
    closed ||= reply.close;
  };
  /** As the socket does it. */
  const pump = (): void => {
    while (!awaiting && !closed) {
      const next = conversation.next();
      if (next === undefined) return;
      if (!(next instanceof Promise)) {
        take(next);
        continue;
      }
      awaiting = true;
      next.then((reply) => {
        awaiting = false;
        take(reply);
        pump();
      });
    }
  };
  return {
    held,
    conversation,
    isClosed: () => closed,
    isAwaiting: () => awaiting,
    ask: (...messages: (readonly Packable[])[]) => {
      conversation.push(Buffer.concat(messages.map(writeBinaryMessagePack)));
      pump();
    },
    end: () => {
      conversation.end();
      pump();
    },
    /** Keeps the commits that wait, or says why not. */
    commit: async (failure?: string) => {
      for (const { settle } of held.splice(0)) settle(failure);
      await turn();
    },
    answers: (): unknown[] => {
      const messages: unknown[] = [];
      for (let next = reader.read(); next !== undefined; next = reader.read()) {
        assert.ok(!(next instanceof WireFault));
        messages.push(next);
      }
      return messages;
    },
  };
}

const publish = (id: number, payload: string): Packable[] => [
  0,
  id,
  'switch.publish',
  ['q', ['request', 'r'], Buffer.from(payload)],
];
const LOGIN = [0, 0, 'switch.login', ['me']] as const;
const CREATE = [0, 1, 'switch.create', ['q', 'persistent']] as const;

async function withQueue(overrides = {}) {
  const held = heldConversation(overrides);
  held.ask(LOGIN, CREATE);
  await held.commit();
  assert.deepEqual(held.answers(), [
    [1, 0, null, null],
    [1, 1, null, null],
  ]);
  return held;
}

test('what is sent behind the creation of a queue finds it', async () => {
  const held = heldConversation();
  held.ask(LOGIN, CREATE, publish(2, 'a'));
  assert.deepEqual(held.answers(), [[1, 0, null, null]]);
  await held.commit();
  assert.deepEqual(held.answers(), [[1, 1, null, null]]);
  await held.commit();
  assert.deepEqual(held.answers(), [[1, 2, null, 0]]);
});

test('many are under way at the same time, and are committed in the order in which they came', async () => {
  const held = await withQueue();
  held.ask(publish(7, 'a'), publish(5, 'b'), [0, 6, 'switch.list', ['']]);
  assert.deepEqual(
    held.held.flatMap(({ operations }) =>
      operations.map((operation) =>
        operation.type === 'message-sent' ? operation.message.payload.toString() : operation.type,
      ),
    ),
    ['a', 'b'],
  );
  // What needs no commit is not held up.
  assert.deepEqual(held.answers(), [[1, 6, null, ['q']]]);
  await held.commit();
  assert.deepEqual(held.answers(), [
    [1, 7, null, 0],
    [1, 5, null, 1],
  ]);
});

test('nothing is said to be accepted that is not kept', async () => {
  const held = await withQueue();
  held.ask(publish(2, 'a'));
  await held.commit('the disk is full');
  assert.deepEqual(held.answers(), [[1, 2, ['Unavailable', 'the disk is full'], null]]);
});

test('a message is delivered when it is kept', async () => {
  const held = await withQueue();
  held.ask([0, 2, 'switch.subscribe', [0, ['q'], 1]], publish(3, 'a'));
  await turn();
  assert.deepEqual(held.answers(), [[1, 2, null, null]]);
  await held.commit();
  const delivery = [2, 'switch.deliver', [0, ['q', 0], Buffer.from('a'), ['request', 'r'], 'me', 0]];
  // A sender that is subscribed may get its own message before its answer.
  assert.deepEqual(held.answers().toSorted(), [[1, 3, null, 0], delivery]);
});

test('a batch of acks is answered when all of them are kept', async () => {
  const held = await withQueue();
  held.ask(publish(2, 'a'), publish(3, 'b'));
  await held.commit();
  held.answers();
  held.ask([0, 4, 'switch.ack', [[['q', [0, 1, 99]]]]]);
  assert.deepEqual(held.answers(), []);
  assert.equal(held.held.length, 2);
  await held.commit();
  assert.deepEqual(held.answers(), [[1, 4, null, null]]);
});

test('a notification is carried out and not answered', async () => {
  const held = await withQueue();
  held.ask([2, 'switch.publish', ['q', ['request', 'r'], 'a']], [2, 'switch.nothing', []]);
  await held.commit();
  held.ask([0, 2, 'switch.subscribe', [0, ['q'], 1]]);
  await turn();
  assert.equal(held.answers().length, 3);
});

test('a client that has said all that it wants gets its answers before the close', async () => {
  const held = await withQueue();
  held.ask(publish(2, 'a'), publish(3, 'b'));
  held.end();
  assert.equal(held.isAwaiting(), true);
  await held.commit();
  assert.deepEqual(held.answers().length, 2);
  assert.equal(held.conversation.next(), undefined);
});

test('what is under way is answered before the connection ends over unreadable bytes', async () => {
  const held = await withQueue();
  held.ask(publish(2, 'a'));
  held.conversation.push(Buffer.from([0xc1]));
  held.ask();
  assert.deepEqual(held.answers(), []);
  await held.commit();
  assert.deepEqual(held.answers(), [
    [1, 2, null, 0],
    [1, null, ['Invalid', 'a message holds the byte 0xc1, which has no place in a call'], null],
  ]);
  assert.equal(held.isClosed(), true);
});

test('so many requests may be under way, and so many bytes; more are read when some are answered', async () => {
  for (const [count, payload, begun] of [
    [1030, '', 1024],
    [4, 'x'.repeat(60), 2],
  ] as const) {
    const held = await withQueue({ maxMessageBytes: 100 });
    held.ask(...Array.from({ length: count }, (_, id) => publish(id, payload)));
    assert.deepEqual([held.held.length, held.isAwaiting()], [begun, true]);
    await held.commit();
    await held.commit();
    assert.equal(held.answers().length, count);
  }
});
