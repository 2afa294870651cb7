import Type from 'typebox';
import { defineInterface } from '../../src/rpc/interface.ts';
import {
  type CallRecord,
  createService,
  implement,
  type Service,
  type ServiceObserver,
} from '../../src/rpc/service.ts';

/** A small interface with a method of each kind: plain, slow, failing. */
export const SampleInterface = defineInterface({
  name: 'Sample',
  description: 'An interface for tests.',
  types: [],
  errorType: 'exnt',
  errors: { Unimplemented: { code: 1, description: '', value: Type.String() } },
  methods: {
    echo: {
      aliases: ['Echo'],
      description: 'gives back its text',
      params: Type.Object({ dbg: Type.String(), text: Type.String() }),
      result: { name: 'text', description: '', schema: Type.String() },
    },
    later: {
      aliases: [],
      description: 'gives back its text in a later turn',
      params: Type.Object({ text: Type.String() }),
      result: { name: 'text', description: '', schema: Type.String() },
    },
    nested: {
      aliases: [],
      description: 'takes a list of structs',
      params: Type.Object({ disks: Type.Array(Type.Object({ size: Type.Integer() })) }),
      result: { name: 'count', description: '', schema: Type.Integer() },
    },
    breaks: {
      aliases: [],
      description: 'throws',
      params: Type.Object({}),
      result: { name: 'nothing', description: '', schema: Type.Null() },
    },
    breaksLater: {
      aliases: [],
      description: 'rejects',
      params: Type.Object({}),
      result: { name: 'nothing', description: '', schema: Type.Null() },
    },
  },
});

export interface Observed extends ServiceObserver {
  readonly records: CallRecord[];
  readonly thrown: [string, unknown][];
}

export function observe(): Observed {
  const records: CallRecord[] = [];
  const thrown: [string, unknown][] = [];
  return {
    records,
    thrown,
    wanted: () => true,
    answered: (record) => records.push(record),
    threw: (method, error) => thrown.push([method, error]),
  };
}

export function sampleService(observer: ServiceObserver = observe()): Service {
  let now = 0;
  const methods = implement(
    SampleInterface,
    {
      echo: ({ text }) => text,
      later: ({ text }) => new Promise((resolve) => setImmediate(() => resolve(text))),
      nested: ({ disks }) => disks.length,
      breaks: () => {
        throw new Error('a secret of ours');
      },
      breaksLater: () => Promise.reject(new Error('a secret of ours')),
    },
    observer,
  );
  return createService('sample.queue', methods, observer, () => {
    now += 5;
    return now;
  });
}
