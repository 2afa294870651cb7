import assert from 'node:assert/strict';
import { test } from 'node:test';
import { result } from '../../src/rpc/call.ts';
import type { Method } from '../../src/rpc/service.ts';
import { Timelines, type TimelinesOptions } from '../../src/timeline/timelines.ts';

/** Timelines on a clock that the test holds, and one method, which does what is given. */
function openTimelines(work: () => Promise<void>, options: Partial<TimelinesOptions> = {}) {
  const clock = { ms: 1000 };
  const timelines = new Timelines({ now: () => clock.ms, maxCalls: 3, maxSteps: 2, ...options });
  const method: Method = {
    name: 'SR.stat',
    call: async () => {
      await work();
      return result(null);
    },
  };
  return { clock, timelines, method };
}

test('steps belong to the call on whose behalf they are noted, also where calls run side by side', async () => {
  const gate = Promise.withResolvers<void>();
  const names = ['one', 'two'];
  const { timelines, method } = openTimelines(async () => {
    const plugin = names.shift();
    await gate.promise;
    timelines.note({ what: 'choice', begun: 0, ended: 0, plugin });
  });
  const [followed] = timelines.follow([method], 'all');
  const calls = ['a', 'b'].map((sr) => followed?.call({ dbg: 'me', sr }, { queue: 'q' }));
  gate.resolve();
  await Promise.all(calls);
  assert.deepEqual(
    timelines.kept().map(({ sr, steps }) => [sr, steps.map(({ plugin }) => plugin)]),
    [
      ['a', ['one']],
      ['b', ['two']],
    ],
  );
});

test('the last calls are kept, oldest first, and of each so many steps', async () => {
  const { timelines, method } = openTimelines(async () => {
    for (let count = 0; count < 5; count += 1) timelines.note({ what: 'disk', begun: 0, ended: 1 });
  });
  const [followed] = timelines.follow([method], 'all');
  for (let count = 0; count < 5; count += 1) await followed?.call({ dbg: 'me' }, { queue: 'q' });
  const kept = timelines.kept();
  assert.deepEqual(
    kept.map(({ number }) => number),
    [3, 4, 5],
  );
  assert.deepEqual([kept[0]?.steps.length, kept[0]?.leftOut], [2, 3]);
});

test('a call through the switch begins when it was accepted, and ends with its reply', async () => {
  const { clock, timelines, method } = openTimelines(async () => {});
  const [followed] = timelines.follow([method], 'all');
  const arrival = { message: 'q.7', accepted: 900, fetched: 950 };
  await followed?.call({ dbg: 'me' }, { queue: 'q', arrival });
  assert.deepEqual(timelines.kept(), []);
  clock.ms = 1010;
  timelines.replied(arrival);
  timelines.replied(arrival);
  const [call, ...others] = timelines.kept();
  assert.deepEqual(others, []);
  assert.deepEqual([call?.message, call?.begun, call?.ended], ['q.7', 900, 1010]);
  assert.deepEqual(call?.steps, [
    { what: 'queue', begun: 900, ended: 950 },
    { what: 'answer', begun: 1000, ended: 1010 },
  ]);
});

test('where each ns counts, calls over a socket are followed only when they bring a trace', async () => {
  const { timelines, method } = openTimelines(async () => {});
  const [followed] = timelines.follow([method], 'asked-for');
  await followed?.call({ dbg: 'me' }, { queue: 'q' });
  assert.equal(timelines.kept().length, 0);
  await followed?.call({ dbg: 'me\n00-1' }, { queue: 'q' });
  assert.equal(timelines.kept().length, 1);
});

test('what is noted outside of a call belongs to none', () => {
  const { timelines } = openTimelines(async () => {});
  timelines.note({ what: 'disk', begun: 0, ended: 1 });
  const params = { dbg: 'me' };
  const asking = timelines.ask('script', { plugin: 'p', method: 'SR.ls', params });
  assert.equal(asking.params, params);
  asking.ended({ waited: 0, ran: 1, failure: undefined });
  assert.deepEqual(timelines.kept(), []);
});
