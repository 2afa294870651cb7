import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connect } from '../../src/xenstore/connection.ts';
import { exchange } from '../helpers/client.ts';
import { spawnDaemon, startDaemonProcess, stop } from '../helpers/daemon.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { SR_PATH } from '../helpers/view.ts';
import { CLIENT_OPTIONS } from '../helpers/xenstored.ts';
import { startReceiver } from './helpers.ts';

async function startManager(t: TestContext) {
  const address = join(tempDirectory(t), 'notify');
  return { env: { NOTIFY_SOCKET: address }, receiver: await startReceiver(t, address) };
}

/** The flags for a store that takes connections and never says a word. */
async function silentStore(t: TestContext, startTimeout: string): Promise<string[]> {
  const path = join(tempDirectory(t), 'store');
  const server = createServer((socket) => t.after(() => socket.destroy())).listen(path);
  t.after(() => server.close());
  await once(server, 'listening');
  return ['--xenstore.mode=socket', `--xenstore.socket=${path}`, `--xenstore.startTimeout=${startTimeout}`];
}

test('READY comes from the daemon itself when it serves, with words, and its end is told', async (t) => {
  const { env, receiver } = await startManager(t);
  const daemon = spawnDaemon(t, { env, flags: ['--xenstore.startTimeout=1h'] });
  const { text, pid } = await receiver.received('READY=1');
  assert.equal(pid, daemon.pid);
  assert.equal(text, 'READY=1\nSTATUS=switches messages, serves 1 queue, 0 SRs attached, 0 plugins\n');
  const call = '{"method":"Plugin.ls","params":[{"dbg":"me"}],"id":1}';
  assert.match(await exchange(t, daemon.socket, call), /"result":\[\]/);
  await stop(daemon);
  assert.match((await receiver.received('STOPPING=1')).text, /\nSTATUS=stopping/);
});

test('the status tells of an SR that is attached later', async (t) => {
  const { env, receiver } = await startManager(t);
  const daemon = spawnDaemon(t, { env });
  await receiver.received('READY=1');
  const store = await connect({ ...CLIENT_OPTIONS, path: daemon.storeSocket, onEvent: () => {} });
  t.after(() => store.close());
  await store.write(
    `${SR_PATH}/0a1b2c3d-0000-4000-8000-000000000001/uuid`,
    '0a1b2c3d-0000-4000-8000-000000000001',
  );
  await store.write(`${SR_PATH}/0a1b2c3d-0000-4000-8000-000000000001/plugin`, 'mine');
  assert.match(
    (await receiver.received('1 SR attached')).text,
    /^STATUS=switches messages, serves 1 queue, 1 SR/,
  );
});

test('READY waits for the view of xenstore', async (t) => {
  const { env, receiver } = await startManager(t);
  const daemon = await startDaemonProcess(t, { env, flags: await silentStore(t, '1h') });
  await stop(daemon);
  await receiver.received('STOPPING=1');
  assert.doesNotMatch(JSON.stringify(receiver.seen), /READY/);
});

test('READY waits for it no longer than xenstore.startTimeout, and the status says so', async (t) => {
  const { env, receiver } = await startManager(t);
  spawnDaemon(t, { env, flags: await silentStore(t, '10ms') });
  assert.match((await receiver.received('READY=1')).text, /, 0 plugins, waits for xenstore\n/);
});

test('a switch alone is ready, and says what it is', async (t) => {
  const { env, receiver } = await startManager(t);
  spawnDaemon(t, { env, flags: ['--storage.enabled=false'] });
  assert.equal((await receiver.received('READY=1')).text, 'READY=1\nSTATUS=switches messages\n');
});

test('a service manager that can not be told is one warning, and all else is as usual', async (t) => {
  const daemon = await startDaemonProcess(t, { env: { NOTIFY_SOCKET: '/nonexistent/notify' } });
  await stop(daemon);
  const warnings = daemon.log.filter(({ level, msg }) => level === 'warn' && msg.includes('NOTIFY_SOCKET'));
  assert.equal(warnings.length, 1);
});

test('with a watchdog besides, the start fails', async (t) => {
  const env = { NOTIFY_SOCKET: '/nonexistent/notify', WATCHDOG_USEC: '1000000' };
  const daemon = spawnDaemon(t, { env });
  assert.equal(await daemon.ended, 1);
  await assert.rejects(daemon.printed(/never/), /NOTIFY_SOCKET: .*watchdog \(WATCHDOG_USEC\) is set/);
});
