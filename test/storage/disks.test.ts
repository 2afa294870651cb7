import assert from 'node:assert/strict';
import { test } from 'node:test';
import { domainOf, heldBy } from '../../src/storage/disks.ts';
import { smapiv2Error } from '../../src/storage/errors.ts';
import { disksOn, FORGETS, HELD, type OpenedDisks, open, USE, uris, volumesWith } from './model-disks.ts';
import { restarted } from './model-storage.ts';

/** What is chosen for a disk, once, and what is then done to it. */

for (const [vm, dp, domain] of [
  ['0', 'vbd/7/xvda', 'u0_vbd_7_xvda'],
  ['0', 'a-b/c_d', 'u0_a_b_c_d'],
  ['7', 'vbd/7/xvda', '7'],
  ['10', 'a', '10'],
] as const) {
  test(`the domain ${vm} with ${dp} is ${domain} to a plugin`, () => {
    assert.equal(domainOf(vm, dp), domain);
    assert.deepEqual(heldBy({ ...USE, vm, dp }), { ...USE, vm, dp, domain });
  });
}

test('a plugin that appears between attach and detach changes nothing', async (t) => {
  const { disks, driver, schemes, selections } = await open(t);
  const volumes = volumesWith({ uri: ['vhd:///a', 'raw:///a'] });
  await disks.attach(HELD, true, volumes);
  schemes.vhd = [];
  await disks.activate(HELD, 'activate', volumes);
  await disks.deactivate(HELD, volumes);
  await disks.detach(HELD, volumes);
  assert.deepEqual(uris(driver), [
    'attach raw:///a',
    'activate raw:///a',
    'deactivate raw:///a',
    'detach raw:///a',
  ]);
  assert.deepEqual(volumes.did(), ['stat a']);
  assert.equal(selections.length, 1);
});

test('what was chosen outlives a restart', async (t) => {
  const first = await open(t, { raw: FORGETS });
  const volumes = volumesWith({ uri: ['vhd:///a', 'raw:///a'] });
  await first.disks.epochBegin(USE, false, volumes);
  const second = disksOn(await restarted(t, first.storage), { vhd: FORGETS, raw: FORGETS });
  await second.disks.attach(HELD, true, volumes);
  const third = disksOn(await restarted(t, second.storage), { vhd: FORGETS, raw: FORGETS });
  await third.disks.detach(HELD, volumes);
  await third.disks.epochEnd(USE, volumes);
  assert.deepEqual(uris(second.driver), ['attach raw:///a']);
  assert.deepEqual(uris(third.driver), ['detach raw:///a', 'close raw:///a']);
  assert.deepEqual(third.selections, []);
});

test('without a plugin for any of its URIs the error says of each why not, and shows none of them', async (t) => {
  const { disks, selections } = await open(t);
  const volumes = volumesWith({ uri: ['vhd://user:secret@host/a', '/secret'] });
  const text =
    'none of its URIs can be used: 1 (vhd): no datapath plugin serves the scheme vhd; 2 (no scheme): it has no scheme';
  await assert.rejects(disks.attach(HELD, true, volumes), {
    tag: 'Backend_error',
    value: ['MISSING_URI', [text]],
    message: text,
  });
  assert.equal(selections.length, 1);
});

test('a volume without a URI is said to have none', async (t) => {
  const { disks } = await open(t);
  await assert.rejects(disks.attach(HELD, true, volumesWith({ uri: [] })), {
    value: ['MISSING_URI', ['the volume has no URI']],
  });
});

test('a choice says which volume it leads to, and whether several may write it', async (t) => {
  const { disks } = await open(t);
  const volumes = volumesWith({ sharable: true });
  assert.deepEqual(await disks.choiceFor(USE, '7', volumes), {
    ...{ plugin: 'raw', uri: 'raw:///a', volume: 'a', sharable: true, domid: 0, domainUuid: 'vm-of-0' },
    ...{ implementations: ['vbd3', 'vbd', 'qdisk'], forbidden: [], caching: 'none', ruled: false },
    reason: 'vbd3 of domain 0, caching none',
  });
  await disks.epochBegin(USE, false, volumes);
  assert.equal((await disks.choiceFor(USE, '7', volumes)).volume, 'clone 1 of a');
});

test('of what is attached the choice is what was chosen then', async (t) => {
  const { disks, schemes } = await open(t);
  const volumes = volumesWith({ uri: ['vhd:///a', 'raw:///a'] });
  await disks.attach(HELD, true, volumes);
  schemes.vhd = [];
  assert.equal((await disks.choiceFor(USE, '7', volumes)).uri, 'raw:///a');
  assert.equal((await disks.choiceFor(USE, '8', volumes)).uri, 'vhd:///a');
});

const takeOver = ({ storage }: OpenedDisks, takenOver: boolean): Promise<void> =>
  storage.commit([
    { type: 'sr-attached', attached: { sr: 'sr', queue: 'q', handle: 'h', datasources: [], takenOver } },
  ]);

test('a disk of an SR that was taken over is let go of though this daemon did not attach it', async (t) => {
  const opened = await open(t);
  await takeOver(opened, true);
  await opened.disks.detach(HELD, volumesWith());
  assert.deepEqual(uris(opened.driver), ['deactivate raw:///a', 'detach raw:///a']);
});

test('a disk of an SR that was taken over is closed at the end of its epoch, as the daemon before would have done', async (t) => {
  for (const [takenOver, features, scripts] of [
    [true, FORGETS, ['deactivate', 'detach', 'close']],
    [true, [], ['deactivate', 'detach']],
    [false, FORGETS, []],
  ] as const) {
    const opened = await open(t, { raw: features });
    await takeOver(opened, takenOver);
    if (takenOver) await opened.disks.detach(HELD, volumesWith());
    // The domain is gone.
    await opened.disks.epochEnd({ ...USE, vm: '' }, volumesWith());
    assert.deepEqual(opened.driver.names(), scripts);
  }
});

test('a disk of an SR that was taken over is not closed while a domain has it', async (t) => {
  const opened = await open(t, { raw: FORGETS });
  await takeOver(opened, true);
  await opened.disks.attach(heldBy({ ...HELD, vm: '8' }), false, volumesWith());
  await opened.disks.epochEnd({ ...USE, vm: '' }, volumesWith());
  assert.ok(!opened.driver.names().includes('close'));
});

test('a disk of an SR that was taken over is activated and put down', async (t) => {
  const opened = await open(t);
  await takeOver(opened, true);
  await opened.disks.activate(HELD, 'activate', volumesWith());
  await opened.disks.deactivate(HELD, volumesWith());
  assert.deepEqual(opened.driver.names(), ['activate', 'deactivate']);
});

test('a disk that this daemon attached in an SR that was taken over is known, and let go of once', async (t) => {
  const opened = await open(t);
  await takeOver(opened, true);
  const { disks, driver } = opened;
  await disks.attach(HELD, true, volumesWith());
  await disks.activate(HELD, 'activate', volumesWith());
  await disks.deactivate(HELD, volumesWith());
  await disks.detach(HELD, volumesWith());
  assert.deepEqual(driver.names(), ['attach', 'activate', 'deactivate', 'detach']);
});

test('a disk of an SR that was taken over is let go of once, unless it is attached again', async (t) => {
  const opened = await open(t);
  await takeOver(opened, true);
  const { disks, driver } = opened;
  const volumes = volumesWith();
  for (const expected of [['deactivate', 'detach'], []]) {
    await disks.detach(HELD, volumes);
    assert.deepEqual(driver.names(), expected);
    await disks.deactivate(HELD, volumes);
    assert.deepEqual(driver.names(), []);
  }
  await disks.detach({ ...HELD, domain: '8' }, volumes);
  assert.deepEqual(driver.names(), ['deactivate', 'detach']);
  await disks.attach(HELD, true, volumes);
  await disks.detach(HELD, volumes);
  assert.deepEqual(driver.names(), ['attach', 'detach']);
});

test('a disk of an SR that was taken over may be active when it is attached again: it is put down all the same', async (t) => {
  const opened = await open(t);
  await takeOver(opened, true);
  const { disks, driver } = opened;
  await disks.attach(HELD, true, volumesWith());
  await disks.deactivate(HELD, volumesWith());
  await disks.detach(HELD, volumesWith());
  assert.deepEqual(driver.names(), ['attach', 'deactivate', 'detach']);
});

test('a disk of an SR that was taken over that is attached anew keeps nobody from writing', async (t) => {
  const opened = await open(t);
  await takeOver(opened, true);
  const { disks } = opened;
  const [reader, writer] = [HELD, { ...HELD, vm: '8', domain: '8' }];
  await disks.attach(reader, false, volumesWith());
  await disks.attach(writer, true, volumesWith());
  await disks.activate(writer, 'activate', volumesWith());
  await disks.activate(reader, 'activate', volumesWith());
});

test('a volume that is gone from an SR that was taken over is let go of, and not activated', async (t) => {
  const opened = await open(t);
  await takeOver(opened, true);
  const gone = {
    ...volumesWith(),
    stat: async (key: string) => {
      const code = 'Volume_does_not_exist';
      throw smapiv2Error('Backend_error_with_backtrace', [code, ['', key]]);
    },
  };
  await opened.disks.deactivate(HELD, gone);
  await opened.disks.detach(HELD, gone);
  await assert.rejects(opened.disks.activate({ ...HELD, domain: '8' }, 'activate', gone));
  assert.deepEqual(opened.driver.names(), []);
});

test('a disk of another SR that is not attached is left as it is', async (t) => {
  const opened = await open(t);
  await takeOver(opened, false);
  await opened.disks.deactivate(HELD, volumesWith());
  await opened.disks.detach(HELD, volumesWith());
  assert.deepEqual(opened.driver.names(), []);
});
