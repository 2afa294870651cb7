import assert from 'node:assert/strict';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connectClient, exchange } from '../helpers/client.ts';
import { type DaemonProcess, diagnostics, QUEUE, startDaemonProcess } from '../helpers/daemon.ts';
import { runProgram } from '../helpers/programs.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { KINDS, startXenstored, storeCommand } from '../helpers/xenstored.ts';

const LS = '{"method":"Plugin.ls","params":[{"dbg":"me"}],"id":1}';
const NO_SRS = '{"result":[],"error":null,"id":1}\n';

const uuidOf = (number: number): string => `0a1b2c3d-0000-4000-8000-${`${number}`.padStart(12, '0')}`;
const withSrs = (...numbers: number[]): string =>
  `{"result":${JSON.stringify(numbers.map(uuidOf))},"error":null,"id":1}\n`;

/** What `xenstore-write` is given to attach an SR. */
function srWords(number: number): string[] {
  const node = `xapi/storage/sr/${uuidOf(number)}`;
  return [`${node}/uuid`, uuidOf(number), `${node}/plugin`, 'org.xen.xapi.storage.mine'];
}

/** A folder in which Debian's clients find the daemon's embedded store. */
function storeFolder(t: TestContext, daemon: DaemonProcess): string {
  const folder = tempDirectory(t);
  symlinkSync(daemon.storeSocket, join(folder, 'socket'));
  return folder;
}

async function socat(t: TestContext, path: string, input: string): Promise<string> {
  // At the end of its input it waits half a second for answers, unless it is told otherwise.
  const words = ['-t600', '-', `UNIX-CONNECT:${path}`];
  const { stdout, stderr } = await runProgram(t, 'socat', words, { input });
  assert.equal(stderr, '');
  return stdout;
}

/** Asks until the answer is the expected one: what is written in a store comes to the view by an event. */
async function untilAnswered(t: TestContext, path: string, expected: string): Promise<void> {
  const client = await connectClient(t, path);
  for (;;) {
    client.send(LS);
    if (`${await client.receiveLine()}\n` === expected) return;
  }
}

test('socat gets the attached SRs of the embedded store, as xenstore-write attaches them', async (t) => {
  const daemon = await startDaemonProcess(t);
  const store = storeFolder(t, daemon);
  assert.equal(await socat(t, daemon.socket, LS), NO_SRS);
  await storeCommand(store, 'xenstore-write', ...srWords(2));
  await storeCommand(store, 'xenstore-write', ...srWords(1));
  await untilAnswered(t, daemon.socket, withSrs(1, 2));
  assert.equal(await socat(t, daemon.socket, LS), withSrs(1, 2));
  await storeCommand(store, 'xenstore-rm', `xapi/storage/sr/${uuidOf(1)}`);
  await untilAnswered(t, daemon.socket, withSrs(2));
});

for (const kind of KINDS) {
  test(`${kind} xenstored: what is written there is answered; killed and empty again, the view follows`, async (t) => {
    const store = await startXenstored(t, kind);
    const daemon = await startDaemonProcess(t, {
      flags: ['--xenstore.mode=auto', `--xenstore.socket=${store.socket}`],
    });
    assert.equal(await socat(t, daemon.socket, LS), NO_SRS);
    await storeCommand(store.directory, 'xenstore-write', ...srWords(1));
    await untilAnswered(t, daemon.socket, withSrs(1));

    await store.kill('SIGKILL');
    await daemon.logged(({ msg }) => msg.startsWith('xenstore was lost'));
    assert.equal(await socat(t, daemon.socket, LS), withSrs(1));
    assert.match(await diagnostics(t, daemon), /stale for .*answers come from what was last known/);

    await store.start();
    await untilAnswered(t, daemon.socket, NO_SRS);
    await storeCommand(store.directory, 'xenstore-write', ...srWords(2));
    await untilAnswered(t, daemon.socket, withSrs(2));
    assert.match(await diagnostics(t, daemon), /fresh for .*\n.*1 SRs shown, 1 of domain 0/);
  });
}

test('without a store a call is answered after xenstore.startTimeout, and diagnostics says it was never fresh', async (t) => {
  const daemon = await startDaemonProcess(t, {
    flags: ['--xenstore.mode=socket', '--xenstore.socket=/nowhere/socket', '--xenstore.startTimeout=100ms'],
  });
  assert.equal(await socat(t, daemon.socket, LS), NO_SRS);
  assert.match(await diagnostics(t, daemon), /connecting; never fresh since the start/);
});

test("a client that calls as xapi's do gets the socket's answers on its reply queue", async (t) => {
  const daemon = await startDaemonProcess(t);
  const query = '{"method":"Plugin.Query","params":[{"dbg":"me"}],"id":9223372036854775807}';
  const calls = [LS, query, '{"jsonrpc":"2.0","method":"Plugin.foo","params":[{"dbg":"me"}],"id":3}'];
  const direct = await exchange(t, daemon.socket, calls.join('\n'));
  const client = join(import.meta.dirname, '../clients/switch_call.py');
  const input = calls.map((call) => `${call}\n`).join('');
  const { stdout, stderr } = await runProgram(t, 'python3', [client, daemon.switchSocket, QUEUE], { input });
  assert.equal(stderr, '');
  assert.equal(stdout, direct);
  assert.equal(direct.split('\n').length, calls.length + 1);
});

test('what is no call is answered on the reply queue too, and the service goes on', async (t) => {
  const daemon = await startDaemonProcess(t);
  const client = join(import.meta.dirname, '../clients/switch_call.py');
  const input = `no JSON\n{"id":1}\n\n${LS}\n`;
  const { stdout } = await runProgram(t, 'python3', [client, daemon.switchSocket, QUEUE], { input });
  const [noJson, noMethod, nothing, list] = stdout.split('\n');
  for (const answer of [noJson, nothing]) {
    assert.match(answer ?? '', /^\{"result":null,"error":\["Internal_error","no JSON.*"\],"id":null\}$/);
  }
  assert.equal(noMethod, '{"result":null,"error":["Internal_error","method: missing"],"id":null}');
  assert.equal(`${list}\n`, NO_SRS);
});

test('socat: values pretty-printed, with and without line breaks between them, are answered a line each, in order', async (t) => {
  const daemon = await startDaemonProcess(t);
  const pretty = JSON.stringify(JSON.parse(LS.replace('"id":1', '"id":2')), null, 2);
  const answers = await socat(t, daemon.socket, `${LS}\n\n${pretty}${LS.replace('"id":1', '"id":3')}`);
  assert.deepEqual(
    answers.split('\n').map((line) => line && JSON.parse(line).id),
    [1, 2, 3, ''],
  );
});

const curl = (t: TestContext, { socket }: DaemonProcess, ...args: string[]) =>
  runProgram(t, 'curl', ['-sS', '--unix-socket', socket, ...args]);

test('curl: GET / says what this socket is', async (t) => {
  const daemon = await startDaemonProcess(t);
  const { stdout } = await curl(t, daemon, 'http://localhost/');
  assert.match(stdout, new RegExp(`^This is datapathd, serving the queue ${QUEUE}\\.\n.*POST`, 's'));
});

test('curl: a POST to any path, chunked as well, over one connection', async (t) => {
  const daemon = await startDaemonProcess(t);
  const chunked = ['-H', 'Transfer-Encoding: chunked', '-d', LS];
  const urls = ['http://localhost/', 'http://localhost/RPC2?x=1', 'http://localhost/jsonrpc'];
  const { stdout, stderr } = await curl(t, daemon, '-v', ...chunked, ...urls);
  assert.equal(stdout, NO_SRS.repeat(3));
  assert.match(stderr, /[Rr]e-?using existing/);
});

test('curl: XML-RPC is known by its type or by its first byte', async (t) => {
  const daemon = await startDaemonProcess(t);
  const dbg = '<struct><member><name>dbg</name><value>me</value></member></struct>';
  const call = `<methodCall><methodName>Plugin.ls</methodName><params><param><value>${dbg}</value></param></params></methodCall>`;
  for (const type of ['text/xml', 'application/x-www-form-urlencoded']) {
    const { stdout } = await curl(
      t,
      daemon,
      '-H',
      `Content-Type: ${type}`,
      '-d',
      call,
      'http://localhost/RPC2',
    );
    assert.match(stdout, /<name>Status<\/name><value><string>Success</);
  }
});
