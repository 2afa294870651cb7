import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { loadConfig } from '../../src/config.ts';
import { createMeasurements, type SwitchMeasurements } from '../../src/daemon/measurements.ts';
import type { SwitchHost } from '../../src/switch/host.ts';
import { serveQueue } from '../../src/switch/service.ts';
import { stopClock } from '../helpers/clock.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { held } from '../switch/held.ts';
import { startSwitch } from '../switch/helpers.ts';

const RRD = 'org.xen.xapi.rrd';
const UID = 'sr-1';
/** What a session leaves behind stays longer than any test. */
const HOUR = 3_600_000;

const wallClock = (): number => performance.timeOrigin + performance.now();

interface Measuring {
  readonly measurements: SwitchMeasurements;
  /** What was warned of: the fields of each line. */
  readonly warnings: object[];
}

interface Where {
  readonly host?: SwitchHost;
  readonly flags: readonly string[];
  readonly now?: () => number;
}

function measuring({ host, flags, now = wallClock }: Where): Measuring {
  const warnings: object[] = [];
  const logger = { warn: (fields: object) => warnings.push(fields) };
  const { config } = loadConfig(flags, {});
  return { measurements: createMeasurements({ config, host, logger, now }), warnings };
}

/** A daemon that collects measurements: what it was asked, and its queue's end. */
interface Rrd {
  readonly asked: unknown[];
  stop(): Promise<void>;
}

const WELL = '{"result":4.5,"error":null,"id":0}';

function serveRrd(t: TestContext, host: SwitchHost, answer: string | Promise<string> = WELL): Rrd {
  const asked: unknown[] = [];
  const service = serveQueue({
    host,
    queue: RRD,
    token: 'rrdd',
    answer: (payload) => {
      asked.push(JSON.parse(payload.toString()));
      return answer;
    },
    refusal: (reason) => reason,
    maxConcurrent: 10,
  });
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopped ??= service.stop();
    return stopped;
  };
  t.after(stop);
  return { asked, stop };
}

/** The queues of a switch, with the number of messages in each. */
async function queuesOf(host: SwitchHost): Promise<Record<string, number>> {
  const client = host.connect();
  const out = await client.perform({ type: 'diagnostics' });
  client.leave();
  assert.ok(out.type === 'diagnostics');
  const all = [...out.report.persistent, ...out.report.transient];
  return Object.fromEntries(all.map(({ name, messages }) => [name, messages.length]));
}

const REGISTER = {
  method: 'Plugin.Local.register',
  params: [{ uid: UID, info: 'Five_Seconds', protocol: 'V2' }],
  id: 0,
};
const DEREGISTER = { method: 'Plugin.Local.deregister', params: [{ uid: UID }], id: 0 };

const refused = (reason: string, method = REGISTER.method) => ({ queue: RRD, method, uid: UID, reason });
const LATE = 'no answer within 2 s (storage.measurementsTimeout)';

/** The two ways to a switch: the one of this process, and one that is joined over its socket. */
for (const mode of ['serve', 'join'] as const) {
  const begin = async (t: TestContext, timeout = '1h'): Promise<Measuring & { host: SwitchHost }> => {
    const { host, path } = await startSwitch(t, { reconnectGrace: HOUR });
    const waiting = `--storage.measurementsTimeout=${timeout}`;
    const where = { flags: [`--switch.mode=${mode}`, `--switch.path=${path}`, waiting] };
    return { host, ...measuring(mode === 'serve' ? { host, ...where } : where) };
  };

  test(`${mode}: a datasource is registered and deregistered, and nothing is left on the switch`, async (t) => {
    const { host, measurements, warnings } = await begin(t);
    const { asked } = serveRrd(t, host);
    await turn();
    await measurements.register(UID);
    await measurements.deregister(UID);
    assert.deepEqual(asked, [REGISTER, DEREGISTER]);
    assert.deepEqual(warnings, []);
    assert.deepEqual(await queuesOf(host), { [RRD]: 0 });
  });

  test(`${mode}: several are registered at once`, async (t) => {
    const { host, measurements, warnings } = await begin(t);
    const { asked } = serveRrd(t, host);
    await turn();
    await Promise.all(['a', 'b', 'c'].map((uid) => measurements.register(uid)));
    assert.equal(asked.length, 3);
    assert.deepEqual(warnings, []);
  });

  test(`${mode}: with nobody who has ever listened nothing is sent, and that is told once`, async (t) => {
    const { host, measurements, warnings } = await begin(t);
    await measurements.register(UID);
    assert.deepEqual(warnings, [refused('nobody listens on the queue')]);
    assert.deepEqual(await queuesOf(host), {});
  });

  for (const [what, answer, reason] of [
    [
      'an error',
      '{"result":null,"error":["Internal_error","no"],"id":0}',
      'the answer is ["Internal_error","no"]',
    ],
    ['no answer of JSON-RPC', '["Internal_error","no"]', 'the answer is ["Internal_error","no"]'],
  ] as const) {
    test(`${mode}: ${what} is told, and fails nothing`, async (t) => {
      const { host, measurements, warnings } = await begin(t);
      serveRrd(t, host, answer);
      await turn();
      await measurements.register(UID);
      assert.deepEqual(warnings, [refused(reason)]);
    });
  }

  test(`${mode}: a request that nobody answers in time is taken back`, async (t) => {
    const { host, measurements, warnings } = await begin(t, '20ms');
    const { stop } = serveRrd(t, host);
    await turn();
    await stop();
    await measurements.register(UID);
    await measurements.settled();
    assert.deepEqual(warnings, [refused(LATE.replace('2 s', '0.02 s'))]);
    assert.deepEqual(await queuesOf(host), { [RRD]: 0 });
  });
}

test('who waits for measurements goes on when the time is over', async (t) => {
  const { host, tick } = held(t, []);
  let clock = 0;
  const { measurements, warnings } = measuring({ host, flags: [], now: () => clock });
  const { promise: answer, resolve } = Promise.withResolvers<string>();
  serveRrd(t, host, answer);
  await turn();
  const registered = measurements.register(UID);
  await turn();
  assert.deepEqual(Object.values(await queuesOf(host)), [1, 0]);
  clock += 2000;
  tick(2000);
  await registered;
  assert.deepEqual(warnings, [refused(LATE)]);
  await measurements.settled();
  assert.deepEqual(await queuesOf(host), { [RRD]: 0 });
  resolve(WELL);
});

test('without a switch nobody is told, and nothing is wrong', async () => {
  const { measurements, warnings } = measuring({ flags: ['--switch.mode=off'] });
  await measurements.register(UID);
  await measurements.deregister(UID);
  assert.deepEqual(warnings, []);
});

test('a joined switch that is not there is told, and fails nothing', async () => {
  const { measurements, warnings } = measuring({ flags: ['--switch.mode=join', '--switch.path=/nowhere/s'] });
  await measurements.deregister(UID);
  assert.deepEqual(warnings, [refused('connect ENOENT /nowhere/s', DEREGISTER.method)]);
});

test('a joined switch that says nothing is not waited for beyond the time', async (t) => {
  const path = join(tempDirectory(t), 'switch');
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('data', () => resolve());
  }).listen(path);
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  await once(server, 'listening');
  const { pass } = stopClock(t);
  const { measurements, warnings } = measuring({
    flags: ['--switch.mode=join', `--switch.path=${path}`],
    now: () => 0,
  });
  const registered = measurements.register(UID);
  await asked;
  pass(2000);
  await registered;
  assert.equal(warnings.length, 1);
});
