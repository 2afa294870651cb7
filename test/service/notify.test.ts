import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { NotifyError, openServiceManager } from '../../src/service/notify.ts';
import { runProgram } from '../helpers/programs.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { type Receiver, startReceiver } from './helpers.ts';

async function startManager(t: TestContext): Promise<{ address: string; receiver: Receiver }> {
  const address = join(tempDirectory(t), 'notify');
  return { address, receiver: await startReceiver(t, address) };
}

const NOWHERE = '/nonexistent/notify';
const quiet = (text: string): void => assert.fail(text);
const texts = ({ seen }: Receiver): string[] => seen.map(({ text }) => text);

/** Runs lines of a program that has `openServiceManager`, with the service manager's variables. */
const runWith = (t: TestContext, env: NodeJS.ProcessEnv, lines: string) => {
  const source = JSON.stringify(join(import.meta.dirname, '../../src/service/notify.ts'));
  const script = `
    import { openServiceManager } from ${source};
    const manager = openServiceManager({ environment: process.env, pid: process.pid, warn: console.log });
    ${lines}`;
  return runProgram(t, process.execPath, ['--input-type=module', '-e', script], { env });
};

test('the service manager is told of the start, a reload and the end, in order', async (t) => {
  const { address, receiver } = await startManager(t);
  const manager = openServiceManager({ environment: { NOTIFY_SOCKET: address }, pid: 1, warn: quiet });
  const before = process.hrtime.bigint() / 1000n;
  manager.ready(() => 'serves 3 queues');
  manager.reloading();
  manager.reloaded();
  manager.stopping();
  await receiver.received('STOPPING');
  const [starting, ready, reloading = '', reloaded, stopping] = texts(receiver);
  assert.equal(starting, 'STATUS=starting\n');
  assert.equal(ready, 'READY=1\nSTATUS=serves 3 queues\n');
  const [, time = '0'] = /^RELOADING=1\nMONOTONIC_USEC=([0-9]+)\n$/.exec(reloading) ?? [];
  assert.ok(BigInt(time) >= before && BigInt(time) <= process.hrtime.bigint() / 1000n, reloading);
  assert.equal(reloaded, 'READY=1\n');
  assert.equal(stopping, 'STOPPING=1\nSTATUS=stopping: what is under way is finished\n');
});

test('an abstract address is told, too, by the process itself', async (t) => {
  const address = `@datapathd-test-${process.pid}`;
  const receiver = await startReceiver(t, address);
  openServiceManager({ environment: { NOTIFY_SOCKET: address }, pid: 1, warn: quiet });
  const { pid } = await receiver.received('STATUS=starting');
  assert.equal(pid, process.pid);
});

test('a status is told when it has changed, at most once a second', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const { address, receiver } = await startManager(t);
  const manager = openServiceManager({ environment: { NOTIFY_SOCKET: address }, pid: 1, warn: quiet });
  let status = 'one';
  manager.ready(() => status);
  t.mock.timers.tick(1000);
  status = 'two';
  t.mock.timers.tick(999);
  status = 'three\nREADY=0';
  t.mock.timers.tick(1);
  t.mock.timers.tick(1000);
  manager.stopping();
  await receiver.received('STOPPING');
  assert.deepEqual(texts(receiver).slice(1, -1), ['READY=1\nSTATUS=one\n', 'STATUS=three READY=0\n']);
});

test('a status that could not be told is told as soon as it can be', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const { address } = await startManager(t);
  const warnings: string[] = [];
  const environment = { NOTIFY_SOCKET: address };
  const manager = openServiceManager({ environment, pid: 1, warn: (text) => warnings.push(text) });
  let status = 'one';
  manager.ready(() => status);
  rmSync(address);
  status = 'two';
  t.mock.timers.tick(1000);
  assert.equal(warnings.length, 1);
  const receiver = await startReceiver(t, address);
  t.mock.timers.tick(1000);
  await receiver.received('STATUS=two');
  manager.stopping();
});

test('nothing but the end is told once it has begun', async (t) => {
  const { address, receiver } = await startManager(t);
  const manager = openServiceManager({ environment: { NOTIFY_SOCKET: address }, pid: 1, warn: quiet });
  manager.stopping();
  manager.ready(() => 'late');
  manager.reloading();
  manager.reloaded();
  openServiceManager({ environment: { NOTIFY_SOCKET: address }, pid: 1, warn: quiet }).ready(() => 'another');
  await receiver.received('another');
  assert.deepEqual(
    texts(receiver).map((text) => text.split('\n', 1)[0]),
    ['STATUS=starting', 'STOPPING=1', 'STATUS=starting', 'READY=1'],
  );
});

test('the watchdog is fed from the start on, at half its time', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval', 'setImmediate'] });
  const { address, receiver } = await startManager(t);
  const environment = { NOTIFY_SOCKET: address, WATCHDOG_USEC: '3000000', WATCHDOG_PID: '77' };
  const manager = openServiceManager({ environment, pid: 77, warn: quiet });
  manager.ready(() => 'well');
  t.mock.timers.tick(1499);
  t.mock.timers.tick(3001);
  manager.stopping();
  await receiver.received('STOPPING');
  assert.deepEqual(texts(receiver).slice(2, -1), Array(4).fill('WATCHDOG=1\n'));
});

test('a watchdog for another process is not fed', async (t) => {
  const { address, receiver } = await startManager(t);
  const environment = { NOTIFY_SOCKET: address, WATCHDOG_USEC: '3000000', WATCHDOG_PID: '78' };
  const manager = openServiceManager({ environment, pid: 77, warn: quiet });
  manager.ready(() => 'well');
  manager.stopping();
  await receiver.received('STOPPING');
  assert.doesNotMatch(texts(receiver).join(), /WATCHDOG/);
});

test('an event loop that hangs feeds no watchdog', async (t) => {
  const { address, receiver } = await startManager(t);
  const env = { NOTIFY_SOCKET: address, WATCHDOG_USEC: '20000' };
  // The end is told by the frozen loop itself, after ten times the watchdog's time.
  const ran = runWith(
    t,
    env,
    `manager.ready(() => 'well');
    const freeze = () => {
      manager.reloading();
      for (const until = performance.now() + 200; performance.now() < until; );
      manager.stopping();
      process.exit(0);
    };
    setTimeout(() => setImmediate(freeze), 50);`,
  );
  await receiver.received('STOPPING');
  assert.equal((await ran).status, 0);
  const all = texts(receiver).map((text) => text.split('\n', 1)[0]);
  assert.deepEqual(all.slice(all.indexOf('RELOADING=1')), ['RELOADING=1', 'STOPPING=1']);
  assert.ok(all.filter((text) => text === 'WATCHDOG=1').length > 1, 'it was fed before');
});

test('an event loop that serves nothing but its timers feeds no watchdog', async (t) => {
  const { address, receiver } = await startManager(t);
  const env = { NOTIFY_SOCKET: address, WATCHDOG_USEC: '20000' };
  await runWith(
    t,
    env,
    `manager.ready(() => 'well');
    let turns = 0;
    const { setImmediate } = globalThis;
    globalThis.setImmediate = () => ({ unref() {} });
    const timer = setInterval(() => { if (++turns === 20) { clearInterval(timer); manager.stopping(); } }, 10);`,
  );
  await receiver.received('STOPPING');
  assert.equal(texts(receiver).filter((text) => text === 'WATCHDOG=1\n').length, 1);
});

test('without a service manager nothing is said', () => {
  for (const environment of [{}, { NOTIFY_SOCKET: '' }, { WATCHDOG_USEC: '1000000' }]) {
    const manager = openServiceManager({ environment, pid: 1, warn: quiet });
    manager.ready(() => assert.fail('nobody asks'));
    manager.reloading();
    manager.reloaded();
    manager.stopping();
  }
});

for (const [address, reason] of [
  [NOWHERE, 'no such file or directory'],
  ['notify', 'expected an absolute path or @ and a name, of at most 107 bytes, got "notify"'],
  ['vsock:2:1234', 'expected an absolute path or @ and a name, of at most 107 bytes, got "vsock:2:1234"'],
] as const) {
  test(`a service manager at ${address}, that can not be told, is one warning`, () => {
    const warnings: string[] = [];
    const environment = { NOTIFY_SOCKET: address };
    const manager = openServiceManager({ environment, pid: 1, warn: (text) => warnings.push(text) });
    manager.ready(() => 'well');
    manager.stopping();
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? '', /^NOTIFY_SOCKET: the service manager can not be told anything: /);
    assert.ok(warnings[0]?.endsWith(reason), warnings[0]);
  });
}

test('a service manager that goes away is one warning', async (t) => {
  const { address } = await startManager(t);
  const { stdout } = await runWith(
    t,
    { NOTIFY_SOCKET: address },
    `const { rmSync } = await import('node:fs');
    rmSync(process.env.NOTIFY_SOCKET);
    manager.ready(() => 'well');
    manager.stopping();`,
  );
  assert.equal(stdout, `NOTIFY_SOCKET: ${address}: no such file or directory\n`);
});

test('one that can not be told but has a watchdog is an error', () => {
  const environment = { NOTIFY_SOCKET: NOWHERE, WATCHDOG_USEC: '1000000' };
  assert.throws(
    () => openServiceManager({ environment, pid: 1, warn: quiet }),
    (error) => error instanceof NotifyError && /watchdog \(WATCHDOG_USEC\) is set$/.test(error.message),
  );
});

test('a time of the watchdog that is no number is an error', (t) => {
  const environment = { NOTIFY_SOCKET: join(tempDirectory(t), 'notify'), WATCHDOG_USEC: '-5' };
  assert.throws(
    () => openServiceManager({ environment, pid: 1, warn: quiet }),
    new NotifyError('WATCHDOG_USEC: expected a number of microseconds, got "-5"'),
  );
});
