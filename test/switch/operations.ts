import fc from 'fast-check';
import type { Message, Operation } from '../../src/switch/protocol.ts';
import { text } from '../helpers/values.ts';

/** Objects as they are read: with the usual prototype. */
const plain = <Model>(model: { [Key in keyof Model]: fc.Arbitrary<Model[Key]> }): fc.Arbitrary<Model> =>
  fc.record(model, { noNullPrototype: true });

const queue = fc.constantFrom('a', 'b', 'é', '');
const number = fc.maxSafeInteger();
const id = plain({ queue, id: number });
const kind: fc.Arbitrary<Message['kind']> = fc.oneof(
  plain({ type: fc.constant('request' as const), replyTo: text }),
  plain({ type: fc.constant('response' as const), to: id }),
);
const payload = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
const time = fc.double({ noNaN: true, min: 0, max: 2e12 });

/** Any operation. */
export const operation: fc.Arbitrary<Operation> = fc.oneof(
  plain({
    type: fc.constant('queue-created' as const),
    queue,
    owner: fc.option(text, { nil: undefined }),
  }),
  plain({ type: fc.constant('queue-removed' as const), queue }),
  plain({ type: fc.constant('queue-listened' as const), queue }),
  plain({
    type: fc.constant('message-sent' as const),
    message: plain({ id, payload, kind, origin: text, time }),
  }),
  plain({ type: fc.constant('message-acked' as const), id }),
  plain({ type: fc.constant('ids-given' as const), next: number }),
);
