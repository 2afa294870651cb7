import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { createInOrder, diskKey } from '../../src/storage/in-order.ts';
import { createOrdering } from '../../src/storage/plugins/ordering.ts';

/** Calls that begin when they may and end when the test says so. */
function calls() {
  const inOrder = createInOrder(createOrdering(() => 0));
  const running = new Map<string, () => void>();
  return {
    running,
    names: (): string[] => [...running.keys()],
    /** Makes a call that ends with its name. */
    call: (name: string, sr: string, vdis: readonly string[]): Promise<string> =>
      inOrder(sr, vdis, async () => {
        await new Promise<void>((resolve) => running.set(name, resolve));
        running.delete(name);
        return name;
      }),
    end: async (name: string): Promise<void> => {
      const end = running.get(name);
      assert.ok(end !== undefined, `${name} runs`);
      end();
      await turn();
    },
  };
}

test('calls on one disk run one after the other, in the order of their arrival', async () => {
  const { call, names, end } = calls();
  const all = [call('1', 'sr', ['a']), call('2', 'sr', ['a']), call('3', 'sr', ['a'])];
  for (const name of ['1', '2', '3']) {
    await turn();
    assert.deepEqual(names(), [name]);
    await end(name);
  }
  assert.deepEqual(await Promise.all(all), ['1', '2', '3']);
});

test('calls on other disks, on the same disk of another SR and on the SR itself run side by side', async () => {
  const { call, names } = calls();
  const where: [string, string[]][] = [
    ['sr', ['a']],
    ['sr', ['b']],
    ['other', ['a']],
    ['sr', []],
    ['other', []],
    ['', ['sr']],
  ];
  for (const [index, [sr, vdis]] of where.entries()) call(`${index}`, sr, vdis);
  await turn();
  assert.equal(names().length, where.length);
});

test('calls on the SR itself run one after the other', async () => {
  const { call, names } = calls();
  call('1', 'sr', []);
  call('2', 'sr', []);
  await turn();
  assert.deepEqual(names(), ['1']);
});

test('a call on several disks waits for all of them, and those that come later for it', async () => {
  const { call, names, end } = calls();
  call('a', 'sr', ['a']);
  call('b', 'sr', ['b']);
  call('both', 'sr', ['a', 'b']);
  call('later', 'sr', ['b']);
  await turn();
  assert.deepEqual(names(), ['a', 'b']);
  await end('b');
  assert.deepEqual(names(), ['a']);
  await end('a');
  assert.deepEqual(names(), ['both']);
  await end('both');
  assert.deepEqual(names(), ['later']);
});

test('one disk named twice is one disk', async () => {
  const { call, end } = calls();
  const done = call('1', 'sr', ['a', 'a']);
  await turn();
  await end('1');
  assert.equal(await done, '1');
});

test('what fails is the caller’s, and the next one runs', async () => {
  const inOrder = createInOrder(createOrdering(() => 0));
  const error = new Error('no');
  const fails = inOrder('sr', ['a', 'b'], async () => {
    throw error;
  });
  const next = inOrder('sr', ['b'], async () => 'next');
  await assert.rejects(fails, error);
  assert.equal(await next, 'next');
});

test('the longest that a call had to wait is told, and nothing of one that did not', async () => {
  let now = 0;
  const waits: [string, number][] = [];
  const inOrder = createInOrder(
    createOrdering(() => now),
    (sr, ms) => waits.push([sr, ms]),
  );
  const ends = ['a', 'b'].map((disk) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    inOrder('sr', [disk], () => promise);
    return resolve;
  });
  const both = inOrder('sr', ['a', 'b'], async () => {});
  for (const end of ends) {
    now += 5;
    end();
    await turn();
  }
  await both;
  assert.deepEqual(waits, [['sr', 10]]);
});

test('nothing is held when all are done', async () => {
  const ordering = createOrdering(() => 0);
  await createInOrder(ordering)('sr', ['a', 'b'], async () => {});
  await turn();
  for (const disk of ['a', 'b']) assert.equal(ordering.size(diskKey('sr', disk)), 0);
});

const DISKS = ['a', 'b', 'c'];
const disks = fc.shuffledSubarray(DISKS, { minLength: 1 });

test('whichever disks calls are on, all end, none beside another on its disk, each disk in order of arrival', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(disks, { maxLength: 12 }),
      fc.infiniteStream(fc.nat(100)),
      async (all, picks) => {
        const { call, end, names } = calls();
        const began = new Map<string, number[]>(DISKS.map((disk) => [disk, []]));
        const seen = new Set<string>();
        const done = all.map((vdis, index) => call(`${index}`, 'sr', vdis));
        for (const _ of all) {
          await turn();
          const running = names();
          const busy = running.flatMap((name) => all[Number(name)] ?? []);
          assert.equal(new Set(busy).size, busy.length, 'one call on each disk');
          for (const name of running.filter((each) => !seen.has(each))) {
            seen.add(name);
            for (const disk of all[Number(name)] ?? []) began.get(disk)?.push(Number(name));
          }
          const picked = running[(picks.next().value ?? 0) % running.length];
          assert.ok(picked !== undefined, 'something runs');
          await end(picked);
        }
        assert.deepEqual(await Promise.all(done), [...all.keys()].map(String));
        for (const order of began.values()) {
          assert.deepEqual(
            order,
            order.toSorted((one, other) => one - other),
          );
        }
      },
    ),
    { numRuns: 200 },
  );
});
