import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Struct, Value } from '../../src/wire/value.ts';
import type { DaemonProcess } from '../helpers/daemon.ts';
import { HANDLE } from '../helpers/fake-storage.ts';
import { resultOf, SR, startStorage, throughSocket } from '../helpers/plugins.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { login } from '../switch/helpers.ts';
import { attachSr, withPlugins, withStorage } from './storage-helpers.ts';

/** The measurements of SRs, and the daemon that collects them. */

const RRD = 'org.xen.xapi.rrd';

interface Rrd {
  /** What it was asked, in short. */
  readonly asked: Value[];
  /** It answers no more. */
  hang(): void;
}

/** Serves the queue on the daemon's switch. Gives it when the queue is alive. */
async function serveRrd(t: TestContext, { switchSocket }: DaemonProcess): Promise<Rrd> {
  const server = await login(t, switchSocket, 'rrdd:1');
  const watcher = await login(t, switchSocket, 'watcher:1');
  await server.text('GET', `/persistent/${RRD}`);
  const asked: Value[] = [];
  let hangs = false;
  const serve = async (): Promise<void> => {
    let from = '-1';
    for (;;) {
      const wanted = JSON.stringify({ from, timeout: 60, queues: [RRD] });
      const { messages, next } = JSON.parse(await server.text('POST', '/transfer', wanted));
      for (const [[name, id], { payload, kind }] of messages) {
        const { method, params } = JSON.parse(payload);
        asked.push([method, params[0]]);
        if (hangs) continue;
        await server.text('POST', `/response/${kind[1]}/${name}/${id}`, '{"result":1,"error":null,"id":0}');
        await server.text('GET', `/ack/${name}/${id}`);
      }
      from = next;
    }
  };
  // The end of the test ends it, with its daemon.
  serve().catch(() => {});
  while (!JSON.parse(await watcher.text('GET', '/list/alive/')).includes(RRD));
  return {
    asked,
    hang: () => {
      hangs = true;
    },
  };
}

const registered = (uid: string): Value => [
  'Plugin.Local.register',
  { uid, info: 'Five_Seconds', protocol: 'V2' },
];
const deregistered = (uid: string): Value => ['Plugin.Local.deregister', { uid }];

/** Whoever collects them is waited for, however long it takes. */
const PATIENT = { flags: ['--storage.measurementsTimeout=1h'] };

const measured = (stat: Struct, ...datasources: string[]): Struct => ({ ...stat, datasources });
const sorted = (asked: readonly Value[]): string[] => asked.map((each) => JSON.stringify(each)).sort();

test('SR.attach registers what is in shared memory, and SR.detach takes it back', async (t) => {
  const { storage, daemon } = await withStorage(t, PATIENT);
  const { asked } = await serveRrd(t, daemon);
  storage.stat = measured(
    storage.stat,
    'xeno+shm:///sr-a',
    'xeno+shm://host/sr%20b',
    'file:///c',
    'xeno+shm:',
  );
  const call = throughSocket(t, daemon);
  await attachSr(call);
  assert.deepEqual(sorted(asked), sorted(['sr-a', 'sr b'].map(registered)));
  await resultOf(call('SR.detach', { sr: SR }));
  assert.deepEqual(sorted(asked.slice(2)), sorted(['sr-a', 'sr b'].map(deregistered)));
});

test('a datasource that is no proper URI is registered by its name as it stands, and the SR is attached', async (t) => {
  const { storage, daemon } = await withStorage(t, PATIENT);
  const { asked } = await serveRrd(t, daemon);
  storage.stat = measured(storage.stat, 'xeno+shm:///100%', 'xeno+shm:///sr-a');
  await attachSr(throughSocket(t, daemon));
  assert.deepEqual(sorted(asked), sorted(['100%', 'sr-a'].map(registered)));
});

test('an SR without datasources asks nobody for anything', async (t) => {
  const { daemon } = await withStorage(t);
  const { asked } = await serveRrd(t, daemon);
  const call = throughSocket(t, daemon);
  await attachSr(call);
  await resultOf(call('SR.detach', { sr: SR }));
  assert.deepEqual(asked, []);
});

test('with nobody who collects measurements SR.attach is not held up, and it is told', async (t) => {
  const { storage, daemon } = await withStorage(t, PATIENT);
  storage.stat = measured(storage.stat, 'xeno+shm:///sr-a');
  const call = throughSocket(t, daemon);
  await attachSr(call);
  assert.deepEqual(await resultOf(call('SR.list')), [SR]);
  const { level, uid } = await daemon.logged(({ msg }) => msg.startsWith('the measurements of an SR'));
  assert.deepEqual([level, uid], ['warn', 'sr-a']);
  await resultOf(call('SR.detach', { sr: SR }));
});

test('who collects measurements and hangs holds SR.attach up for a time, and fails nothing', async (t) => {
  const { storage, daemon } = await withStorage(t, { flags: ['--storage.measurementsTimeout=50ms'] });
  const { hang } = await serveRrd(t, daemon);
  hang();
  storage.stat = measured(storage.stat, 'xeno+shm:///sr-a');
  const call = throughSocket(t, daemon);
  await attachSr(call);
  const { reason } = await daemon.logged(({ msg }) => msg.startsWith('the measurements of an SR'));
  assert.equal(reason, 'no answer within 0.05 s (storage.measurementsTimeout)');
  assert.deepEqual(await resultOf(call('SR.list')), [SR]);
});

test('what the daemon before this one has registered is taken back as well', async (t) => {
  const { storage, plugins } = await withPlugins(t);
  const stateDb = join(tempDirectory(t), 'state.db');
  writeFileSync(stateDb, `((${SR}((sr"${HANDLE}")(uids(sr-a)))))`);
  storage.isAttached = true;
  const daemon = await startStorage(t, plugins, {
    flags: [...PATIENT.flags, `--storage.stateDb=${stateDb}`],
  });
  const { asked } = await serveRrd(t, daemon);
  await resultOf(throughSocket(t, daemon)('SR.detach', { sr: SR }));
  assert.deepEqual(asked, [deregistered('sr-a')]);
});
