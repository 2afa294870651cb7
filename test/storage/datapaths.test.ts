import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BACKEND, choiceOf, Failure, scripts, useOf } from './model-driver.ts';
import { datapathIn, datapathsOn, openStorage, stateIn } from './model-storage.ts';

/** Datapaths with scripts of the test and a journal on disk. */

const choose = async () => choiceOf();
const USE = useOf();

test('a disk is attached, activated, deactivated and detached by the scripts of its plugin', async (t) => {
  const { datapaths, driver, storage } = datapathsOn(await openStorage(t));
  assert.deepEqual(await datapaths.attach(USE, true, choose), BACKEND);
  assert.equal(stateIn(storage), 'attached');
  await datapaths.activate(USE, 'activate');
  assert.equal(stateIn(storage), 'activated');
  await datapaths.deactivate(USE);
  assert.equal(stateIn(storage), 'attached');
  await datapaths.detach(USE);
  assert.equal(stateIn(storage), 'closed');
  assert.deepEqual(driver.names(), ['attach', 'activate', 'deactivate', 'detach']);
});

test('a script is told the URI that was chosen, the domain and the debug context', async (t) => {
  const { datapaths, driver } = datapathsOn(await openStorage(t));
  const choice = choiceOf({ plugin: 'vhd', uri: 'vhd:///x', domid: 3, domainUuid: 'vm' });
  await datapaths.attach(useOf({ domain: 'u0_x', dbg: 'why' }), true, async () => choice);
  const [ran] = driver.ran;
  assert.deepEqual(ran?.params, { dbg: 'why', uri: 'vhd:///x', domain: 'u0_x' });
  assert.deepEqual(ran?.choice, choice);
});

test('what was chosen is asked for once, and used until it is detached', async (t) => {
  const { datapaths, driver } = datapathsOn(await openStorage(t));
  let asked = 0;
  const chooses = async () => {
    asked += 1;
    return choiceOf({ uri: `raw:///${asked}` });
  };
  await datapaths.attach(USE, true, chooses);
  await datapaths.attach(USE, true, chooses);
  await datapaths.attach(useOf({ dp: 'other' }), true, chooses);
  await datapaths.activate(USE, 'activate');
  await datapaths.detach(USE);
  await datapaths.detach(useOf({ dp: 'other' }));
  assert.equal(asked, 1);
  assert.deepEqual(new Set(driver.ran.map(({ params }) => params.uri)), new Set(['raw:///1']));
  await datapaths.attach(USE, true, chooses);
  assert.equal(driver.ran.at(-1)?.params.uri, 'raw:///2');
});

test('when nothing can be chosen nothing is kept, and no script is run', async (t) => {
  const { datapaths, driver, storage } = datapathsOn(await openStorage(t));
  const error = new Error('no URI');
  await assert.rejects(
    datapaths.attach(USE, true, async () => {
      throw error;
    }),
    error,
  );
  assert.equal(stateIn(storage), 'closed');
  assert.deepEqual(driver.names(), []);
});

test('each domain has a datapath of its own, and so has each disk', async (t) => {
  const { datapaths, driver } = datapathsOn(await openStorage(t));
  for (const use of [USE, useOf({ domain: '8' }), useOf({ vdi: 'b' }), useOf({ sr: 'other' })]) {
    await datapaths.attach(use, false, choose);
  }
  assert.deepEqual(driver.names(), ['attach', 'attach', 'attach', 'attach']);
});

test('an answer of the older form is given in the form of version 5, with the domain that it names', async (t) => {
  const old = { domain_uuid: 'vm', implementation: ['Tapdisk3', 'vhd:/dev/a'] };
  const { datapaths } = datapathsOn(await openStorage(t), scripts({ attach: () => old }));
  assert.deepEqual(await datapaths.attach(USE, true, choose), {
    domain_uuid: 'vm',
    implementations: [['XenDisk', { params: 'vhd:/dev/a', extra: {}, backend_type: 'vbd3' }]],
  });
});

test('a backend in a driver domain says in which', async (t) => {
  const { datapaths } = datapathsOn(await openStorage(t));
  const choice = choiceOf({ domid: 3, domainUuid: 'vm' });
  assert.deepEqual(await datapaths.attach(USE, true, async () => choice), {
    ...BACKEND,
    backend_domid: 3,
    domain_uuid: 'vm',
  });
});

test('what is not attached can not be activated, and the text says whose it is', async (t) => {
  const { datapaths, driver } = datapathsOn(await openStorage(t));
  await assert.rejects(datapaths.activate(USE, 'activate'), {
    tag: 'Internal_error',
    value: 'the disk a of the SR sr by vbd/7/xvda is not attached: attach it before it is activated',
  });
  assert.deepEqual(driver.names(), []);
});

test('what is not attached is left as it is by deactivate and detach', async (t) => {
  const { datapaths, driver } = datapathsOn(await openStorage(t));
  await datapaths.deactivate(USE);
  await datapaths.detach(USE);
  assert.deepEqual(driver.names(), []);
});

test('a second writer is refused, told who writes, and let write when that one is put down', async (t) => {
  const { datapaths, driver } = datapathsOn(await openStorage(t));
  const other = useOf({ domain: '8', dp: 'vbd/8/xvda' });
  await datapaths.attach(USE, true, choose);
  await datapaths.activate(USE, 'activate');
  await datapaths.attach(other, true, choose);
  driver.names();
  const text = 'a is activated for writing by the domain 7 (vbd/7/xvda)';
  await assert.rejects(datapaths.activate(other, 'activate'), {
    tag: 'Backend_error',
    value: ['VDI_IN_USE', ['a', 'activate', text]],
    message: text,
  });
  assert.deepEqual(driver.names(), []);
  await datapaths.activate(other, 'activate_readonly');
  await datapaths.deactivate(USE);
  await datapaths.activate(other, 'activate');
  assert.deepEqual(driver.names(), ['activate_readonly', 'deactivate', 'activate']);
});

test('two disks with the clone of one in common are one volume, and one of them writes', async (t) => {
  const { datapaths } = datapathsOn(await openStorage(t));
  const other = useOf({ vdi: 'b', domain: '8' });
  for (const use of [USE, other]) {
    await datapaths.attach(use, true, async () => choiceOf({ volume: 'clone' }));
  }
  await datapaths.activate(USE, 'activate');
  await assert.rejects(datapaths.activate(other, 'activate'), { tag: 'Backend_error' });
});

test('the same volume of two SRs is written by both', async (t) => {
  const { datapaths } = datapathsOn(await openStorage(t));
  for (const use of [USE, useOf({ sr: 'other', domain: '8' })]) {
    await datapaths.attach(use, true, choose);
    await datapaths.activate(use, 'activate');
  }
});

test('a script that fails leaves the datapath uncertain, and its error is that of the call', async (t) => {
  let answer: () => Failure | null = () => new Failure(false);
  const driver = scripts({ activate: () => answer() });
  const { datapaths, storage } = datapathsOn(await openStorage(t), driver);
  await datapaths.attach(USE, true, choose);
  await assert.rejects(datapaths.activate(USE, 'activate'), { message: 'failed' });
  assert.equal(stateIn(storage), 'uncertain');
  answer = () => null;
  await datapaths.activate(USE, 'activate');
  assert.equal(stateIn(storage), 'activated');
  assert.deepEqual(driver.names(), ['attach', 'activate', 'activate']);
});

test('a script that is sure to have done nothing leaves the datapath as it was', async (t) => {
  const refused = scripts({ attach: () => new Failure(true) });
  const first = datapathsOn(await openStorage(t), refused);
  await assert.rejects(first.datapaths.attach(USE, true, choose), { message: 'refused' });
  assert.equal(stateIn(first.storage), 'closed');

  const second = datapathsOn(await openStorage(t), scripts({ activate: () => new Failure(true) }));
  await second.datapaths.attach(USE, true, choose);
  const before = datapathIn(second.storage);
  await assert.rejects(second.datapaths.activate(USE, 'activate'), { message: 'refused' });
  assert.deepEqual(datapathIn(second.storage), before);
});

test('a driver that rejects leaves the datapath uncertain', async (t) => {
  const driver = scripts({ attach: () => Promise.reject(new Error('cut off')) });
  const { datapaths, storage } = datapathsOn(await openStorage(t), driver);
  await assert.rejects(datapaths.attach(USE, true, choose), { message: 'cut off' });
  assert.equal(stateIn(storage), 'uncertain');
  assert.equal(datapathIn(storage)?.underWay?.step, 'attach');
});

for (const asked of ['deactivate', 'detach'] as const) {
  test(`a datapath that was adopted may be active: ${asked} puts it down`, async (t) => {
    const { datapaths, driver, storage } = datapathsOn(await openStorage(t));
    await datapaths.adopt(USE, choiceOf());
    assert.equal(stateIn(storage), 'uncertain');
    await datapaths[asked](USE);
    assert.deepEqual(driver.names(), ['deactivate', ...(asked === 'detach' ? ['detach'] : [])]);
    assert.equal(stateIn(storage), asked === 'detach' ? 'closed' : 'attached');
  });
}

test('a datapath that was adopted may be written, and another domain is kept from it', async (t) => {
  const { datapaths } = datapathsOn(await openStorage(t));
  await datapaths.adopt(USE, choiceOf());
  const other = useOf({ domain: '8', dp: 'vbd/8/xvda' });
  await datapaths.attach(other, true, choose);
  await assert.rejects(datapaths.activate(other, 'activate'), {
    message: 'a is uncertain for writing by the domain 7 (vbd/7/xvda)',
  });
});

test('a datapath that was adopted is asked for its backend when it is attached again', async (t) => {
  const { datapaths, driver, storage } = datapathsOn(await openStorage(t));
  await datapaths.adopt(USE, choiceOf());
  await datapaths.activate(USE, 'activate');
  assert.deepEqual(await datapaths.attach(USE, true, choose), BACKEND);
  assert.deepEqual(await datapaths.attach(USE, true, choose), BACKEND);
  assert.deepEqual(driver.names(), ['activate', 'attach']);
  assert.equal(stateIn(storage), 'activated');
});
