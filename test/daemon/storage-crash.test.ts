import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type DurableStorage, openDurableStorage } from '../../src/storage/durable.ts';
import { kill, stop } from '../helpers/daemon.ts';
import { backendOf } from '../helpers/fake-storage.ts';
import {
  type Call,
  resultOf,
  type ScriptCall,
  SR,
  startStorage,
  type TestPlugins,
  throughSocket,
  throughSwitch,
} from '../helpers/plugins.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { attachSr, createVdi, scriptsOf, using, withPlugins } from './storage-helpers.ts';

/** kill -9 between every two steps of a disk's life: what is known after the next start, and what that leads to. */

const STEPS = ['attach', 'activate', 'deactivate', 'detach'] as const;
type Step = (typeof STEPS)[number];

const SMAPIV2: Readonly<Record<Step, string>> = {
  attach: 'VDI.attach3',
  activate: 'VDI.activate3',
  deactivate: 'VDI.deactivate',
  detach: 'VDI.detach',
};

/** Where the daemon is killed. What of a step's script is not over by then comes to its end without it. */
const MOMENTS = [
  { name: 'before its script has done anything', isAnswered: false, isDone: false },
  { name: 'when its script has done its work', isAnswered: false, isDone: true },
  { name: 'after its answer', isAnswered: true, isDone: true },
];

/** The scripts by which `DP.destroy2` takes back all that the steps up to this one have done. */
const TAKE_BACK: Readonly<
  Record<Step, { readonly uncertain: readonly string[]; readonly certain: readonly string[] }>
> = {
  attach: { uncertain: ['detach'], certain: ['detach'] },
  activate: { uncertain: ['deactivate', 'detach'], certain: ['deactivate', 'detach'] },
  deactivate: { uncertain: ['deactivate', 'detach'], certain: ['detach'] },
  detach: { uncertain: ['detach'], certain: [] },
};

type Use = ReturnType<typeof using>;

const run = (call: Call, step: Step, use: Use) =>
  resultOf(call(SMAPIV2[step], step === 'attach' ? { ...use, read_write: true } : use));

/** Two disks that had come so far: one goes on with the step that was cut, the other is taken back. */
interface Cell {
  readonly step: Step;
  readonly moment: (typeof MOMENTS)[number];
  readonly goesOn: Use;
  readonly goesBack: Use;
}

test('killed between every two steps: the next calls go on, and DP.destroy2 takes all back', async (t) => {
  const stateDirectory = join(tempDirectory(t), 'state');
  const flags = [`--switch.stateDirectory=${stateDirectory}`, '--plugins.maxRunningPerPlugin=32'];
  const killed = Promise.withResolvers<void>();
  /** Whether the script does its work, by the scripts that wait for the end of the daemon. */
  const held = new Map<string, boolean>();
  const { storage, plugins } = await withPlugins(t, ({ answer }) => async (scriptCall) => {
    const isDone = held.get(`${scriptCall.method} ${scriptCall.params.uri}`);
    const reply = isDone === false ? { print: '', exit: 1 } : answer(scriptCall);
    if (isDone !== undefined) await killed.promise;
    return reply;
  });
  const first = await startStorage(t, plugins, { flags });
  const before = throughSocket(t, first);
  await attachSr(before);
  const prepare = async (step: Step, moment: Cell['moment']): Promise<Cell> => {
    const [goesOn, goesBack] = [using(await createVdi(before)), using(await createVdi(before))];
    const earlier = STEPS.slice(0, STEPS.indexOf(step));
    for (const use of [goesOn, goesBack]) {
      for (const each of moment.isAnswered ? [...earlier, step] : earlier) await run(before, each, use);
    }
    return { step, moment, goesOn, goesBack };
  };
  const cells = await Promise.all(STEPS.flatMap((step) => MOMENTS.map((moment) => prepare(step, moment))));
  for (const { step, moment, goesOn, goesBack } of cells.filter(({ moment }) => !moment.isAnswered)) {
    for (const use of [goesOn, goesBack]) {
      held.set(`Datapath.${step} disk://${use.vdi}`, moment.isDone);
      run(before, step, use).catch(() => {});
      await plugins.called(isScript(step, use.vdi));
    }
  }
  await kill(first);
  killed.resolve();
  held.clear();

  const second = await startStorage(t, plugins, { flags, directory: first.directory });
  const after = throughSwitch(t, second);
  for (const { step, moment, goesOn, goesBack } of cells) {
    await t.test(`in ${step}, ${moment.name}`, async () => {
      const scripts = await stepsOf(plugins, async () => {
        const result = await run(after, step, goesOn);
        assert.deepEqual(result, step === 'attach' ? backendOf(`disk://${goesOn.vdi}`) : null);
      });
      assert.deepEqual(scripts, moment.isAnswered ? [] : [`Datapath.${step}`]);
      for (const each of STEPS.slice(STEPS.indexOf(step) + 1)) await run(after, each, goesOn);
      const takenBack = await stepsOf(plugins, () =>
        resultOf(after('DP.destroy2', { ...goesBack, allow_leak: false })),
      );
      const expected = TAKE_BACK[step][moment.isAnswered ? 'certain' : 'uncertain'];
      assert.deepEqual(
        takenBack,
        expected.map((each) => `Datapath.${each}`),
      );
      for (const { vdi } of [goesOn, goesBack]) {
        assert.equal(storage.disks.get(`disk://${vdi} for 7`), undefined);
      }
    });
  }
  assert.deepEqual([...storage.disks, ...storage.sins], []);
  await stop(second);
  const kept = await readState(stateDirectory);
  assert.deepEqual([...kept.state.datapaths], []);
  assert.deepEqual([...kept.state.srs.keys()], [SR]);
  await kept.close();
});

test('killed after an SR is attached: it is attached', async (t) => {
  const flags = [`--switch.stateDirectory=${join(tempDirectory(t), 'state')}`];
  const { plugins } = await withPlugins(t);
  const first = await startStorage(t, plugins, { flags });
  await attachSr(throughSocket(t, first));
  await kill(first);
  const second = await startStorage(t, plugins, { flags, directory: first.directory });
  const call = throughSwitch(t, second);
  assert.deepEqual(await resultOf(call('SR.list')), [SR]);
  assert.deepEqual(await resultOf(call('SR.scan', { sr: SR })), []);
});

test('killed after a disk was opened that is not to be kept: it is attached and closed as it was opened', async (t) => {
  const flags = [`--switch.stateDirectory=${join(tempDirectory(t), 'state')}`];
  const { storage, plugins } = await withPlugins(t, undefined, ['NONPERSISTENT']);
  const first = await startStorage(t, plugins, { flags });
  const before = throughSocket(t, first);
  await attachSr(before);
  const use = using(await createVdi(before));
  const { dp: _, ...epoch } = use;
  await resultOf(before('VDI.epoch_begin', { ...epoch, persistent: false }));
  await kill(first);
  const second = await startStorage(t, plugins, { flags, directory: first.directory });
  const after = throughSwitch(t, second);
  const scripts = await stepsOf(plugins, async () => {
    await run(after, 'attach', use);
    await run(after, 'detach', use);
    // The domain is gone by then: xapi names none.
    await resultOf(after('VDI.epoch_end', { ...epoch, vm: '' }));
  });
  assert.deepEqual(scripts, ['Datapath.attach', 'Datapath.detach', 'Datapath.close']);
  assert.deepEqual([...storage.open, ...storage.sins], []);
});

/** Starts daemons one after the other on the same state; the scripts of `cut` end only when the first is killed. */
async function cutIn(t: TestContext, cut: string) {
  const flags = [`--switch.stateDirectory=${join(tempDirectory(t), 'state')}`];
  const killed = Promise.withResolvers<void>();
  const { storage, plugins } = await withPlugins(t, ({ answer }) => async (scriptCall) => {
    const reply = answer(scriptCall);
    if (scriptCall.method === cut) await killed.promise;
    return reply;
  });
  const first = await startStorage(t, plugins, { flags });
  const restarted = async (): Promise<Call> => {
    await plugins.called(({ method }) => method === cut);
    await kill(first);
    killed.resolve();
    return throughSwitch(t, await startStorage(t, plugins, { flags, directory: first.directory }));
  };
  return { storage, call: throughSocket(t, first), restarted };
}

test('killed while an SR is attached: it is not, and is attached by the next call', async (t) => {
  const { call, restarted } = await cutIn(t, 'SR.attach');
  attachSr(call).catch(() => {});
  const after = await restarted();
  assert.deepEqual(await resultOf(after('SR.list')), []);
  await attachSr(after);
  assert.deepEqual(await resultOf(after('SR.list')), [SR]);
});

test('killed while an SR is detached: it is detached by the next call', async (t) => {
  const { call, restarted, storage } = await cutIn(t, 'SR.detach');
  await attachSr(call);
  call('SR.detach', { sr: SR }).catch(() => {});
  const after = await restarted();
  assert.deepEqual(await resultOf(after('SR.list')), [SR]);
  // The plugin knows it no more, and says so.
  assert.equal(storage.isAttached, false);
  await resultOf(after('SR.detach', { sr: SR }));
  assert.deepEqual(await resultOf(after('SR.list')), []);
});

for (const { name, persistent } of [
  { name: 'ended', persistent: undefined },
  { name: 'begun anew', persistent: false },
  { name: 'begun for a guest that keeps what it writes', persistent: true },
]) {
  test(`killed between the end of a clone and that of its epoch: the epoch is ${name}`, async (t) => {
    const { call, restarted, storage } = await cutIn(t, 'Volume.unset');
    await attachSr(call);
    const vdi = await createVdi(call);
    const epoch = { sr: SR, vdi, vm: '7' };
    await resultOf(call('VDI.epoch_begin', { ...epoch, persistent: false }));
    call('VDI.epoch_end', epoch).catch(() => {});
    const after = await restarted();
    // The key stayed, as the storage was cut as well.
    storage.volumes.set(vdi, { ...storage.volumes.get(vdi), keys: { 'clone-on-boot': 'v2' } });
    await resultOf(
      persistent === undefined
        ? after('VDI.epoch_end', epoch)
        : after('VDI.epoch_begin', { ...epoch, persistent }),
    );
    const clones = [...storage.volumes.keys()].filter((key) => key !== vdi);
    const keys = storage.volumes.get(vdi)?.keys;
    if (persistent === false) assert.deepEqual(keys, { 'clone-on-boot': clones[0] });
    else assert.deepEqual([clones, keys], [[], {}]);
  });
}

test('after a boot of the host nothing is attached, whatever was', async (t) => {
  const stateDirectory = join(tempDirectory(t), 'state');
  const flags = [`--switch.stateDirectory=${stateDirectory}`];
  const { plugins } = await withPlugins(t);
  const first = await startStorage(t, plugins, { flags });
  const before = throughSocket(t, first);
  await attachSr(before);
  await run(before, 'attach', using(await createVdi(before)));
  await stop(first);
  const heard: string[] = [];
  const kept = await readState(stateDirectory, 'another boot', heard);
  assert.deepEqual(kept.state.counts, { srs: 0, opened: 0, datapaths: 0 });
  assert.match(heard.join(), /the host was booted since: of 1 SRs and 1 datapaths/);
  await kept.close();
  // The other way round: what another boot has kept is nothing to a daemon.
  const again = await readState(stateDirectory, 'another boot');
  const attached = { sr: SR, queue: 'q', handle: 'h', datasources: [], takenOver: false };
  await again.commit([{ type: 'sr-attached', attached }]);
  await again.close();
  const second = await startStorage(t, plugins, { flags, directory: first.directory });
  assert.deepEqual(await resultOf(throughSwitch(t, second)('SR.list')), []);
  await attachSr(throughSwitch(t, second));
});

const isScript =
  (step: Step, vdi: string) =>
  ({ method, params }: ScriptCall): boolean =>
    method === `Datapath.${step}` && params.uri === `disk://${vdi}`;

/** The scripts of the datapath that a task ran: after a start the SRs are asked how they are as well. */
const stepsOf = async (plugins: TestPlugins, task: () => Promise<unknown>): Promise<string[]> =>
  (await scriptsOf(plugins, task)).filter((method) => method.startsWith('Datapath.'));

/** What a daemon that has ended has kept. */
function readState(
  stateDirectory: string,
  boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim(),
  heard: string[] = [],
): Promise<DurableStorage> {
  return openDurableStorage({
    journal: {
      ...{
        directory: join(stateDirectory, 'storage'),
        sync: 'never',
        interval: 1000,
        segmentBytes: 1_000_000,
      },
      ...{ retryInterval: 10, repair: false, warn: (text) => heard.push(text) },
    },
    boot,
    info: (text) => heard.push(text),
  });
}
