import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Datapaths } from '../../src/storage/datapaths.ts';
import { BACKEND, choiceOf, Failure, scripts, useOf } from './model-driver.ts';
import {
  datapathIn,
  datapathsOn,
  fill,
  killed,
  type OpenedDatapaths,
  openStorage,
  restarted,
  snapshotOf,
  stateIn,
} from './model-storage.ts';

/** What of a datapath is kept, and when: before each script, after it, and when nothing can be kept. */

const USE = useOf();
const chooseNever = async (): Promise<never> => {
  throw new Error('it was chosen already');
};
const attach = (datapaths: Datapaths, use = USE) => datapaths.attach(use, true, async () => choiceOf());

type Call = (datapaths: Datapaths) => Promise<unknown>;
interface Step {
  readonly step: 'attach' | 'activate' | 'activate_readonly' | 'deactivate' | 'detach';
  /** What comes before it. */
  readonly before: readonly Call[];
  readonly call: Call;
  /** Its state when it has ended well. */
  readonly after: string;
}
const activate: Call = (datapaths) => datapaths.activate(USE, 'activate');
const STEPS: readonly Step[] = [
  { step: 'attach', before: [], call: attach, after: 'attached' },
  { step: 'activate', before: [attach], call: activate, after: 'activated' },
  {
    step: 'activate_readonly',
    before: [attach],
    call: (datapaths) => datapaths.activate(USE, 'activate_readonly'),
    after: 'activated',
  },
  {
    step: 'deactivate',
    before: [attach, activate],
    call: (datapaths) => datapaths.deactivate(USE),
    after: 'attached',
  },
  { step: 'detach', before: [attach], call: (datapaths) => datapaths.detach(USE), after: 'closed' },
];

/** Carries out a step: what kill -9 leaves while its script runs, and after it. */
async function lifeUntil(t: TestContext, { step, before, call }: Step) {
  const storage = await openStorage(t);
  let during: string | undefined;
  const driver = scripts({
    [step]: () => {
      during ??= killed(t, storage.directory);
      return step === 'attach' ? { ...BACKEND } : null;
    },
  });
  const { datapaths } = datapathsOn(storage, driver);
  for (const earlier of before) await earlier(datapaths);
  await call(datapaths);
  assert.ok(during !== undefined);
  return { storage, during: await openStorage(t, { directory: during }) };
}

for (const wanted of STEPS) {
  const { step, call, after } = wanted;

  test(`while ${step} runs, kill -9 leaves it uncertain, and the next call runs it again`, async (t) => {
    const { during } = await lifeUntil(t, wanted);
    assert.equal(stateIn(during), 'uncertain');
    assert.equal(datapathIn(during)?.underWay?.step, step);
    const { datapaths, driver } = datapathsOn(during);
    await call(datapaths);
    assert.deepEqual(driver.names(), [step]);
    assert.equal(stateIn(during), after);
  });

  test(`while ${step} runs, kill -9 leaves what detach cleans up`, async (t) => {
    const { during } = await lifeUntil(t, wanted);
    const { datapaths, driver } = datapathsOn(during);
    await datapaths.detach(USE);
    assert.equal(stateIn(during), 'closed');
    assert.equal(driver.names().at(-1), 'detach');
    assert.equal(stateIn(await restarted(t, during)), 'closed');
  });

  test(`after ${step}, kill -9 leaves it ${after}, as it was answered`, async (t) => {
    const { storage } = await lifeUntil(t, wanted);
    const again = await restarted(t, storage);
    assert.equal(stateIn(again), after);
    assert.deepEqual(snapshotOf(again), snapshotOf(storage));
  });
}

test('what was chosen and answered outlives a restart', async (t) => {
  const first = datapathsOn(await openStorage(t));
  await attach(first.datapaths);
  const { datapaths, driver } = datapathsOn(await restarted(t, first.storage));
  assert.deepEqual(await datapaths.attach(USE, true, chooseNever), BACKEND);
  await datapaths.activate(USE, 'activate');
  assert.deepEqual(driver.names(), ['activate']);
  assert.equal(driver.ran[0]?.params.uri, choiceOf().uri);
});

test('a writer that was let write before a restart keeps others from it after', async (t) => {
  const first = datapathsOn(await openStorage(t));
  await attach(first.datapaths);
  await first.datapaths.activate(USE, 'activate');
  const { datapaths } = datapathsOn(await restarted(t, first.storage));
  const other = useOf({ domain: '8', dp: 'vbd/8/xvda' });
  await attach(datapaths, other);
  await assert.rejects(datapaths.activate(other, 'activate'), { tag: 'Backend_error' });
});

/** Datapaths whose journal can be filled. */
const fillable = async (t: TestContext): Promise<OpenedDatapaths> =>
  datapathsOn(await openStorage(t, { segmentBytes: 1 }));

const FULL = /the journal can not be written/;

test('what can not be kept is not attached, and no script is run', async (t) => {
  const { datapaths, driver, storage } = await fillable(t);
  fill(storage);
  await assert.rejects(attach(datapaths), FULL);
  assert.deepEqual(driver.names(), []);
  assert.equal(stateIn(storage), 'closed');
});

test('what can not be kept is not activated, and no script is run', async (t) => {
  const { datapaths, driver, storage } = await fillable(t);
  await attach(datapaths);
  driver.names();
  fill(storage);
  await assert.rejects(datapaths.activate(USE, 'activate'), FULL);
  assert.deepEqual(driver.names(), []);
  assert.equal(stateIn(storage), 'attached');
});

test('who can not be kept does not hold what others hold', async (t) => {
  const { datapaths, storage } = await fillable(t);
  await attach(datapaths);
  fill(storage);
  await assert.rejects(attach(datapaths, useOf({ dp: 'other' })), FULL);
  assert.deepEqual(
    datapathIn(storage)?.holders.map(({ dp }) => dp),
    [USE.dp],
  );
});

test('what changes nothing needs no room', async (t) => {
  const { datapaths, driver, storage } = await fillable(t);
  await attach(datapaths);
  await datapaths.activate(USE, 'activate');
  driver.names();
  fill(storage);
  assert.deepEqual(await attach(datapaths), BACKEND);
  await datapaths.activate(USE, 'activate');
  assert.deepEqual(driver.names(), []);
});

test('an activation whose end can not be kept is not answered as done, and is uncertain', async (t) => {
  const storage = await openStorage(t, { segmentBytes: 1 });
  const driver = scripts({
    activate: () => {
      fill(storage);
      return null;
    },
  });
  const { datapaths } = datapathsOn(storage, driver);
  await attach(datapaths);
  await assert.rejects(datapaths.activate(USE, 'activate'), FULL);
  assert.equal(stateIn(storage), 'uncertain');
});

test('a script that refuses while nothing can be kept is the error of the call, and nothing has changed', async (t) => {
  const storage = await openStorage(t, { segmentBytes: 1 });
  const driver = scripts({
    activate: () => {
      fill(storage);
      return new Failure(true);
    },
  });
  const { datapaths } = datapathsOn(storage, driver);
  await attach(datapaths);
  await assert.rejects(datapaths.activate(USE, 'activate'), { message: 'refused' });
  assert.equal(stateIn(storage), 'attached');
});

test('while nothing can be kept a disk is deactivated and detached, and that is kept when there is room', async (t) => {
  const { datapaths, driver, storage } = await fillable(t);
  const other = useOf({ dp: 'other' });
  await attach(datapaths);
  await attach(datapaths, other);
  await datapaths.activate(USE, 'activate');
  await datapaths.activate(other, 'activate');
  driver.names();
  const makeRoom = fill(storage);
  await datapaths.deactivate(USE);
  await datapaths.deactivate(other);
  assert.equal(stateIn(storage), 'attached');
  await datapaths.detach(USE);
  await datapaths.detach(other);
  assert.deepEqual(driver.names(), ['deactivate', 'detach']);
  assert.equal(stateIn(storage), 'closed');
  makeRoom();
  await storage.written;
  assert.equal(stateIn(await restarted(t, storage)), 'closed');
});

test('while nothing can be kept an active disk is detached', async (t) => {
  const { datapaths, driver, storage } = await fillable(t);
  await attach(datapaths);
  await datapaths.activate(USE, 'activate');
  driver.names();
  fill(storage);
  await datapaths.detach(USE);
  assert.deepEqual(driver.names(), ['deactivate', 'detach']);
});

test('while nothing can be kept a disk of the daemon before is adopted and detached', async (t) => {
  const { datapaths, driver, storage } = await fillable(t);
  fill(storage);
  await datapaths.adopt(USE, choiceOf());
  await datapaths.detach(USE);
  assert.deepEqual(driver.names(), ['deactivate', 'detach']);
});
