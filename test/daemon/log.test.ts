import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { exchange } from '../helpers/client.ts';
import { type DaemonProcess, diagnostics, QUEUE, startDaemonProcess } from '../helpers/daemon.ts';
import { SR, throughSwitch, VOLUME } from '../helpers/plugins.ts';
import { runProgram } from '../helpers/programs.ts';
import { withStorage } from './storage-helpers.ts';

const call = (method: string, dbg: string): string => JSON.stringify({ method, params: [{ dbg }], id: 1 });

async function callOnSwitch(t: TestContext, daemon: DaemonProcess, text: string): Promise<void> {
  const client = join(import.meta.dirname, '../clients/switch_call.py');
  await runProgram(t, 'python3', [client, daemon.switchSocket, QUEUE], { input: `${text}\n` });
}

test('every request has one debug line with method, queue, dbg, ms and outcome', async (t) => {
  const daemon = await startDaemonProcess(t, { flags: ['--log.levels=rpc=debug'] });
  await exchange(t, daemon.socket, call('Plugin.ls', 'one') + call('Plugin.foo', 'two'));
  await callOnSwitch(t, daemon, call('Plugin.Query', 'three'));
  await daemon.logged(({ dbg }) => dbg === 'three');
  const lines = daemon.log.filter(({ level }) => level === 'debug');
  assert.deepEqual(
    lines.map(({ method, queue, dbg, outcome }) => [method, queue, dbg, outcome]),
    [
      ['Plugin.ls', QUEUE, 'one', 'ok'],
      ['Plugin.foo', QUEUE, 'two', 'unimplemented'],
      ['Plugin.Query', QUEUE, 'three', 'ok'],
    ],
  );
  for (const { ms } of lines) assert.equal(typeof ms, 'number');
});

test('at the default level requests are not logged', async (t) => {
  const daemon = await startDaemonProcess(t);
  await exchange(t, daemon.socket, call('Plugin.ls', 'one'));
  assert.deepEqual(
    daemon.log.filter(({ level }) => level === 'debug'),
    [],
  );
});

test('what can not be read is a warning, and the same client can not fill the log with it', async (t) => {
  const daemon = await startDaemonProcess(t, { flags: ['--log.maxRepeats=3', '--log.repeatInterval=1h'] });
  for (let count = 0; count < 50; count += 1) await exchange(t, daemon.socket, '{"method"}');
  await exchange(t, daemon.switchSocket, 'GET /nowhere HTTP/1.1\r\n\r\n');
  await daemon.logged(({ socket }) => socket === daemon.switchSocket);
  const warnings = daemon.log.filter(({ level, socket }) => level === 'warn' && socket === daemon.socket);
  assert.equal(warnings.length, 3);
  assert.match(warnings[0]?.msg ?? '', /^a request was refused: no JSON/);
  assert.equal(warnings[0]?.protocol, 'json');
  assert.match(await diagnostics(t, daemon), /last warnings and errors\n.*a request was refused: no JSON/);
});

test('secrets of a caller stay out of the log', async (t) => {
  const daemon = await startDaemonProcess(t, { flags: ['--log.level=debug'] });
  await exchange(t, daemon.socket, call('Plugin.ls', 'nfs://admin:hunter2@filer/export'));
  await exchange(t, daemon.switchSocket, 'GET /nfs://admin:hunter2@filer/export HTTP/1.1\r\n\r\n');
  await daemon.logged(({ level }) => level === 'warn');
  assert.doesNotMatch(JSON.stringify(daemon.log), /hunter2/);
  assert.match(JSON.stringify(daemon.log), /filer\/export/);
  assert.doesNotMatch(await diagnostics(t, daemon), /hunter2/);
});

test('diagnostics tells versions, uptime, configuration, view, queues, sockets and troubles', async (t) => {
  const daemon = await startDaemonProcess(t, {
    flags: ['--sockets.maxDepth=33'],
    env: { DATAPATHD_LOG_MAX_REPEATS: '7' },
  });
  await daemon.logged(({ msg }) => msg.includes('is fresh'));
  const text = await diagnostics(t, daemon);
  assert.match(text, /^datapathd\n {2}version [0-9.]+, Node v[0-9.]+\n {2}up for /);
  assert.match(text, /sockets\.maxDepth = 33 +# flag/);
  assert.match(text, /log\.maxRepeats = 7 +# .*DATAPATHD_LOG_MAX_REPEATS/);
  assert.match(text, /view of the attached SRs\n {2}fresh for /);
  assert.match(text, new RegExp(`queues\n {2}${QUEUE.replaceAll('.', '\\.')}: 0 calls, 0 errors`));
  assert.match(text, /switch\.sock: 0 open, 0 accepted/);
  assert.match(text, /last warnings and errors\n {2}\(none\)/);
});

test('the line of a call names the SR and the disk that it was about', async (t) => {
  const { daemon } = await withStorage(t, { flags: ['--log.level=debug'] });
  await throughSwitch(t, daemon)('VDI.stat', { sr: SR, vdi: 'v1' });
  const line = await daemon.logged(({ msg, method }) => msg === 'call' && method === 'VDI.stat');
  assert.deepEqual([line.queue, line.sr, line.vdi], [VOLUME, SR, 'v1']);
});
