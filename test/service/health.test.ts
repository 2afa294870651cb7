import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { healthReasons } from '../../src/daemon/health.ts';
import type { Running } from '../../src/daemon/metrics.ts';
import { healthPage } from '../../src/service/health.ts';
import { ctl } from '../cli/helpers.ts';
import { withPlugins } from '../daemon/storage-helpers.ts';
import { kill, type LogLine, QUEUE, startDaemonProcess } from '../helpers/daemon.ts';
import { resultOf, startStorage, throughSocket, VOLUME } from '../helpers/plugins.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { connectHttp, login, startSwitch } from '../switch/helpers.ts';
import { HOWEVER_LATE, readMetrics, scrape } from './metrics-text.ts';

const NOTHING: Running = {
  started: 0,
  view: undefined,
  storage: undefined,
  services: [],
  switch: undefined,
  joined: [],
  sockets: [],
};
const LIMITS = { staleAfter: 30_000, maxLoopDelay: 2000 };
const IN_TIME = { median: 0, p99: 0, max: 2000 };

const VIEW = {
  everFresh: true,
  shown: 0,
  shownByDomain: new Map(),
  ignored: { noUuid: 0, halfWritten: 0 },
  followedDomains: [],
  backends: [],
  events: 0,
  synchronisations: 1,
  lastTrouble: undefined,
};

test('a daemon that is as it should be is ok', () => {
  assert.deepEqual(healthReasons(NOTHING, IN_TIME, LIMITS, 1e9), []);
  assert.deepEqual(healthPage([]), { status: 200, contentType: 'text/plain; charset=utf-8', body: 'ok\n' });
});

test('a view that is stale is a reason when that has lasted', () => {
  const view = { ...VIEW, view: { state: 'stale', since: 100_000, reason: 'gone' } } as const;
  const at = (now: number): string[] => healthReasons({ ...NOTHING, view }, IN_TIME, LIMITS, now);
  assert.deepEqual(at(130_000), []);
  assert.deepEqual(at(130_001), ['the view of xenstore is stale for 30 s (health.staleAfter): gone']);
});

test('a view that is not there yet is a reason when the start is long ago', () => {
  const view = { ...VIEW, view: { state: 'connecting' } } as const;
  const at = (now: number): string[] => healthReasons({ ...NOTHING, view }, IN_TIME, LIMITS, now);
  assert.deepEqual(at(30_000), []);
  assert.match(at(30_001).join(), /^the view of xenstore was not fresh since the start, 30 s ago/);
});

test('a late event loop is a reason', () => {
  assert.deepEqual(healthReasons(NOTHING, { ...IN_TIME, max: 2001 }, LIMITS, 0), [
    'the event loop was 2001 ms late in the last minute (health.maxLoopDelay)',
  ]);
});

test('a switch that is away is a reason', () => {
  const joined = [{ queue: 'q', path: '/s', state: { type: 'away', since: 0, reason: 'ENOENT' } }] as const;
  assert.deepEqual(healthReasons({ ...NOTHING, joined }, IN_TIME, LIMITS, 5000), [
    'q is not served on the switch at /s, away for 5 s: ENOENT',
  ]);
});

test('reasons are a line each, whatever stands in them', () => {
  assert.equal(healthPage(['a\nb', 'c']).body, 'a b\nc\n');
});

test('datapathctl health ends with 0 when all is well', async (t) => {
  const { switchSocket } = await startDaemonProcess(t, {
    flags: ['--storage.enabled=false', ...HOWEVER_LATE],
  });
  const ask = (...words: string[]) => ctl(t, ['health', '--path', switchSocket, ...words]);
  assert.deepEqual(await ask(), { status: 0, stdout: 'ok\n', stderr: '' });
  assert.deepEqual(await ask('--json'), { status: 0, stdout: '{"healthy":true,"reasons":[]}\n', stderr: '' });
});

test('a plugin that is refused is a reason, and datapathctl health ends with 1', async (t) => {
  const { plugins } = await withPlugins(t);
  plugins.write('volume/bad', [], { features: 'none' });
  const { switchSocket } = await startStorage(t, plugins, { flags: HOWEVER_LATE });
  const client = await connectHttp(t, switchSocket);
  const { status, body } = await client.ask('GET', '/healthz');
  assert.equal(status, 503);
  assert.match(body.toString(), /^the volume plugin bad is refused: .*\n$/);
  const asked = await ctl(t, ['health', '--path', switchSocket, '--json']);
  assert.equal(asked.status, 1);
  assert.deepEqual(JSON.parse(asked.stdout), { healthy: false, reasons: [body.toString().trim()] });
  assert.match(await client.text('GET', '/metrics'), /\ndatapathd_healthy 0\n/);
});

test('what a plugin has said is told without its secrets', async (t) => {
  const { plugins } = await withPlugins(t);
  const says = '#!/bin/sh\necho "no such target: iscsi://me:hunter2@filer" >&2\nexit 1\n';
  plugins.write('volume/bad', [], {}, { 'Plugin.Query': says });
  const { switchSocket } = await startStorage(t, plugins, { flags: HOWEVER_LATE });
  const client = await connectHttp(t, switchSocket);
  const { body } = await client.ask('GET', '/healthz');
  assert.match(body.toString(), /\(no such target: iscsi:\/\/\*\*\*@filer\)\n$/);
});

/** Plugins, and a folder of sockets in which a file has the place of one. */
async function withFileInTheWay(t: TestContext) {
  const { plugins } = await withPlugins(t);
  const directory = join(tempDirectory(t), 'run');
  mkdirSync(directory);
  writeFileSync(join(directory, VOLUME), '');
  return { plugins, directory };
}

test('a queue that can not be served is a reason, until its plugin is gone', async (t) => {
  const { plugins, directory } = await withFileInTheWay(t);
  const daemon = await startStorage(t, plugins, { directory, flags: HOWEVER_LATE });
  const client = await connectHttp(t, daemon.switchSocket);
  const health = async (): Promise<string> => (await client.ask('GET', '/healthz')).body.toString();
  const inTheWay = `${join(directory, VOLUME)} is in the way: it is no socket`;
  assert.equal(await health(), `${VOLUME} is not served: ${inTheWay}\n`);
  plugins.remove(`volume/${VOLUME}`);
  await daemon.logged(({ msg }) => msg.startsWith('a plugin is no more used'));
  assert.equal(await health(), 'ok\n');
});

test('a queue is served as soon as it can be, though nothing of its plugin has changed', async (t) => {
  const { plugins, directory } = await withFileInTheWay(t);
  const flags = ['--plugins.rescanInterval=10ms', ...HOWEVER_LATE];
  const daemon = await startStorage(t, plugins, { directory, flags });
  const ofQueue = ({ queue }: LogLine): boolean => queue === VOLUME;
  await daemon.logged((line) => ofQueue(line) && line.level === 'error');
  rmSync(join(directory, VOLUME));
  await daemon.logged((line) => ofQueue(line) && line.msg === 'a queue can be served again');
  await resultOf(throughSocket(t, daemon)('Query.query'));
  const client = await connectHttp(t, daemon.switchSocket);
  assert.equal((await client.ask('GET', '/healthz')).body.toString(), 'ok\n');
  assert.equal(daemon.log.filter((line) => ofQueue(line) && line.level === 'error').length, 1);
});

test('a journal that can not be written is a reason, and is counted', async (t) => {
  const directory = tempDirectory(t);
  // A limit of the file size stands for a full disk. It is not tried again while the test lasts.
  const daemon = await startDaemonProcess(t, {
    directory: join(directory, 'run'),
    flags: [
      '--storage.enabled=false',
      `--switch.stateDirectory=${join(directory, 'state')}`,
      '--journal.retryInterval=1h',
    ],
    launcher: ['bash', '-c', 'trap "" XFSZ; ulimit -f 64; exec "$@"', 'bash'],
  });
  const client = await login(t, daemon.switchSocket, 'me');
  await client.text('GET', '/persistent/q');
  let status = 200;
  while (status === 200) ({ status } = await client.ask('POST', '/request/q/r', 'x'.repeat(30_000)));
  const { status: health, body } = await client.ask('GET', '/healthz');
  assert.equal(health, 503);
  assert.match(body.toString(), /^nothing is accepted: the journal can not be written: /);
  const samples = await scrape(t, daemon);
  assert.equal(samples.get('datapathd_journal_in_trouble{journal="switch"}'), 1);
  assert.equal(samples.get('datapathd_journal_failures_total{journal="switch"}'), 1);
});

test('whether the switch of another process is there is told on the socket of the queue', async (t) => {
  const foreign = await startDaemonProcess(t, { flags: ['--storage.enabled=false'] });
  const daemon = await startDaemonProcess(t, {
    flags: ['--switch.mode=join', `--switch.path=${foreign.switchSocket}`],
  });
  await daemon.logged(({ msg }) => msg.includes(' is served on the switch at '));
  const client = await connectHttp(t, daemon.socket);
  const joined = async (): Promise<number | undefined> =>
    readMetrics(await client.text('GET', '/metrics')).get(`datapathd_switch_joined{queue="${QUEUE}"}`);
  assert.equal(await joined(), 1);
  await kill(foreign);
  await daemon.logged(({ msg }) => msg.startsWith(`the switch at ${foreign.switchSocket} is away`));
  assert.equal(await joined(), 0);
  const { status, body } = await client.ask('GET', '/healthz');
  assert.equal(status, 503);
  assert.match(body.toString(), /^org\.xen\.xapi\.datapath is not served on the switch at /);
});

test('a switch that has no such page is told from one that is not well', async (t) => {
  const { path } = await startSwitch(t);
  const { status, stderr } = await ctl(t, ['health', '--path', path]);
  assert.equal(status, 1);
  assert.match(stderr, /the switch does not tell its health/);
});
