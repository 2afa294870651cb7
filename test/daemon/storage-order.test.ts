import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { writeJson } from '../../src/wire/json.ts';
import { isStruct, type Struct } from '../../src/wire/value.ts';
import { connectClient } from '../helpers/client.ts';
import type { DaemonProcess } from '../helpers/daemon.ts';
import type { FakeStorage } from '../helpers/fake-storage.ts';
import {
  type Answering,
  readJson,
  resultOf,
  type ScriptCall,
  SR,
  throughSocket,
  throughSwitch,
  VOLUME,
  writeProgram,
} from '../helpers/plugins.ts';
import { login } from '../switch/helpers.ts';
import { attachSr, createVdi, using, withStorage } from './storage-helpers.ts';

/** Calls beside each other and one after the other, and what plugins that hang, change and appear do to them. */

/** Scripts that wait: each that passes the test runs until it is let go, or all are. */
function holding(test: (call: ScriptCall) => boolean) {
  const { promise, resolve } = Promise.withResolvers<void>();
  const answering =
    ({ answer }: FakeStorage): Answering =>
    async (call) => {
      if (test(call)) await promise;
      return answer(call);
    };
  return { answering, release: resolve };
}

const isMethod =
  (...methods: string[]) =>
  ({ method }: ScriptCall): boolean =>
    methods.includes(method);

test('ten disks are attached side by side', async (t) => {
  const all = Promise.withResolvers<void>();
  let running = 0;
  const { plugins, daemon } = await withStorage(t, {
    answering:
      ({ answer }) =>
      async (call) => {
        if (call.method === 'Datapath.attach') {
          running += 1;
          if (running === 10) all.resolve();
          // None ends before all of them run.
          await all.promise;
        }
        return answer(call);
      },
  });
  const call = throughSocket(t, daemon);
  await attachSr(call);
  const disks = [];
  for (let disk = 0; disk < 10; disk += 1) disks.push(await createVdi(call));
  const attaches = disks.map((vdi) => resultOf(call('VDI.attach3', { ...using(vdi), read_write: true })));
  assert.equal((await Promise.all(attaches)).length, 10);
  assert.equal(plugins.calls.filter(isMethod('Datapath.attach')).length, 10);
});

test('calls on one disk run one after the other, in the order in which they came', async (t) => {
  const { answering, release } = holding(isMethod('Datapath.attach'));
  const { storage, plugins, daemon } = await withStorage(t, { answering });
  const socket = throughSocket(t, daemon);
  await attachSr(socket);
  const use = using(await createVdi(socket));
  const other = await createVdi(socket);
  const { send, receive } = await atOnce(t, daemon);
  await send('VDI.attach3', { ...use, read_write: true });
  for (const method of ['VDI.activate3', 'VDI.deactivate', 'VDI.activate_readonly', 'VDI.detach']) {
    await send(method, use);
  }
  await plugins.called(isMethod('Datapath.attach'));
  // What is on another disk doesn't wait.
  assert.equal(isStruct(await resultOf(socket('VDI.stat', { sr: SR, vdi: other }))), true);
  release();
  const errors = (await receive(5)).map(({ error }) => error);
  assert.deepEqual(errors, [null, null, null, null, null]);
  assert.deepEqual(
    plugins.calls.map(({ method }) => method).filter((method) => method.startsWith('Datapath.')),
    [
      ...['Datapath.attach', 'Datapath.activate', 'Datapath.deactivate'],
      ...['Datapath.activate_readonly', 'Datapath.deactivate', 'Datapath.detach'],
    ],
  );
  assert.deepEqual([...storage.disks, ...storage.sins], []);
});

test('a call on two disks waits for both, in whichever order it names them, and none overtakes it', async (t) => {
  const { answering, release } = holding(isMethod('Volume.enable_cbt'));
  const { plugins, daemon } = await withStorage(t, { answering });
  const socket = throughSocket(t, daemon);
  await attachSr(socket);
  const [one, two, other] = [await createVdi(socket), await createVdi(socket), await createVdi(socket)];
  const { send, receive } = await atOnce(t, daemon);
  await send('VDI.enable_cbt', { sr: SR, vdi: one });
  await send('VDI.compose', { sr: SR, vdi1: two, vdi2: one });
  await send('VDI.compose', { sr: SR, vdi1: one, vdi2: two });
  await send('VDI.destroy', { sr: SR, vdi: two });
  await plugins.called(isMethod('Volume.enable_cbt'));
  // What would run beside it has begun before this has ended.
  await resultOf(socket('SR.stat', { sr: SR }));
  await resultOf(socket('VDI.stat', { sr: SR, vdi: other }));
  assert.equal(plugins.calls.some(isMethod('Volume.compose', 'Volume.destroy')), false);
  release();
  assert.deepEqual(
    (await receive(4)).map(({ error }) => error),
    [null, null, null, null],
  );
  assert.deepEqual(
    plugins.calls.slice(-4).map(({ method, params }) => `${method} ${params.key}`),
    [
      ...[`Volume.compose ${two}`, `Volume.compose ${one}`],
      ...[`Volume.stat ${two}`, `Volume.destroy ${two}`],
    ],
  );
});

test('a script that hangs is ended and answered, and its disk goes on', async (t) => {
  const { answering } = holding(isMethod('Datapath.activate'));
  const { storage, plugins, daemon } = await withStorage(t, {
    answering,
    flags: ['--plugins.timeouts=Datapath.activate=2s', '--plugins.killGrace=1s'],
  });
  const call = throughSwitch(t, daemon);
  await attachSr(call);
  const use = using(await createVdi(call));
  await resultOf(call('VDI.attach3', { ...use, read_write: true }));
  let hung: ScriptCall | undefined;
  // On a slow machine one may be ended before it has told which process it is.
  while (hung === undefined) {
    const { error } = await call('VDI.activate3', use);
    assert.match(
      writeJson(error),
      /^\["Backend_error",\["SCRIPT_FAILED",\[".*\/Datapath\.activate","timed out/,
    );
    hung = plugins.calls.find(isMethod('Datapath.activate'));
  }
  const { pid } = hung;
  assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
  await resultOf(call('VDI.deactivate', use));
  await resultOf(call('VDI.detach', use));
  assert.deepEqual([...storage.disks, ...storage.sins], []);
});

test('a caller that goes away leaves no lock behind', async (t) => {
  const { answering, release } = holding(isMethod('Datapath.attach'));
  const { plugins, daemon } = await withStorage(t, { answering });
  const call = throughSocket(t, daemon);
  await attachSr(call);
  const use = using(await createVdi(call));
  const gone = await connectClient(t, join(daemon.directory, VOLUME));
  gone.send(writeJson({ method: 'VDI.attach3', params: [{ dbg: '', ...use, read_write: true }], id: 1 }));
  await plugins.called(isMethod('Datapath.attach'));
  gone.socket.destroy();
  const activated = resultOf(call('VDI.activate3', use));
  release();
  assert.equal(await activated, null);
});

test('a call ends on the plugin that it began with, and the next one uses what has changed', async (t) => {
  const { answering, release } = holding(isMethod('Datapath.attach'));
  const { plugins, daemon } = await withStorage(t, { answering });
  const call = throughSocket(t, daemon);
  await attachSr(call);
  const [first, second] = [using(await createVdi(call)), using(await createVdi(call))];
  const underWay = resultOf(call('VDI.attach3', { ...first, read_write: true }));
  await plugins.called(isMethod('Datapath.attach'));
  const changed = { implementations: [['BlockDevice', { path: '/dev/changed' }]] };
  const script = join(plugins.root, 'datapath/disk/Datapath.attach');
  writeProgram(script, `#!/bin/sh\ncat > /dev/null\necho '${writeJson(changed)}'\n`);
  await daemon.logged(({ msg, plugin }) => plugin === 'disk' && msg.includes('changed'));
  assert.deepEqual(await resultOf(call('VDI.attach3', { ...second, read_write: true })), changed);
  release();
  assert.match(writeJson(await underWay), /XenDisk.*disk:\/\/v1/);
});

test('a datapath plugin that appears does not get the steps of what is attached', async (t) => {
  const { plugins, daemon } = await withStorage(t);
  const call = throughSocket(t, daemon);
  await attachSr(call);
  const use = using(await createVdi(call));
  const attach = () => resultOf(call('VDI.attach3', { ...use, read_write: true }));
  await attach();
  // The volume's first URI has a plugin now.
  const methods = ['attach', 'activate', 'deactivate', 'detach'].map((step) => `Datapath.${step}`);
  plugins.write('datapath/none', methods);
  await daemon.logged(({ msg, plugin }) => plugin === 'none' && msg.includes('registered'));
  for (const method of ['VDI.activate3', 'VDI.deactivate', 'VDI.detach']) await resultOf(call(method, use));
  await attach();
  const steps = plugins.calls.map(({ script }) => script).filter((script) => script.includes('/Datapath.'));
  assert.deepEqual(steps, [
    ...['disk/Datapath.attach', 'disk/Datapath.activate', 'disk/Datapath.deactivate', 'disk/Datapath.detach'],
    ...['none/Datapath.attach'],
  ]);
});

test('a volume plugin that vanishes ends what it began, and what waited is told that it is gone', async (t) => {
  const { answering, release } = holding(isMethod('Volume.stat'));
  const { plugins, daemon } = await withStorage(t, { answering });
  const socket = throughSocket(t, daemon);
  await attachSr(socket);
  const vdi = await createVdi(socket);
  const { send, receive } = await atOnce(t, daemon);
  await send('VDI.stat', { sr: SR, vdi });
  await send('VDI.stat', { sr: SR, vdi });
  await plugins.called(isMethod('Volume.stat'));
  plugins.remove(`volume/${VOLUME}`);
  await daemon.logged(({ msg, plugin }) => plugin === VOLUME && msg.includes('no more used'));
  release();
  assert.deepEqual(
    (await receive(2)).map(({ error }) => error),
    [null, ['No_storage_plugin_for_sr', VOLUME]],
  );
});

test('a plugin whose query fails is not taken, and the one that worked stays', async (t) => {
  const { plugins, daemon } = await withStorage(t);
  const call = throughSocket(t, daemon);
  await attachSr(call);
  const query = join(plugins.root, `volume/${VOLUME}/Plugin.Query`);
  writeProgram(query, '#!/bin/sh\nexit 1\n');
  await daemon.logged(({ msg, plugin }) => plugin === VOLUME && msg.includes('is refused'));
  await createVdi(call);
});

/** Sends calls through the switch without waiting for their answers: they arrive in this order. */
async function atOnce(t: TestContext, { switchSocket }: DaemonProcess) {
  const client = await login(t, switchSocket, 'at-once');
  await client.text('GET', '/transient/replies');
  let id = 0;
  return {
    send: async (method: string, params: Struct): Promise<void> => {
      const body = writeJson({ method, params: [{ dbg: '', ...params }], id: ++id });
      await client.text('POST', `/request/${VOLUME}/replies`, body);
    },
    /** The answers, in the order of the calls. */
    receive: async (count: number): Promise<Struct[]> => {
      const answers: Struct[] = [];
      let from = -1;
      while (answers.length < count) {
        const transfer = writeJson({ from, timeout: 60, queues: ['replies'] });
        const { messages, next } = JSON.parse(await client.text('POST', '/transfer', transfer));
        from = next;
        for (const [, message] of messages) {
          const answer = readJson(message.payload);
          if (isStruct(answer)) answers.push(answer);
        }
      }
      return answers.sort((a, b) => Number(a.id) - Number(b.id));
    },
  };
}
