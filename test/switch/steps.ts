import fc from 'fast-check';
import type { In } from '../../src/switch/protocol.ts';

/** Objects as they are read from a journal: with the usual prototype. */
const PLAIN = { noNullPrototype: true } as const;

export const QUEUES = ['a', 'ab', 'b/c', 'é'];
const TOKENS = ['one', 'two'];
export const CONNECTIONS = [0, 1, 2];

const queue = fc.constantFrom(...QUEUES);
const id = fc.integer({ min: -1, max: 6 });
const payload = fc.string({ maxLength: 4 }).map((text) => Buffer.from(text));

export const request: fc.Arbitrary<In> = fc.oneof(
  fc.record({ type: fc.constant('login' as const), token: fc.constantFrom(...TOKENS) }),
  fc.record({
    type: fc.constant('create' as const),
    queue,
    lifetime: fc.constantFrom('persistent' as const, 'transient' as const),
  }),
  fc.record({ type: fc.constant('destroy' as const), queue }),
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('send' as const),
      queue,
      payload,
      kind: fc.oneof(
        fc.record({ type: fc.constant('request' as const), replyTo: queue }, PLAIN),
        fc.record({ type: fc.constant('response' as const), to: fc.record({ queue, id }, PLAIN) }, PLAIN),
      ),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('transfer' as const),
      from: id,
      timeout: fc.constant(1000),
      queues: fc.uniqueArray(queue),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant('ack' as const), id: fc.record({ queue, id }) }),
  },
  fc.record({
    type: fc.constant('list' as const),
    prefix: fc.constantFrom('', 'a', 'b/', 'é', 'none'),
    alive: fc.boolean(),
  }),
);

export interface Step {
  readonly connection: number;
  readonly request: In | 'disconnect';
}

export const step: fc.Arbitrary<Step> = fc.record({
  connection: fc.constantFrom(...CONNECTIONS),
  request: fc.oneof(
    { weight: 14, arbitrary: request },
    { weight: 1, arbitrary: fc.constant('disconnect' as const) },
  ),
});

/** Most sequences begin with a login, as nothing much happens without. */
export const LOGINS: readonly Step[] = CONNECTIONS.map((connection) => ({
  connection,
  request: { type: 'login', token: TOKENS[connection % TOKENS.length] ?? '' },
}));
