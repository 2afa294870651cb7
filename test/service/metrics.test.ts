import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { METRICS } from '../../src/service/metrics-table.ts';
import { createSwitchFront } from '../../src/switch/front.ts';
import { attachSr, withPlugins, withStorage } from '../daemon/storage-helpers.ts';
import { exchange } from '../helpers/client.ts';
import { kill, QUEUE, spawnDaemon, startDaemonProcess } from '../helpers/daemon.ts';
import { fails, SR, startStorage, throughSocket, VOLUME } from '../helpers/plugins.ts';
import { runProgram } from '../helpers/programs.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { connectHttp, LIMITS, login, request, startSwitch } from '../switch/helpers.ts';
import { HOWEVER_LATE, promtool, readMetrics, scrape } from './metrics-text.ts';

const SWITCH_ONLY = ['--storage.enabled=false', ...HOWEVER_LATE];

test('every socket that speaks HTTP tells the metrics without a login, in the text format', async (t) => {
  const daemon = await startDaemonProcess(t, { flags: HOWEVER_LATE });
  for (const path of [daemon.switchSocket, daemon.socket]) {
    const client = await connectHttp(t, path);
    const { status, head, body } = await client.ask('GET', '/metrics');
    assert.equal(status, 200);
    assert.match(head, /^content-type: text\/plain; version=0\.0\.4; charset=utf-8$/m);
    assert.equal(readMetrics(body.toString()).get('datapathd_healthy'), 1);
  }
});

test("Prometheus' own checker has nothing to say about them, with everything in use", async (t) => {
  const { daemon } = await withStorage(t, {
    flags: [`--switch.stateDirectory=${join(tempDirectory(t), 'state')}`],
  });
  await attachSr(throughSocket(t, daemon));
  const client = await connectHttp(t, daemon.switchSocket);
  const text = await client.text('GET', '/metrics');
  assert.equal(await promtool(t, ['check', 'metrics'], text), '');
  const told = new Set([...readMetrics(text).keys()].map((sample) => sample.replace(/\{.*/, '')));
  // Those of states that nothing is in here.
  const absent = [
    'datapathd_datapaths',
    'datapathd_requests_refused_total',
    'datapathd_switch_joined',
    'datapathd_switch_refusals_total',
    'datapathd_trace_spans_total',
    'datapathd_trace_spans_waiting',
  ];
  for (const [name, { type }] of Object.entries(METRICS)) {
    const sample = type === 'histogram' ? `${name}_bucket` : name;
    assert.equal(told.has(sample), !absent.includes(name), name);
  }
});

test("a message is counted as it comes, waits, is given and acked, in its queue's metrics", async (t) => {
  const daemon = await startDaemonProcess(t, { flags: SWITCH_ONLY });
  const client = await login(t, daemon.switchSocket, 'me');
  await client.text('GET', '/persistent/q');
  const numbers = async (): Promise<(number | undefined)[]> => {
    const samples = await scrape(t, daemon);
    return [
      'queue_messages',
      'queue_bytes',
      'queue_messages_in_total',
      'queue_messages_out_total',
      'queue_wait_seconds_count',
      'queue_run_seconds_count',
    ].map((name) => samples.get(`datapathd_${name}{queue="q"}`));
  };
  assert.deepEqual(await numbers(), [0, 0, 0, 0, 0, 0]);
  const [[, id]] = JSON.parse(await client.text('POST', '/request/q/r', 'hello'));
  assert.deepEqual(await numbers(), [1, 5, 1, 0, 0, 0]);
  const age = (await scrape(t, daemon)).get('datapathd_queue_oldest_message_age_seconds{queue="q"}') ?? 0;
  assert.ok(age > 0);
  const wanted = '{"from":"-1","timeout":1,"queues":["q"]}';
  await client.text('POST', '/transfer', wanted);
  assert.deepEqual(await numbers(), [1, 5, 1, 0, 1, 0]);
  await client.text('POST', '/transfer', wanted);
  assert.deepEqual(await numbers(), [1, 5, 1, 0, 1, 0], 'a message that is given again has waited once');
  await client.text('GET', `/ack/q/${id}`);
  assert.deepEqual(await numbers(), [0, 0, 1, 1, 1, 1]);
});

test('queues beyond metrics.maxQueues, and those of sessions, are counted together as other', async (t) => {
  const daemon = await startDaemonProcess(t, { flags: [...SWITCH_ONLY, '--metrics.maxQueues=1'] });
  const client = await login(t, daemon.switchSocket, 'me');
  for (const target of ['/persistent/first', '/persistent/second', '/transient/third']) {
    await client.text('GET', target);
  }
  for (const queue of ['first', 'second', 'third']) await client.text('POST', `/request/${queue}/r`, 'x');
  const samples = await scrape(t, daemon);
  const labels = [...samples].filter(([name]) => name.startsWith('datapathd_queue_messages_in_total'));
  assert.deepEqual(labels, [
    ['datapathd_queue_messages_in_total{queue="first"}', 1],
    ['datapathd_queue_messages_in_total{queue="other"}', 2],
  ]);
  assert.equal(samples.get('datapathd_queue_messages{queue="other"}'), 2);
  assert.equal(samples.get('datapathd_queues{lifetime="persistent"}'), 2);
  assert.equal(samples.get('datapathd_queues{lifetime="transient"}'), 1);
});

test('a refusal is counted by the setting that it came up against', async (t) => {
  const daemon = await startDaemonProcess(t, { flags: [...SWITCH_ONLY, '--switch.maxQueues=1'] });
  const client = await login(t, daemon.switchSocket, 'me');
  await client.text('GET', '/persistent/one');
  for (const queue of ['two', 'three']) {
    assert.equal((await client.ask('GET', `/persistent/${queue}`)).status, 503);
  }
  const samples = await scrape(t, daemon);
  assert.equal(samples.get('datapathd_switch_refusals_total{limit="switch.maxQueues"}'), 2);
});

test('what could not be read is counted by the socket that it came to, and how it was spoken', async (t) => {
  const daemon = await startDaemonProcess(t, { flags: ['--sockets.maxRequestBytes=1000'] });
  const long = `POST / HTTP/1.1\r\nContent-Length: 1001\r\n\r\n`;
  assert.match(await exchange(t, daemon.socket, long), /^HTTP\/1\.1 413 /);
  for (const _ of [1, 2]) assert.match(await exchange(t, daemon.socket, '{]'), /is closed by/);
  assert.match(await exchange(t, daemon.switchSocket, 'GET /nowhere HTTP/1.1\r\n\r\n'), /^HTTP\/1\.1 404 /);
  const samples = await scrape(t, daemon);
  const counts = ['http', 'json'].map((protocol) =>
    samples.get(`datapathd_requests_refused_total{socket="${QUEUE}",protocol="${protocol}"}`),
  );
  assert.deepEqual(counts, [1, 2]);
  assert.equal(samples.get('datapathd_requests_refused_total{socket="switch.sock",protocol="switch"}'), 1);
});

test('the journal counts its records and how long the disk took', async (t) => {
  const state = join(tempDirectory(t), 'state');
  const daemon = await startDaemonProcess(t, { flags: [...SWITCH_ONLY, `--switch.stateDirectory=${state}`] });
  const client = await login(t, daemon.switchSocket, 'me');
  const numbers = async (): Promise<number[]> => {
    const samples = await scrape(t, daemon);
    return ['records_total', 'sync_seconds_count', 'written_bytes_total', 'size_bytes'].map(
      (name) => samples.get(`datapathd_journal_${name}{journal="switch"}`) ?? Number.NaN,
    );
  };
  const before = await numbers();
  await client.text('GET', '/persistent/q');
  const [records, syncs, written, size] = (await numbers()).map((value, at) => value - (before[at] ?? 0));
  assert.deepEqual([records, syncs], [1, 1]);
  assert.ok(written !== undefined && written > 0);
  assert.equal(size, written);
});

test('what the journal brings back is in the gauges of its queue, and not in its counters', async (t) => {
  const state = join(tempDirectory(t), 'state');
  const flags = [...SWITCH_ONLY, `--switch.stateDirectory=${state}`];
  const before = await startDaemonProcess(t, { flags });
  const client = await login(t, before.switchSocket, 'me');
  await client.text('GET', '/persistent/q');
  await client.text('POST', '/request/q/r', 'hello');
  await kill(before);
  const samples = await scrape(t, await startDaemonProcess(t, { flags }));
  assert.equal(samples.get('datapathd_queue_messages{queue="q"}'), 1);
  assert.equal(samples.get('datapathd_queue_messages_in_total{queue="q"}'), 0);
});

test('calls of scripts are counted by plugin, method and outcome', async (t) => {
  let mad = false;
  const { plugins } = await withPlugins(t, ({ answer }) => (call) => {
    if (call.method === 'SR.probe') return fails('SR_BACKEND_FAILURE', 'no');
    if (mad && call.method === 'SR.ls') return { print: 'no answer', exit: 0 };
    if (call.method === 'SR.set_name') return new Promise(() => {});
    return answer(call);
  });
  const flags = ['--plugins.timeouts=SR.set_name=100ms', '--plugins.killGrace=10ms'];
  const daemon = await startStorage(t, plugins, { flags });
  const call = throughSocket(t, daemon);
  await call('SR.probe', { queue: VOLUME, device_config: {}, sm_config: {} });
  await attachSr(call);
  const samples = await scrape(t, daemon);
  const counted = (method: string, outcome: string): number | undefined =>
    samples.get(
      `datapathd_plugin_calls_total{kind="volume",plugin="${VOLUME}",method="${method}",outcome="${outcome}"}`,
    );
  assert.equal(counted('SR.attach', 'result'), 1);
  assert.equal(counted('SR.probe', 'error'), 1);
  assert.equal(samples.get(`datapathd_plugin_registered{kind="volume",plugin="${VOLUME}"}`), 1);
  const ran = `{kind="volume",plugin="${VOLUME}"}`;
  assert.ok((samples.get(`datapathd_plugin_run_seconds_count${ran}`) ?? 0) >= 2);
  mad = true;
  await call('SR.set_name_label', { sr: SR, new_name_label: 'named' });
  await call('SR.scan', { sr: SR });
  const later = await scrape(t, daemon);
  const outcomesOf = (of: string): string[] =>
    [...later.keys()]
      .flatMap((name) => /method="(.*)",outcome="(.*)"/.exec(name)?.slice(1).join(' ') ?? [])
      .filter((each) => each.startsWith(of));
  assert.deepEqual(outcomesOf('SR.set_name'), ['SR.set_name timed-out']);
  assert.deepEqual(outcomesOf('SR.ls'), ['SR.ls failed']);
});

test('who may not look at the state of the switch gets no page on its socket', async (t) => {
  const { host } = await startSwitch(t, {}, { policy: () => () => 'the user 7 may not observe' });
  const pages = () => ({ status: 200, contentType: 'text/plain', body: 'secret' }) as const;
  const limits = {
    ...LIMITS,
    maxHeaderBytes: 1000,
    maxTransferTimeout: 1,
    maxCredit: 1,
    slowReaderTimeout: 1,
  };
  const front = createSwitchFront(host, limits, () => {}, { pages });
  const conversation = front({ identity: undefined, send() {}, unsent: 0, full: false, close() {} });
  conversation.push(request('GET', '/metrics'));
  const reply = await conversation.next();
  assert.match(`${reply?.bytes}`, /^HTTP\/1\.1 403 (?:.|\r\n)*the user 7 may not observe$/);
});

test('with metrics.listen the pages are read over TCP, and nothing else is', async (t) => {
  const daemon = await startDaemonProcess(t, { flags: [...SWITCH_ONLY, '--metrics.listen=127.0.0.1:0'] });
  const { address } = await daemon.logged(({ msg }) => msg === 'metrics are answered over TCP');
  const get = async (path: string): Promise<[number, string]> => {
    const response = await fetch(`http://${address}${path}`);
    return [response.status, await response.text()];
  };
  const [status, text] = await get('/metrics');
  assert.equal(status, 200);
  assert.equal(readMetrics(text).get('datapathd_healthy'), 1);
  assert.deepEqual(await get('/healthz'), [200, 'ok\n']);
  assert.equal((await get('/metrics?collect=all'))[0], 200);
  assert.equal((await get('/'))[0], 404);
  assert.equal((await fetch(`http://${address}/metrics`, { method: 'POST', body: 'x' })).status, 405);
});

test('a port that is taken ends the start with its setting', async (t) => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const bound = server.address();
  assert.ok(typeof bound === 'object' && bound !== null);
  const daemon = spawnDaemon(t, { flags: [...SWITCH_ONLY, `--metrics.listen=127.0.0.1:${bound.port}`] });
  assert.equal(await daemon.ended, 1);
  await assert.rejects(
    daemon.logged(() => false),
    /EADDRINUSE.*\(metrics\.listen\)/,
  );
});

test('curl reads them from a socket', async (t) => {
  const daemon = await startDaemonProcess(t, { flags: SWITCH_ONLY });
  const words = ['--silent', '--fail', '--unix-socket', daemon.switchSocket, 'http://localhost/metrics'];
  const { status, stdout } = await runProgram(t, 'curl', words);
  assert.equal(status, 0);
  assert.equal(readMetrics(stdout).get('datapathd_healthy'), 1);
  await kill(daemon);
});
