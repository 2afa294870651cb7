import assert from 'node:assert/strict';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  attachSr,
  createVdi,
  using,
  type WithStorageOptions,
  withStorage,
} from '../daemon/storage-helpers.ts';
import { diagnostics, spawnDaemon, startDaemonProcess, stop } from '../helpers/daemon.ts';
import { fails, type ScriptCall, SR, throughSocket, throughSwitch, VOLUME } from '../helpers/plugins.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { scrape } from '../service/metrics-text.ts';
import { type Collector, type ReceivedSpan, startCollector } from './collector.ts';

const TRACE = '0123456789abcdef0123456789abcdef';
const CALLER = '00f067aa0ba902b7';
const traceparent = (flags = '01'): string => `00-${TRACE}-${CALLER}-${flags}`;

/** A daemon with plugins that sends spans at once. */
async function startTracing(t: TestContext, options: WithStorageOptions = {}) {
  const collector = await startCollector(t);
  const flags = [
    `--traces.endpoint=${collector.endpoint}`,
    '--traces.interval=1ms',
    ...(options.flags ?? []),
  ];
  return { collector, ...(await withStorage(t, { ...options, flags })) };
}

const childrenOf = ({ spans }: Collector, { spanId }: ReceivedSpan): ReceivedSpan[] =>
  spans.filter(({ parentSpanId }) => parentSpanId === spanId);

const isTraced = ({ params }: ScriptCall): boolean => String(params.dbg).includes(TRACE);

const isServer = ({ kind }: ReceivedSpan): boolean => kind === 2;

const dbgOf = (flags?: string): string =>
  `a task\n{"traceparent":"${traceparent(flags)}","tracestate":"x=1"}`;

test('a call through the switch is a span of its caller, with its wait, its scripts, its choice and its answer', async (t) => {
  const { collector, daemon } = await startTracing(t);
  const call = throughSwitch(t, daemon);
  await attachSr(call);
  const vdi = await createVdi(call);
  await call('VDI.attach3', { ...using(vdi), dbg: dbgOf(), read_write: true });
  const server = await collector.received(isServer);
  assert.deepEqual([server.name, server.traceId, server.parentSpanId], ['VDI.attach3', TRACE, CALLER]);
  const { MESSAGE_ID, ...attributes } = server.attributes;
  assert.match(`${MESSAGE_ID}`, new RegExp(`^${VOLUME}\\.[0-9]+$`));
  assert.deepEqual(attributes, { QUEUE: VOLUME, METHOD: 'VDI.attach3', SR, VDI: vdi });
  const children = childrenOf(collector, server);
  const asked = ['org.xen.xapi.storage.mine Volume.stat', 'disk Datapath.attach'];
  const names = ['wait in the queue', asked[0], 'choose a datapath', asked[1], 'answer'];
  assert.deepEqual(
    children.map(({ name }) => name).filter((name) => name !== 'wait for the plugin'),
    names,
  );
  for (const { begun, ended } of children)
    assert.ok(server.begun <= begun && begun <= ended && ended <= server.ended);
  const script = children.find(({ name }) => name === asked[1]);
  const { PLUGIN, 'process.exit.code': exit } = script?.attributes ?? {};
  assert.deepEqual([script?.kind, PLUGIN, exit, script?.failure], [3, 'disk', 0, undefined]);
  assert.equal(collector.resources[0]?.['service.name'], 'datapathd');
  assert.equal(collector.requests[0]?.url, '/v1/traces');
});

test('a script is given the trace with its own span as the caller, and the rest of dbg as it came', async (t) => {
  const { collector, daemon, plugins } = await startTracing(t);
  const call = throughSocket(t, daemon);
  await attachSr(call);
  await call('SR.stat', { sr: SR, dbg: dbgOf() });
  const { params } = await plugins.called(isTraced);
  const span = await collector.received(
    ({ attributes }) => attributes.METHOD === 'SR.stat' && attributes.PLUGIN !== undefined,
  );
  assert.equal(params.dbg, dbgOf().replace(CALLER, span.spanId));
  assert.equal((await collector.received(isServer)).spanId, span.parentSpanId);
});

test('a script that fails is a span that failed, and so is its call, without the words of the script', async (t) => {
  const answering: WithStorageOptions['answering'] =
    ({ answer }) =>
    (call) =>
      isTraced(call) ? { print: 'nfs://me:hunter2@filer', exit: 3 } : answer(call);
  const { collector, daemon } = await startTracing(t, { answering });
  const call = throughSocket(t, daemon);
  await attachSr(call);
  await call('SR.stat', { sr: SR, dbg: dbgOf() });
  const server = await collector.received((span) => isServer(span) && span.name === 'SR.stat');
  assert.equal(server.failure, 'Backend_error SCRIPT_FAILED');
  const [script] = childrenOf(collector, server).filter(({ kind }) => kind === 3);
  assert.deepEqual([script?.failure, script?.attributes['process.exit.code']], ['exit 3', 3]);
  assert.doesNotMatch(JSON.stringify(collector.spans), /hunter2/);
});

test('a script that has put its words where the code of an error belongs is told of without them', async (t) => {
  const code = 'mount of nfs://me:hunter2@filer failed';
  const answering: WithStorageOptions['answering'] =
    ({ answer }) =>
    (call) =>
      isTraced(call) ? fails(code) : answer(call);
  const { collector, daemon } = await startTracing(t, { answering });
  const call = throughSocket(t, daemon);
  await attachSr(call);
  await call('SR.stat', { sr: SR, dbg: dbgOf() });
  const server = await collector.received((span) => isServer(span) && span.name === 'SR.stat');
  const [script] = childrenOf(collector, server).filter(({ kind }) => kind === 3);
  assert.equal(script?.failure, 'error');
  assert.doesNotMatch(JSON.stringify(collector.spans), /hunter2/);
});

test('what is not sampled, has no trace or a wrong one is not sent, is carried out, and dbg stays as it came', async (t) => {
  const { collector, daemon, plugins } = await startTracing(t);
  const call = throughSocket(t, daemon);
  await attachSr(call);
  const zeros = `a\n00-${'0'.repeat(32)}-${CALLER}-01`;
  const others = [
    dbgOf('00'),
    'a task',
    `a\n${traceparent().replace('00-', 'ff-')}`,
    zeros,
    'a\n{"traceparent":1}',
  ];
  for (const dbg of others) {
    const { error } = await call('SR.stat', { sr: SR, dbg });
    assert.equal(error, null);
    assert.equal((await plugins.called(({ params }) => params.dbg === dbg)).method, 'SR.stat');
  }
  await call('SR.ls', { sr: SR });
  await call('SR.stat', { sr: SR, dbg: `the last\n${traceparent()}` });
  await collector.received(isServer);
  assert.equal(collector.spans.filter(isServer).length, 1);
});

test('without an endpoint a trace is passed on as it came', async (t) => {
  const { daemon, plugins } = await withStorage(t);
  const call = throughSocket(t, daemon);
  await attachSr(call);
  await call('SR.stat', { sr: SR, dbg: dbgOf() });
  assert.equal((await plugins.called(isTraced)).params.dbg, dbgOf());
});

test('a collector that is away is waited for by no call; what is lost is counted, and told of once', async (t) => {
  const { daemon } = await withStorage(t, {
    flags: ['--traces.endpoint=http://127.0.0.1:9', '--traces.interval=1ms', '--traces.timeout=1ms'],
  });
  const call = throughSocket(t, daemon);
  await attachSr(call);
  for (let dropped = 0; dropped < 4; ) {
    await call('SR.stat', { sr: SR, dbg: dbgOf() });
    dropped = (await scrape(t, daemon)).get('datapathd_trace_spans_total{outcome="dropped"}') ?? 0;
  }
  // At its end its whole log is here.
  await stop(daemon);
  const [lost, ...more] = daemon.log.filter(({ msg }) => msg.startsWith('spans of traces are dropped'));
  assert.match(String(lost?.reason), /ECONNREFUSED|timed out/);
  assert.deepEqual(more, []);
});

test('spans that are too many for a collector that does not answer are dropped, and a stop does not wait for it', async (t) => {
  const collector = await startCollector(t, { answering: () => undefined });
  const { daemon } = await withStorage(t, {
    flags: [
      `--traces.endpoint=${collector.endpoint}`,
      ...[
        '--traces.interval=1ms',
        '--traces.maxSpans=2',
        '--traces.timeout=1h',
        '--traces.flushTimeout=10ms',
      ],
    ],
  });
  const call = throughSocket(t, daemon);
  await attachSr(call);
  await call('SR.stat', { sr: SR, dbg: dbgOf() });
  await collector.asked(1);
  await call('SR.stat', { sr: SR, dbg: dbgOf() });
  const { reason } = await daemon.logged(({ msg }) => msg.startsWith('spans of traces are dropped'));
  assert.equal(reason, 'as many wait as traces.maxSpans (2) allows');
  assert.equal((await scrape(t, daemon)).get('datapathd_trace_spans_waiting'), 2);
  await stop(daemon);
});

test('a stop sends what waits', async (t) => {
  const collector = await startCollector(t);
  const { daemon } = await withStorage(t, {
    flags: [
      `--traces.endpoint=${collector.endpoint}`,
      '--traces.interval=1h',
      '--traces.timeout=1h',
      '--traces.flushTimeout=1h',
    ],
  });
  const call = throughSocket(t, daemon);
  await attachSr(call);
  await call('SR.stat', { sr: SR, dbg: dbgOf() });
  assert.equal(collector.requests.length, 0);
  await stop(daemon);
  assert.equal(collector.spans.filter(isServer).length, 1);
});

test('a collector on a Unix socket gets the headers of the file, which are told nobody else', async (t) => {
  const directory = tempDirectory(t);
  const collector = await startCollector(t, { socket: join(directory, 'otel.sock') });
  const file = join(directory, 'headers');
  writeFileSync(file, '# ours\nAuthorization: Bearer hunter2\n', { mode: 0o600 });
  const { daemon } = await withStorage(t, {
    flags: [
      `--traces.endpoint=${collector.endpoint}`,
      '--traces.interval=1ms',
      `--traces.headersFile=${file}`,
    ],
  });
  const call = throughSocket(t, daemon);
  await attachSr(call);
  await call('SR.stat', { sr: SR, dbg: dbgOf() });
  await collector.received(isServer);
  assert.equal(collector.requests[0]?.headers.authorization, 'Bearer hunter2');
  assert.doesNotMatch(JSON.stringify(daemon.log) + (await diagnostics(t, daemon)), /hunter2/);
});

for (const [text, mode, complaint] of [
  [
    'Authorization Bearer hunter2\n',
    0o600,
    /traces\.headersFile: expected a header, as in Name: value, in line 1 of /,
  ],
  ['Authorization: Bearer hunter2\n', 0o604, /traces\.headersFile: every user may read /],
] as const) {
  test(`headers in a file of the mode ${mode.toString(8)} that are ${text.includes(': ') ? 'right' : 'wrong'} end the start`, async (t) => {
    const file = join(tempDirectory(t), 'headers');
    writeFileSync(file, text);
    chmodSync(file, mode);
    const flags = ['--traces.endpoint=http://127.0.0.1:9', `--traces.headersFile=${file}`];
    const daemon = spawnDaemon(t, { flags });
    assert.equal(await daemon.ended, 2);
    const complained = await daemon.logged(() => false).catch((error: Error) => error.message);
    assert.match(String(complained), complaint);
    assert.doesNotMatch(String(complained), /hunter2/);
  });
}

/** The names of the packages that a daemon loads until it serves. */
async function loadedBy(t: TestContext, flags: readonly string[]): Promise<string> {
  const directory = tempDirectory(t);
  const list = join(directory, 'loaded');
  const hook = join(directory, 'hook.mjs');
  writeFileSync(
    hook,
    `import { registerHooks } from 'node:module';
import { appendFileSync } from 'node:fs';
registerHooks({ load: (url, context, next) => (appendFileSync(${JSON.stringify(list)}, url + '\\n'), next(url, context)) });
`,
  );
  await startDaemonProcess(t, { flags, env: { NODE_OPTIONS: `--import=${hook}` } });
  return readFileSync(list, 'utf8');
}

test('nothing of OpenTelemetry is loaded unless an endpoint is set', async (t) => {
  assert.doesNotMatch(await loadedBy(t, []), /opentelemetry|otlp/);
  assert.match(await loadedBy(t, ['--traces.endpoint=http://127.0.0.1:9']), /@opentelemetry\/sdk-trace/);
});
