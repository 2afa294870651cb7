import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { joinStrings, Operation, type OperationName, writePacket } from '../../../src/wire/xenstore.ts';
import { startEmbedded } from '../../helpers/embedded.ts';
import { startXenstored } from '../../helpers/xenstored.ts';
import { connectPackets, type PacketClient } from './packets.ts';

/**
 * Requests whose strings are all there, if wrong in themselves. Others are not asked: this xenstored goes down when a
 * string lacks its NUL, or when permissions are set on a special name.
 */
interface Asked {
  readonly name: OperationName;
  readonly payload: string;
}

const name = fc.constantFrom('a', 'b', 'c');
const path = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => `/p/${names.join('/')}`),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '/p',
      'a',
      '/local/domain/0/a',
      '',
      '//',
      '/p/',
      '/p//a',
      '/p/a b',
      '/p/é',
      '/local',
    ),
  },
);
const permissions = fc.constantFrom(['n0'], ['r0', 'w0'], ['b0'], [], ['x0'], ['n'], ['n0', '']);
const request = (operation: OperationName, payload: fc.Arbitrary<string>) => ({
  weight: 1,
  arbitrary: payload.map((text): Asked => ({ name: operation, payload: text })),
});
const asked = fc.oneof(
  request(
    'READ',
    path.map((each) => joinStrings(each)),
  ),
  request(
    'DIRECTORY',
    path.map((each) => joinStrings(each)),
  ),
  request(
    'GET_PERMS',
    path.map((each) => joinStrings(each)),
  ),
  {
    ...request(
      'WRITE',
      fc.tuple(path, name).map(([each, value]) => `${joinStrings(each)}${value}`),
    ),
    weight: 4,
  },
  request(
    'MKDIR',
    path.map((each) => joinStrings(each)),
  ),
  request(
    'RM',
    path.map((each) => joinStrings(each)),
  ),
  request(
    'SET_PERMS',
    fc.tuple(path, permissions).map(([each, entries]) => joinStrings(each, ...entries)),
  ),
  request(
    'WATCH',
    fc.tuple(path, name).map(([each, token]) => joinStrings(each, token)),
  ),
  request(
    'UNWATCH',
    fc.tuple(path, name).map(([each, token]) => joinStrings(each, token)),
  ),
  request('TRANSACTION_END', fc.constantFrom('T\0', 'F\0')),
  request('GET_DOMAIN_PATH', fc.constantFrom('0\0', '7\0')),
  request('IS_DOMAIN_INTRODUCED', fc.constantFrom('0\0', '7\0')),
  request('WATCH', fc.constantFrom('/p\0a\x001\0')),
);

/** What a store answers to each; what its watches tell comes at other times and is left out. */
async function answersOf(client: PacketClient, steps: readonly Asked[]): Promise<string[]> {
  const answers: string[] = [];
  for (const step of steps) {
    client.send(writePacket(Operation[step.name], 1, 0, step.payload));
    for (;;) {
      const { type, payload } = await client.packet();
      if (type === Operation.WATCH_EVENT) continue;
      answers.push(`${type === Operation.ERROR ? 'error ' : ''}${payload.toString()}`);
      break;
    }
  }
  return answers;
}

/** What all begin with: an empty folder, no watches, and permissions as they were. */
const CLEAN: readonly Asked[] = [
  { name: 'RESET_WATCHES', payload: '\0' },
  { name: 'MKDIR', payload: '/p\0' },
  { name: 'RM', payload: '/p\0' },
  { name: 'MKDIR', payload: '/local/domain/0/a\0' },
  { name: 'RM', payload: '/local/domain/0/a\0' },
  { name: 'WRITE', payload: '/tool\0' },
  { name: 'SET_PERMS', payload: '/tool\0n0\0' },
];

test("the embedded store answers as Debian's C xenstored does, in words and errors", async (t) => {
  const real = await connectPackets(t, (await startXenstored(t, 'c')).socket);
  const ours = await connectPackets(t, (await startEmbedded(t)).socket);
  await fc.assert(
    fc.asyncProperty(fc.array(asked, { minLength: 5, maxLength: 40 }), async (steps) => {
      const all = [...CLEAN, ...steps];
      const [expected, answers] = [await answersOf(real, all), await answersOf(ours, all)];
      assert.deepEqual(
        answers.map((answer, index) => [all[index], answer]),
        expected.map((answer, index) => [all[index], answer]),
      );
    }),
    // A daemon that went down would say nothing about smaller cases.
    { numRuns: 300, endOnFailure: true },
  );
});
