import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { mayWrite } from '../../src/storage/datapath-state.ts';
import { domainOf, NAMES, type Outcome, type Request, request, World } from './model-datapath.ts';
import { useOf } from './model-driver.ts';

/** Datapaths of one disk to two domains, against what their scripts have really done. */

const ANY: readonly Outcome[] = [
  'ok',
  'ok',
  'ok',
  'undone',
  'lost before',
  'lost after',
  'crash before',
  'crash after',
];
/** Half of the time all names are attached to begin with: what goes wrong later is seldom reached else. */
const requests = (outcomes: readonly Outcome[]): fc.Arbitrary<Request[]> =>
  fc
    .tuple(fc.boolean(), fc.array(request(outcomes), { maxLength: 25, size: 'max' }))
    .map(([isAttached, all]) => (isAttached ? [...NAMES.map(attached), ...all] : all));

const attached = (dp: string): Request => ({ asked: 'attach', dp, domain: domainOf(dp), outcomes: [] });

const RUNS = { numRuns: 1500 };

async function performAll(world: World, all: readonly Request[]): Promise<void> {
  for (const each of all) {
    await world.perform(each);
    world.check();
  }
}

for (const sharable of [false, true]) {
  const what = sharable ? 'a sharable disk' : 'a disk';
  test(`${what} is for each name what it was told, and ${sharable ? 'several domains write it' : 'one domain writes it'}`, async () => {
    let bothWrote = false;
    await fc.assert(
      fc.asyncProperty(requests(ANY), async (all) => {
        const world = new World(sharable);
        await performAll(world, all);
        bothWrote ||= world.writing().length > 1;
      }),
      RUNS,
    );
    assert.equal(bothWrote, sharable);
  });
}

test('whatever was lost on the way, when all names are detached nothing is left', async () => {
  await fc.assert(
    fc.asyncProperty(
      requests(ANY),
      fc.shuffledSubarray(NAMES, { minLength: NAMES.length }),
      async (all, names) => {
        const world = new World(false);
        await performAll(world, all);
        for (const dp of names) {
          const { ended } = await world.perform({ asked: 'detach', domain: domainOf(dp), dp, outcomes: [] });
          assert.equal(ended, 'done');
          world.check();
        }
        assert.deepEqual([...world.state.datapaths], []);
        for (const { attached, active } of world.reality.values()) {
          assert.deepEqual([attached, active], [false, 'no']);
        }
      },
    ),
    RUNS,
  );
});

test('detach fails only with its scripts, and deactivate too', async () => {
  await fc.assert(
    fc.asyncProperty(requests(ANY), fc.constantFrom(...NAMES), async (all, dp) => {
      const world = new World(false);
      await performAll(world, all);
      for (const asked of ['deactivate', 'detach'] as const) {
        const { ended } = await world.perform({ asked, domain: domainOf(dp), dp, outcomes: [] });
        assert.equal(ended, 'done');
      }
    }),
  );
});

test('what is done again runs nothing and changes nothing', async () => {
  await fc.assert(
    fc.asyncProperty(requests(ANY), request(['ok']), async (all, last) => {
      const world = new World(false);
      await performAll(world, all);
      const { ended } = await world.perform(last);
      fc.pre(ended === 'done');
      const before = [...world.state.datapaths];
      const again = await world.perform(last);
      assert.deepEqual(again, { ended: 'done', ran: [] });
      assert.deepEqual(new Set(world.state.datapaths), new Set(before));
    }),
    RUNS,
  );
});

/** What a name does in a run in which nothing is lost. */
interface Held {
  readonly writes: boolean;
  active: boolean;
}

/** The scripts that a request should run: only the first and the last of those who hold a datapath run any. */
class Clean {
  readonly held = new Map<string, Held>();
  readonly #active = new Map<string, 'no' | 'reads' | 'writes'>();

  scriptsOf({ asked, dp, domain }: Request, writes: boolean): readonly string[] {
    const active = this.#active.get(domain) ?? 'no';
    const here = [...this.held].filter(([name]) => domainOf(name) === domain);
    const mine = this.held.get(dp);
    switch (asked) {
      case 'attach':
        this.held.set(dp, { writes, active: mine?.active ?? false });
        return here.length === 0 ? ['attach'] : [];
      case 'activate':
        if (mine !== undefined) mine.active = true;
        this.#active.set(domain, 'writes');
        return active === 'writes' ? [] : ['activate'];
      case 'activate_readonly':
        if (mine !== undefined) mine.active = true;
        this.#active.set(domain, active === 'no' ? 'reads' : active);
        return active === 'no' ? ['activate_readonly'] : [];
      case 'deactivate':
      case 'detach': {
        if (mine === undefined) return [];
        mine.active = false;
        const isLast = active !== 'no' && here.every(([, each]) => !each.active);
        if (isLast) this.#active.set(domain, 'no');
        const down = isLast ? ['deactivate'] : [];
        if (asked === 'deactivate') return down;
        this.held.delete(dp);
        return here.length === 1 ? [...down, 'detach'] : down;
      }
    }
  }
}

/** A name is always attached in the same way. */
const writesOf = (dp: string): boolean => !dp.endsWith('b');

test('the first attach and the last detach run scripts, and nothing between them does', async () => {
  await fc.assert(
    fc.asyncProperty(requests(['ok']), async (all) => {
      const world = new World(true);
      const clean = new Clean();
      for (const each of all) {
        const { dp, asked } = each;
        const isRefused = asked.startsWith('activate') && !clean.held.has(dp);
        const { ended, ran } = await world.perform({ ...each, writes: writesOf(dp) });
        assert.equal(ended, isRefused ? 'refused' : 'done');
        assert.deepEqual(ran, isRefused ? [] : clean.scriptsOf(each, writesOf(dp)));
      }
    }),
    RUNS,
  );
});

test('a script that has done nothing leaves everything as it was', async () => {
  await fc.assert(
    fc.asyncProperty(requests(ANY), request(['undone']), async (all, last) => {
      const world = new World(false);
      await performAll(world, all);
      const before = new Map([...world.state.datapaths].map((each) => [each.domain, each]));
      const { ended, ran } = await world.perform({ ...last, outcomes: ['undone'] });
      fc.pre(ended === 'failed' && ran.length === 1);
      const after = new Map([...world.state.datapaths].map((each) => [each.domain, each]));
      assert.deepEqual(after, before);
    }),
    RUNS,
  );
});

test('a second writer is refused when another domain writes, and only when one may', async () => {
  let refusals = 0;
  await fc.assert(
    fc.asyncProperty(requests(['ok', 'undone']), async (all) => {
      const world = new World(false);
      for (const each of all) {
        const { dp, domain, asked } = each;
        const known = world.state.datapath(useOf({ domain }));
        const isHolder = known?.holders.some((holder) => holder.dp === dp) === true;
        const others = [...world.state.datapaths].filter((other) => other.domain !== domain);
        const isWritten = world.writing().some((other) => other !== domain);
        const { ended, ran } = await world.perform({ ...each, writes: writesOf(dp) });
        if (asked !== 'activate' || !isHolder) continue;
        if (ended === 'refused') {
          refusals += 1;
          assert.deepEqual(ran, []);
          assert.ok(writesOf(dp) && others.some(mayWrite));
          assert.ok(others.some(({ holders }) => holders.some(({ isActive, writes }) => isActive && writes)));
        } else assert.ok(!isWritten || !writesOf(dp));
      }
    }),
    RUNS,
  );
  assert.ok(refusals > 0);
});
