import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isStruct } from '../../src/wire/value.ts';
import { type DaemonProcess, kill, QUEUE, spawnDaemon } from '../helpers/daemon.ts';
import type { FakeStorage } from '../helpers/fake-storage.ts';
import {
  type Answering,
  fails,
  type Reply,
  resultOf,
  type ScriptCall,
  SR,
  startStorage,
  throughSocket,
  VOLUME,
} from '../helpers/plugins.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { KINDS, startXenstored } from '../helpers/xenstored.ts';
import { attachSr, createVdi, type StoragePlugins, using, withPlugins } from './storage-helpers.ts';

/** What a daemon does when it comes back, with an SR attached. */

interface Ended extends StoragePlugins {
  readonly directory: string;
  readonly flags: readonly string[];
  /** Starts it again, with these scripts. */
  again(answering?: (storage: FakeStorage) => Answering): Promise<DaemonProcess>;
  /** The names of the scripts that ran since. */
  ran(): string[];
}

interface Began extends StoragePlugins {
  /** Lets the scripts of a method run until the end of the daemon. */
  hold(method: string): void;
}

const isAsked = ({ method, params }: ScriptCall): boolean =>
  method === 'SR.stat' && params.dbg === 'datapathd asks after a start';

/** A daemon that has attached an SR, and done what the test says, when it was killed. */
async function ended(
  t: TestContext,
  more: readonly string[] = [],
  work: (daemon: DaemonProcess, on: Began) => Promise<void> = async () => {},
): Promise<Ended> {
  let answering: ((storage: FakeStorage) => Answering) | undefined;
  let held: string | undefined;
  let from = 0;
  const prepared = await withPlugins(t, (storage) => (call) => {
    if (call.method === held) return new Promise<Reply>(() => {});
    return (answering?.(storage) ?? storage.answer)(call);
  });
  const hold = (method: string): void => {
    held = method;
  };
  const flags = [`--switch.stateDirectory=${join(tempDirectory(t), 'state')}`, ...more];
  const daemon = await startStorage(t, prepared.plugins, { flags });
  await attachSr(throughSocket(t, daemon));
  await work(daemon, { ...prepared, hold });

  await kill(daemon);
  const { directory } = daemon;
  return {
    ...{ ...prepared, directory, flags },
    ran: () => prepared.plugins.calls.slice(from).map(({ method }) => method),
    again: (given) => {
      answering = given;
      held = undefined;
      from = prepared.plugins.calls.length;
      return startStorage(t, prepared.plugins, { flags, directory });
    },
  };
}

for (const kind of KINDS) {
  test(`${kind} - no queue is there before the attached SRs are in the store and in the view`, async (t) => {
    const store = await startXenstored(t, kind);
    const times = ['requestTimeout', 'startTimeout', 'settleTimeout'].map((name) => `--xenstore.${name}=1h`);
    const { directory, flags, plugins } = await ended(t, [
      ...['--xenstore.mode=socket', `--xenstore.socket=${store.socket}`],
      ...times,
    ]);
    // It comes back empty, and answers nothing for a while.
    await store.kill('SIGKILL');
    await store.start();
    await store.kill('SIGSTOP');
    const found = [`--plugins.root=${plugins.root}`, '--plugins.settle=10ms', '--plugins.rescanInterval=1h'];
    const daemon = spawnDaemon(t, { directory, flags: [...found, ...flags] });
    // All that it could serve is known.
    for (const each of ['volume', 'datapath']) {
      await daemon.logged(({ msg, kind: of }) => msg === 'a plugin is registered' && of === each);
    }
    for (const queue of [QUEUE, VOLUME]) {
      // What the daemon that was killed has left may be there, and answers nobody.
      await assert.rejects(throughSocket(t, daemon, queue)('Plugin.ls'), /ENOENT|ECONNREFUSED/);
    }
    await store.kill('SIGCONT');
    await daemon.logged(({ msg }) => msg.endsWith(' serves'));
    assert.deepEqual(await resultOf(throughSocket(t, daemon, QUEUE)('Plugin.ls')), [SR]);
  });
}

test('a store that is away keeps nobody from serving what is attached', async (t) => {
  const store = await startXenstored(t, 'c');
  const times = ['requestTimeout', 'startTimeout'].map((name) => `--xenstore.${name}=100ms`);
  const { again } = await ended(t, [
    ...['--xenstore.mode=socket', `--xenstore.socket=${store.socket}`],
    ...times,
  ]);
  await store.kill('SIGKILL');
  const daemon = await again();
  await daemon.logged(({ msg }) => msg === 'the attached SRs are not all in xenstore');
  assert.deepEqual(await resultOf(throughSocket(t, daemon)('SR.scan', { sr: SR })), []);
});

test('the attached SRs are asked how they are, and nobody waits for it', async (t) => {
  const { again, plugins } = await ended(t);
  const { promise: held, resolve: answer } = Promise.withResolvers<Reply>();
  const daemon = await again(
    (storage) => (call) => (call.method === 'SR.stat' ? held : storage.answer(call)),
  );
  await plugins.called(isAsked);
  assert.deepEqual(await resultOf(throughSocket(t, daemon)('SR.list')), [SR]);
  answer(fails('Broken', 'no route'));
  const { level, sr, reason } = await daemon.logged(({ msg }) => msg.startsWith('an attached SR does not'));
  assert.deepEqual([level, sr], ['warn', SR]);
  assert.match(String(reason), /^org\.xen\.xapi\.storage\.mine: .*Broken/);
});

test('an attached SR that is not well is warned of', async (t) => {
  const { again, storage } = await ended(t);
  storage.stat = { ...storage.stat, health: ['Recovering', 'one disk is out'] };
  const daemon = await again();
  const { reason } = await daemon.logged(({ msg }) => msg.startsWith('an attached SR does not'));
  assert.equal(reason, 'org.xen.xapi.storage.mine: Recovering: one disk is out');
});

test('an attached SR whose plugin is gone is warned of', async (t) => {
  const { again, plugins } = await ended(t);
  plugins.remove(`volume/${VOLUME}`);
  const daemon = await again();
  const { reason } = await daemon.logged(({ msg }) => msg.startsWith('an attached SR does not'));
  assert.equal(reason, `there is no plugin ${VOLUME}`);
});

test('what was half done is listed, and no datapath script is run', async (t) => {
  const half = using('v2', '8');
  const { again, plugins, ran } = await ended(t, [], async (daemon, on) => {
    const call = throughSocket(t, daemon);
    const whole = using(await createVdi(call));
    assert.equal(await createVdi(call), half.vdi);
    for (const use of [whole, half]) await resultOf(call('VDI.attach3', { ...use, read_write: true }));
    await resultOf(call('VDI.activate3', whole));
    on.hold('Datapath.activate');
    call('VDI.activate3', half).catch(() => {});
    await on.plugins.called(({ method, params }) => method === 'Datapath.activate' && params.domain === '8');
  });
  // It is half done until somebody goes on with it.
  for (const _again of [1, 2]) {
    const daemon = await again();
    const told = daemon.log.filter(({ msg }) => msg.startsWith('a step of a datapath was begun'));
    assert.deepEqual(
      told.map(({ level, sr, vdi, domain, step }) => ({ level, sr, vdi, domain, step })),
      [{ level: 'warn', sr: SR, vdi: half.vdi, domain: '8', step: 'activate' }],
    );
    const datapaths = await resultOf(throughSocket(t, daemon, QUEUE)('Datapathd.datapaths'));
    assert.ok(Array.isArray(datapaths));
    assert.deepEqual(
      datapaths.map((each) => isStruct(each) && each.state),
      ['activated', 'uncertain'],
    );
    await plugins.called(isAsked);
    await resultOf(throughSocket(t, daemon)('SR.scan', { sr: SR }));
    assert.deepEqual(ran(), ['SR.stat', 'SR.ls']);
    await kill(daemon);
  }
});

test('a signal in the midst of the start waits for no plugin that hangs', async (t) => {
  const { plugins } = await withPlugins(t);
  const fifo = join(tempDirectory(t), 'fifo');
  execFileSync('mkfifo', [fifo]);
  plugins.write('volume/hangs', [], {}, { 'Plugin.Query': `#!/bin/sh\nexec cat ${fifo}\n` });
  const flags = [`--plugins.root=${plugins.root}`, '--plugins.queryTimeout=1h'];
  const daemon = spawnDaemon(t, { flags });
  // It can be opened when the script reads, which goes on until it is closed.
  const held = await open(fifo, 'w');
  t.after(() => held.close());
  daemon.child.kill('SIGTERM');
  assert.equal(await daemon.ended, 0);
  const { directory } = daemon;
  assert.deepEqual(
    readdirSync(directory).filter((name) => statSync(join(directory, name)).isSocket()),
    [],
  );
  assert.ok(!daemon.log.some(({ msg }) => msg.endsWith(' serves')));
});
