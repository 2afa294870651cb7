import type { TestContext } from 'node:test';
import Type from 'typebox';
import type { RpcLimits } from '../../src/rpc/answer.ts';
import { createRpcFront } from '../../src/rpc/front.ts';
import { defineInterface } from '../../src/rpc/interface.ts';
import { createService, implement } from '../../src/rpc/service.ts';
import { listen } from '../socket/helpers.ts';
import { observe } from './helpers.ts';

export const LIMITS: RpcLimits = {
  maxRequestBytes: 100_000,
  maxHeaderBytes: 4096,
  maxDepth: 16,
  maxBatchCalls: 5,
  maxAnswerBytes: 200_000,
};

export const TestInterface = defineInterface({
  name: 'Test',
  description: 'An interface for tests.',
  types: [],
  errorType: 'exnt',
  errors: { Unimplemented: { code: 1, description: '', value: Type.String() } },
  methods: {
    same: {
      aliases: [],
      description: 'gives back its value',
      params: Type.Object({ value: Type.Unknown() }),
      result: { name: 'value', description: '', schema: Type.Unknown() },
    },
    later: {
      aliases: [],
      description: 'gives back its value in a later turn',
      params: Type.Object({ value: Type.Unknown() }),
      result: { name: 'value', description: '', schema: Type.Unknown() },
    },
    sized: {
      aliases: [],
      description: 'gives a text of a length',
      params: Type.Object({ length: Type.Integer() }),
      result: { name: 'text', description: '', schema: Type.String() },
    },
    breaks: {
      aliases: [],
      description: 'throws',
      params: Type.Object({}),
      result: { name: 'nothing', description: '', schema: Type.Null() },
    },
  },
});

/** A socket that serves the interface in every protocol; `called` lists the values that were given to `same`. */
export async function serveEverything(t: TestContext): Promise<{ path: string; called: unknown[] }> {
  const called: unknown[] = [];
  const observer = observe();
  const methods = implement(
    TestInterface,
    {
      same: ({ value }) => {
        called.push(value);
        return value;
      },
      later: ({ value }) => new Promise((resolve) => setImmediate(() => resolve(value))),
      sized: ({ length }) => 'x'.repeat(length),
      breaks: () => {
        throw new Error('a fault of ours');
      },
    },
    observer,
  );
  const service = createService('test.queue', methods, observer, () => 0);
  const front = createRpcFront(service, LIMITS, () => {});
  const { path } = await listen(t, front);
  return { path, called };
}
