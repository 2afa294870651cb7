import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Value } from '../../src/wire/value.ts';
import { QUEUE } from '../helpers/daemon.ts';
import { type FakeStorage, URI } from '../helpers/fake-storage.ts';
import {
  type Answering,
  type Call,
  fails,
  prints,
  type Reply,
  resultOf,
  SR,
  throughSocket,
  throughSwitch,
  VOLUME,
} from '../helpers/plugins.ts';
import { attachSr, createVdi, scriptsOf, using, VDI_INFO, withStorage } from './storage-helpers.ts';

/** Every error of the interfaces, by what really leads to it. */

/** A storage whose scripts of these methods answer so. */
const but =
  (replies: Readonly<Record<string, Reply>>) =>
  ({ answer }: FakeStorage): Answering =>
  (call) =>
    replies[call.method] ?? answer(call);

const BACKTRACE = (code: string): string => `{"error":"${code}","files":[],"lines":[]}`;

test('an SR is attached before anything else is done with it', async (t) => {
  const { plugins, daemon } = await withStorage(t);
  const call = throughSwitch(t, daemon);
  for (const method of ['SR.scan', 'SR.scan2', 'SR.stat', 'SR.destroy']) {
    assert.deepEqual((await call(method, { sr: SR })).error, ['Sr_not_attached', SR], method);
  }
  for (const method of ['VDI.stat', 'VDI.destroy', 'VDI.enable_cbt']) {
    assert.deepEqual((await call(method, { sr: SR, vdi: 'v1' })).error, ['Sr_not_attached', SR], method);
  }
  const attach = await call('VDI.attach3', { ...using('v1'), read_write: true });
  assert.deepEqual(attach.error, ['Sr_not_attached', SR]);
  assert.deepEqual(plugins.calls, []);
});

test('what is not attached is detached already', async (t) => {
  const { plugins, daemon } = await withStorage(t);
  const call = throughSwitch(t, daemon);
  for (const method of ['VDI.deactivate', 'VDI.detach']) {
    assert.equal(await resultOf(call(method, using('v1'))), null);
  }
  assert.equal(await resultOf(call('DP.destroy2', { ...using('v1'), allow_leak: false })), null);
  assert.equal(await resultOf(call('SR.detach', { sr: SR })), null);
  assert.deepEqual(plugins.calls, []);
});

test('an error that a script tells of has its backtrace before its params', async (t) => {
  const { daemon } = await withStorage(t);
  const call = throughSwitch(t, daemon);
  const attach = await call('SR.attach', { sr: SR, device_config: { uri: 'broken' } });
  const expected = ['SR_does_not_exist', [BACKTRACE('SR_does_not_exist'), 'no such URI']];
  assert.deepEqual(attach.error, ['Backend_error_with_backtrace', expected]);
  await attachSr(call);
  const stat = await call('VDI.stat', { sr: SR, vdi: 'nope' });
  const missing = ['Volume_does_not_exist', [BACKTRACE('Volume_does_not_exist'), 'nope']];
  assert.deepEqual(stat.error, ['Backend_error_with_backtrace', missing]);
});

const JUNK: readonly {
  readonly what: string;
  readonly reply: Reply;
  readonly params: Value[];
  readonly text: RegExp;
}[] = [
  {
    what: 'prints no JSON and fails',
    reply: { print: 'Traceback', exit: 3 },
    params: ['exit 3', 'Traceback'],
    text: /no answer: no JSON/,
  },
  {
    what: 'prints no JSON and succeeds',
    reply: { print: 'hello', exit: 0 },
    params: ['exit 0', 'hello'],
    text: /no answer: no JSON/,
  },
  {
    what: 'prints no error and fails',
    reply: { print: '{"code":5}', exit: 1 },
    params: ['exit 1', '{"code":5}'],
    text: /is no error$/,
  },
];

for (const { what, reply, params, text } of JUNK) {
  test(`a script that ${what} has failed: which, how, and what it printed are told`, async (t) => {
    const { plugins, daemon } = await withStorage(t, { answering: but({ 'SR.attach': reply }) });
    const { error } = await throughSocket(t, daemon)('SR.attach', { sr: SR, device_config: {} });
    const [tag, [name, [script, ...told]]] = asFailure(error);
    assert.deepEqual([tag, name, script], ['Backend_error', 'SCRIPT_FAILED', scriptPath(plugins.root)]);
    assert.deepEqual(told.slice(0, 2), params);
    assert.match(String(told.at(-1)), text);
    await daemon.logged(({ level, msg }) => level === 'warn' && text.test(msg));
  });
}

test('an answer of another type than the interface has names the field', async (t) => {
  const { plugins, daemon } = await withStorage(t, {
    answering:
      ({ stat }) =>
      () =>
        prints({ ...stat, name: 5 }),
  });
  const { error } = await throughSocket(t, daemon)('SMAPIv3.SR.stat', { sr: 'x' });
  const [tag, [name, [script, text]]] = asFailure(error);
  const path = `${plugins.root}/volume/${VOLUME}/SR.stat`;
  assert.deepEqual([tag, name, script], ['Backend_error', 'SCRIPT_FAILED', path]);
  assert.match(String(text), /result\.name: expected string, got number 5/);
});

for (const [what, make] of [
  ['a new volume', 'VDI.create'],
  ['a snapshot', 'VDI.snapshot'],
] as const) {
  test(`${what} that can't be told its type goes again, and the caller hears why`, async (t) => {
    const { plugins, daemon } = await withStorage(t, {
      answering:
        ({ answer }) =>
        (call) =>
          call.method === 'Volume.set' ? fails('No_space') : answer(call),
    });
    const call = throughSwitch(t, daemon);
    await attachSr(call);
    const vdi = await createVdi(call, { ty: '' });
    const before = await resultOf(call('SR.scan', { sr: SR }));
    const scripts = await scriptsOf(plugins, async () => {
      const { error } = await call(make, { sr: SR, vdi_info: { ...VDI_INFO, vdi, ty: 'system' } });
      assert.deepEqual(error, ['Backend_error_with_backtrace', ['No_space', [BACKTRACE('No_space')]]]);
    });
    assert.deepEqual(scripts, [make.replace('VDI', 'Volume'), 'Volume.set', 'Volume.destroy']);
    assert.deepEqual(await resultOf(call('SR.scan', { sr: SR })), before);
  });
}

test('a method without a script is not implemented', async (t) => {
  const { plugins, daemon } = await withStorage(t);
  plugins.write('volume/few', ['SR.attach', 'SR.stat', 'SR.detach']);
  await daemon.logged(({ msg, plugin }) => plugin === 'few' && msg.includes('registered'));
  const call = throughSwitch(t, daemon, 'few');
  await attachSr(call);
  assert.deepEqual((await call('SR.scan', { sr: SR })).error, ['Unimplemented', 'SR.ls']);
  assert.deepEqual((await call('VDI.resize', { sr: SR, vdi: 'v1', new_size: 5 })).error, [
    ...['Unimplemented', 'Volume.resize'],
  ]);
  assert.deepEqual((await call('VDI.get_url', { sr: SR, vdi: 'v1' })).error, [
    'Unimplemented',
    'VDI.get_url',
  ]);
});

test('an SR belongs to one queue', async (t) => {
  const { plugins, daemon } = await withStorage(t);
  plugins.write('volume/other', ['SR.attach', 'SR.stat', 'SR.detach', 'SR.ls']);
  await daemon.logged(({ msg, plugin }) => plugin === 'other' && msg.includes('registered'));
  await attachSr(throughSwitch(t, daemon));
  const other = throughSwitch(t, daemon, 'other');
  assert.deepEqual(await resultOf(other('SR.list')), []);
  assert.deepEqual((await other('SR.scan', { sr: SR })).error, ['Sr_not_attached', SR]);
  const { error } = await other('SR.attach', { sr: SR, device_config: { uri: 'u' } });
  assert.deepEqual(error, ['Internal_error', `the SR ${SR} is attached already, by ${VOLUME}`]);
});

test('an SR that is attached stays so when it can not be attached again', async (t) => {
  let isBusy = false;
  const { storage, daemon } = await withStorage(t, {
    answering:
      ({ answer }) =>
      (call) =>
        isBusy && call.method === 'SR.stat' ? fails('Busy') : answer(call),
  });
  const call = throughSwitch(t, daemon);
  await attachSr(call);
  isBusy = true;
  const { error } = await call('SR.attach', { sr: SR, device_config: { uri: URI } });
  assert.deepEqual(error, ['Backend_error_with_backtrace', ['Busy', [BACKTRACE('Busy')]]]);
  assert.deepEqual([storage.isAttached, await resultOf(call('SR.list'))], [true, [SR]]);
  await createVdi(call);
});

test('a volume without a URI that a plugin serves has none, and why is told of each', async (t) => {
  const { plugins, daemon } = await withStorage(t);
  const call = throughSwitch(t, daemon);
  await attachSr(call);
  const use = using(await createVdi(call));
  plugins.remove('datapath/disk');
  await daemon.logged(({ msg, plugin }) => plugin === 'disk' && msg.includes('no more used'));
  const { error } = await call('VDI.attach3', { ...use, read_write: true });
  const [tag, [name, [text]]] = asFailure(error);
  assert.deepEqual([tag, name], ['Backend_error', 'MISSING_URI']);
  assert.match(
    String(text),
    /1 \(none\): no datapath plugin serves the scheme none; 2 \(disk\): no datapath plugin/,
  );
});

test('a disk is attached before it is activated', async (t) => {
  const { daemon } = await withStorage(t);
  const call = throughSwitch(t, daemon);
  await attachSr(call);
  const { error } = await call('VDI.activate3', using(await createVdi(call)));
  assert.match(String(error), /^Internal_error,.*is not attached: attach it before it is activated$/);
});

test('a second domain may read what another writes, and does not write it', async (t) => {
  const { storage, daemon } = await withStorage(t);
  const call = throughSwitch(t, daemon);
  await attachSr(call);
  const vdi = await createVdi(call);
  const [writer, second] = [using(vdi, '7'), using(vdi, '8')];
  await resultOf(call('VDI.attach3', { ...writer, read_write: true }));
  await resultOf(call('VDI.attach3', { ...second, read_write: true }));
  await resultOf(call('VDI.activate3', writer));
  const [tag, [name, params]] = asFailure((await call('VDI.activate3', second)).error);
  assert.deepEqual([tag, name, params[0]], ['Backend_error', 'VDI_IN_USE', vdi]);
  await resultOf(call('VDI.activate_readonly', second));
  // Once the first is done, the second may write.
  await resultOf(call('VDI.deactivate', writer));
  await resultOf(call('VDI.activate3', second));
  assert.deepEqual(storage.sins, []);
});

test('a sharable volume may be written by several domains', async (t) => {
  const { daemon } = await withStorage(t);
  const call = throughSwitch(t, daemon);
  await attachSr(call);
  const vdi = await createVdi(call, { sharable: true });
  for (const use of [using(vdi, '7'), using(vdi, '8')]) {
    await resultOf(call('VDI.attach3', { ...use, read_write: true }));
    await resultOf(call('VDI.activate3', use));
  }
});

test('a volume that is active on another host is an error of its own, and the disk stays attached', async (t) => {
  const elsewhere = fails('Activated_on_another_host', 'its uuid');
  const { plugins, daemon } = await withStorage(t, { answering: but({ 'Datapath.activate': elsewhere }) });
  const call = throughSwitch(t, daemon);
  await attachSr(call);
  const use = using(await createVdi(call));
  await resultOf(call('VDI.attach3', { ...use, read_write: true }));
  assert.deepEqual((await call('VDI.activate3', use)).error, ['Activated_on_another_host', 'its uuid']);
  assert.deepEqual(await scriptsOf(plugins, () => resultOf(call('VDI.detach', use))), ['Datapath.detach']);
});

test('an SR that is not healthy is not scanned', async (t) => {
  const { storage, plugins, daemon } = await withStorage(t);
  const call = throughSwitch(t, daemon);
  await attachSr(call);
  storage.stat = { ...storage.stat, health: ['Recovering', 'a mirror is built'] };
  const scripts = await scriptsOf(plugins, async () => {
    assert.deepEqual((await call('SR.scan2', { sr: SR })).error, ['Sr_unhealthy', [SR, 'Recovering']]);
  });
  assert.deepEqual(scripts, ['SR.stat']);
});

test('an SR that can not be reached is asked a few times more', async (t) => {
  const { storage, plugins, daemon } = await withStorage(t);
  const call = throughSwitch(t, daemon);
  await attachSr(call);
  storage.stat = { ...storage.stat, health: ['Unreachable', 'the network is away'] };
  const scripts = await scriptsOf(plugins, async () => {
    assert.deepEqual((await call('SR.scan2', { sr: SR })).error, ['Sr_unhealthy', [SR, 'Unreachable']]);
  });
  assert.deepEqual(scripts, ['SR.stat', 'SR.stat', 'SR.stat', 'SR.stat']);
});

test('a disk without an NBD server has none to tell of', async (t) => {
  const backend = prints({ implementations: [['BlockDevice', { path: '/dev/x' }]] });
  const { daemon } = await withStorage(t, { answering: but({ 'Datapath.attach': backend }) });
  const call = throughSwitch(t, daemon);
  await attachSr(call);
  const { error } = await call('DATA.get_nbd_server', using(await createVdi(call)));
  assert.match(String(error), /^Backend_error,NO_NBD_SERVER,/);
});

test('the errors of SMAPIv3 that a script tells of are its own errors for who speaks SMAPIv3', async (t) => {
  const replies = Object.fromEntries(NAMED.map(([method, code]) => [method, fails(code, 'text')] as const));
  const { daemon } = await withStorage(t, { answering: but(replies) });
  const call = throughSocket(t, daemon);
  for (const [method, code, params] of NAMED.filter(([method]) => method !== 'Datapath.attach')) {
    const name = method.startsWith('SR.') ? `SMAPIv3.${method}` : method;
    assert.deepEqual((await call(name, params)).error, [code, 'text'], method);
  }
  const datapath: Call = throughSocket(t, daemon, QUEUE);
  const where = { uri: 'disk://v1', domain: '7' };
  const { error } = await datapath('Datapath.attach', where);
  assert.deepEqual(error, ['Activated_on_another_host', 'text']);
});

const NAMED = [
  ['SR.ls', 'Sr_not_attached', { sr: 'x' }],
  ['SR.attach', 'SR_does_not_exist', { configuration: {} }],
  ['Volume.stat', 'Volume_does_not_exist', { sr: 'x', key: 'v1' }],
  ['Volume.resize', 'Unimplemented', { sr: 'x', key: 'v1', new_size: 5 }],
  ['Volume.clone', 'Cancelled', { sr: 'x', key: 'v1' }],
  ['Datapath.attach', 'Activated_on_another_host', {}],
] as const;

type Failure = [string, [string, Value[]]];

/** The error that is a name and its params. */
function asFailure(error: Value): Failure {
  assert.ok(Array.isArray(error));
  const [tag, [name, params]] = error;
  return [tag, [name, params]];
}

const scriptPath = (root: string): string => `${root}/volume/${VOLUME}/SR.attach`;
