import assert from 'node:assert/strict';
import { test } from 'node:test';
import { heldBy } from '../../src/storage/disks.ts';
import { disksOn, FORGETS, HELD, open, USE, uris, volumesWith } from './model-disks.ts';
import { Failure, scripts } from './model-driver.ts';
import { fill, openStorage } from './model-storage.ts';

/** What an epoch does to a disk: it is opened, or a clone stands for it. */

test('an epoch opens a disk whose plugin can forget, and its end closes it', async (t) => {
  const { disks, driver, storage } = await open(t, { raw: FORGETS });
  const volumes = volumesWith();
  await disks.epochBegin(USE, false, volumes);
  assert.equal(storage.state.open(USE)?.persistent, false);
  await disks.epochEnd(USE, volumes);
  assert.equal(storage.state.open(USE), undefined);
  assert.deepEqual(
    driver.ran.map(({ script, params }) => [script, params]),
    [
      ['open', { dbg: 'test', uri: 'raw:///a', persistent: false }],
      ['close', { dbg: 'test', uri: 'raw:///a' }],
    ],
  );
  assert.deepEqual(volumes.did(), ['stat a']);
});

test('a disk that is to be kept is opened as such', async (t) => {
  const { disks, driver } = await open(t, { raw: FORGETS });
  await disks.epochBegin(USE, true, volumesWith());
  assert.equal(driver.ran[0]?.params.persistent, true);
});

test('a disk that is not to be kept goes to the plugin that can forget', async (t) => {
  const { disks, driver } = await open(t, { raw: [], vhd: FORGETS });
  await disks.epochBegin(USE, false, volumesWith({ uri: ['raw:///a', 'vhd:///a'] }));
  assert.deepEqual(uris(driver), ['open vhd:///a']);
});

test('an epoch of a disk that is to be kept does nothing where the plugin can not forget', async (t) => {
  const { disks, driver } = await open(t);
  const volumes = volumesWith();
  await disks.epochBegin(USE, true, volumes);
  await disks.epochEnd(USE, volumes);
  assert.deepEqual(driver.names(), []);
  assert.deepEqual(volumes.did(), ['stat a', 'stat a']);
});

test('where the plugin can not forget a clone stands for the disk until the epoch ends', async (t) => {
  const { disks, driver } = await open(t);
  const volumes = volumesWith();
  await disks.epochBegin(USE, false, volumes);
  const clone = 'clone 1 of a';
  assert.deepEqual(volumes.did(), ['stat a', 'clone a', `set clone-on-boot of a to ${clone}`]);
  await disks.attach(HELD, true, volumes);
  assert.deepEqual(uris(driver), ['attach raw:///clone-1']);
  assert.deepEqual(volumes.did(), ['stat a', `stat ${clone}`]);
  await disks.detach(HELD, volumes);
  await disks.epochEnd(USE, volumes);
  assert.deepEqual(volumes.did(), ['stat a', `destroy ${clone}`, 'unset clone-on-boot of a']);
});

test('a clone that an epoch has left is destroyed when the next one begins', async (t) => {
  const { disks } = await open(t);
  const volumes = volumesWith();
  await disks.epochBegin(USE, false, volumes);
  volumes.did();
  await disks.epochBegin(USE, false, volumes);
  assert.deepEqual(volumes.did(), [
    'stat a',
    'destroy clone 1 of a',
    'clone a',
    'set clone-on-boot of a to clone 2 of a',
  ]);
});

test('a clone that the disk can not be told of goes again, and the caller hears why', async (t) => {
  const { disks } = await open(t);
  const volumes = volumesWith();
  const full = { ...volumes, set: () => Promise.reject(new Error('no space')) };
  await assert.rejects(disks.epochBegin(USE, false, full), { message: 'no space' });
  assert.deepEqual(volumes.did(), ['stat a', 'clone a', 'destroy clone 1 of a']);
});

test('what was chosen when it was opened is attached, whatever appears until then', async (t) => {
  const { disks, driver, schemes, selections } = await open(t, { raw: FORGETS });
  const volumes = volumesWith({ uri: ['vhd:///a', 'raw:///a'] });
  await disks.epochBegin(USE, false, volumes);
  schemes.vhd = FORGETS;
  volumes.did();
  await disks.attach(HELD, true, volumes);
  assert.deepEqual(uris(driver), ['open raw:///a', 'attach raw:///a']);
  assert.deepEqual(volumes.did(), []);
  assert.equal(selections.length, 1);
});

test('the disk of another domain was not opened with it', async (t) => {
  const { disks, driver, schemes } = await open(t, { raw: FORGETS });
  const volumes = volumesWith({ uri: ['vhd:///a', 'raw:///a'] });
  await disks.epochBegin(USE, true, volumes);
  schemes.vhd = FORGETS;
  await disks.attach(heldBy({ ...HELD, vm: '8' }), true, volumes);
  assert.equal(uris(driver).at(-1), 'attach vhd:///a');
});

test('what is open stays with its plugin, even when that can not forget any more', async (t) => {
  const { disks, driver, schemes } = await open(t, { raw: FORGETS });
  const volumes = volumesWith({ uri: ['vhd:///a', 'raw:///a'] });
  await disks.epochBegin(USE, false, volumes);
  schemes.raw = [];
  schemes.vhd = FORGETS;
  volumes.did();
  await disks.epochBegin(USE, false, volumes);
  await disks.epochEnd(USE, volumes);
  assert.deepEqual(uris(driver), ['open raw:///a', 'open raw:///a', 'close raw:///a']);
  assert.deepEqual(volumes.did(), ['stat a']);
});

test('a disk that could not be opened may be open, unless the script is sure to have done nothing', async (t) => {
  for (const isUndone of [true, false]) {
    const driver = scripts({ open: () => new Failure(isUndone) });
    const { disks, storage } = await open(t, { raw: FORGETS }, driver);
    await assert.rejects(disks.epochBegin(USE, true, volumesWith()), Failure);
    assert.equal(storage.state.open(USE) === undefined, isUndone);
  }
});

test('a disk that is open stays so when it is refused to be opened again', async (t) => {
  let answer: () => Failure | null = () => null;
  const { disks, storage } = await open(t, { raw: FORGETS }, scripts({ open: () => answer() }));
  await disks.epochBegin(USE, true, volumesWith());
  answer = () => new Failure(true);
  await assert.rejects(disks.epochBegin(USE, true, volumesWith()), Failure);
  assert.notEqual(storage.state.open(USE), undefined);
});

test('a disk that could not be closed is still open', async (t) => {
  const driver = scripts({ close: () => new Failure(true) });
  const { disks, storage } = await open(t, { raw: FORGETS }, driver);
  await disks.epochBegin(USE, true, volumesWith());
  await assert.rejects(disks.epochEnd(USE, volumesWith()), Failure);
  assert.notEqual(storage.state.open(USE), undefined);
});

test('while nothing can be kept a disk is not opened, and one that is open is closed', async (t) => {
  const { disks, driver, storage } = disksOn(await openStorage(t, { segmentBytes: 1 }), { raw: FORGETS });
  await disks.epochBegin(USE, true, volumesWith());
  fill(storage);
  await assert.rejects(disks.epochBegin({ ...USE, vm: '8' }, true, volumesWith()), /journal/);
  await disks.epochEnd(USE, volumesWith());
  assert.deepEqual(driver.names(), ['open', 'close']);
});

/** xapi ends an epoch when the domain is gone, and then knows no number for it. */
const ENDED = { ...USE, vm: '' };

test('an epoch is ended for a domain that is gone, or that has another number by now', async (t) => {
  for (const vm of ['', '8']) {
    const { disks, driver, storage } = await open(t, { raw: FORGETS });
    await disks.epochBegin(USE, false, volumesWith());
    await disks.attach(HELD, true, volumesWith());
    await disks.detach(HELD, volumesWith());
    await disks.epochEnd({ ...USE, vm }, volumesWith());
    assert.equal(uris(driver).at(-1), 'close raw:///a');
    assert.deepEqual([...storage.state.opened], []);
  }
});

test('the end of one guest closes nothing that another one has attached', async (t) => {
  const { disks, driver, storage } = await open(t, { raw: FORGETS });
  const other = heldBy({ ...HELD, vm: '8' });
  for (const held of [HELD, other]) {
    await disks.epochBegin(held, true, volumesWith());
    await disks.attach(held, false, volumesWith());
  }
  await disks.detach(HELD, volumesWith());
  await disks.epochEnd(ENDED, volumesWith());
  assert.ok(!driver.names().includes('close'));
  assert.deepEqual(
    [...storage.state.opened].map(({ vm }) => vm),
    ['8'],
  );
  await disks.detach(other, volumesWith());
  await disks.epochEnd(ENDED, volumesWith());
  assert.deepEqual([driver.names().at(-1), [...storage.state.opened]], ['close', []]);
});
