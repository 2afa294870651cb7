import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type DaemonProcess, kill, spawnDaemon, startDaemonProcess, stop } from '../helpers/daemon.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { connectHttp, type HttpClient, login } from '../switch/helpers.ts';

/** A folder, and what starts a daemon on it. */
function house(t: TestContext) {
  const directory = tempDirectory(t);
  const flags = [`--switch.stateDirectory=${join(directory, 'state')}`];
  return {
    directory,
    flags,
    start: (...more: string[]): Promise<DaemonProcess> =>
      startDaemonProcess(t, { directory: join(directory, 'run'), flags: [...flags, ...more] }),
  };
}

const transferred = async (
  client: HttpClient,
  queue: string,
  from?: string,
): Promise<{ ids: number[]; payloads: string[]; next: string }> => {
  const body = JSON.stringify({ ...(from === undefined ? {} : { from }), timeout: 20, queues: [queue] });
  const { messages, next } = JSON.parse(await client.text('POST', '/transfer', body));
  return {
    ids: messages.map(([[, id]]: [[string, number]]) => id),
    payloads: messages.map(([, { payload }]: [unknown, { payload: string }]) => payload),
    next,
  };
};

for (const end of [kill, stop]) {
  test(`what was accepted is there after a ${end.name} and a start; what was acked is not`, async (t) => {
    const { start } = house(t);
    const first = await start();
    const sender = await login(t, first.switchSocket, 'sender');
    await sender.text('GET', '/persistent/q');
    for (const text of ['one', 'two', 'three']) await sender.text('POST', '/request/q/r', text);
    const { ids } = await transferred(sender, 'q');
    await sender.text('GET', `/ack/q/${ids[1]}`);
    await end(first);

    const second = await start();
    const reader = await login(t, second.switchSocket, 'reader');
    const again = await transferred(reader, 'q');
    assert.deepEqual(again.payloads, ['one', 'three']);
    assert.deepEqual(again.ids, [ids[0], ids[2]]);
  });

  test(`a caller gets its answer though the switch had a ${end.name} between its request and the reply`, async (t) => {
    const { start } = house(t);
    const first = await start();
    const caller = await login(t, first.switchSocket, 'caller:1');
    await caller.text('GET', '/transient/caller:1');
    const server = await login(t, first.switchSocket, 'server:1');
    await server.text('GET', '/persistent/service');
    await caller.text('POST', '/request/service/caller:1', 'question');
    const { ids, next } = await transferred(server, 'service');
    await end(first);

    // As xapi's clients do: log in again with the same token, and create nothing again.
    const second = await start();
    const serverAgain = await login(t, second.switchSocket, 'server:1');
    await serverAgain.text('POST', `/response/caller:1/service/${ids[0]}`, 'answer');
    await serverAgain.text('GET', `/ack/service/${ids[0]}`);
    const callerAgain = await login(t, second.switchSocket, 'caller:1');
    assert.deepEqual((await transferred(callerAgain, 'caller:1')).payloads, ['answer']);

    // The server goes on with its old cursor, and sees what is new.
    await callerAgain.text('POST', '/request/service/caller:1', 'next question');
    assert.deepEqual((await transferred(serverAgain, 'service', next)).payloads, ['next question']);
  });
}

test('a queue on which somebody listened before a restart is still alive', async (t) => {
  const { start } = house(t);
  const first = await start();
  const server = await login(t, first.switchSocket, 'server');
  for (const name of ['served', 'idle']) await server.text('GET', `/persistent/${name}`);
  await server.text('POST', '/transfer', '{"timeout":0,"queues":["served"]}');
  // What is asked next is kept behind it.
  await server.text('GET', '/persistent/another');
  await kill(first);
  const second = await start();
  const client = await login(t, second.switchSocket, 'client');
  const alive = JSON.parse(await client.text('GET', '/list/alive/'));
  assert.deepEqual(alive, ['served', 'org.xen.xapi.datapath']);
});

test('a second daemon on the state of another refuses to start, and names it', async (t) => {
  const { directory, flags, start } = house(t);
  const first = await start();
  const second = spawnDaemon(t, { directory: join(directory, 'elsewhere'), flags });
  assert.equal(await second.ended, 1);
  await assert.rejects(
    second.logged(() => false),
    new RegExp(`the pid ${first.pid} already runs .*switch.stateDirectory`),
  );
});

test('a damaged journal ends the start with one line, and --journal.repair goes on', async (t) => {
  const { directory, flags, start } = house(t);
  const first = await start();
  const sender = await login(t, first.switchSocket, 'sender');
  await sender.text('GET', '/persistent/q');
  for (const text of ['one', 'two', 'three']) await sender.text('POST', '/request/q/r', text);
  await kill(first);
  const path = join(directory, 'state/switch/segment-0000000001.journal');
  const bytes = readFileSync(path);
  bytes.write('TWO', bytes.lastIndexOf('two'));
  writeFileSync(path, bytes);

  const refused = spawnDaemon(t, { directory: join(directory, 'run'), flags });
  assert.equal(await refused.ended, 1);
  await assert.rejects(
    refused.logged(() => false),
    /segment-0000000001\.journal: byte [0-9]+: .*--journal\.repair=true/,
  );

  const repaired = await start('--journal.repair=true');
  await repaired.logged(({ level, msg }) => level === 'warn' && msg.includes('are lost'));
  const reader = await login(t, repaired.switchSocket, 'reader');
  assert.deepEqual((await transferred(reader, 'q')).payloads, ['one', 'three']);
});

test('when the disk takes no more, senders are told why, acks and transfers go on, and it recovers', async (t) => {
  const { directory, flags } = house(t);
  // A limit of the file size stands for a full disk: the write that passes it fails.
  const daemon = await startDaemonProcess(t, {
    directory: join(directory, 'run'),
    flags: [...flags, '--journal.segmentBytes=1MiB', '--journal.retryInterval=10ms'],
    launcher: ['bash', '-c', 'trap "" XFSZ; ulimit -f 128; exec "$@"', 'bash'],
  });
  const client = await login(t, daemon.switchSocket, 'client');
  await client.text('GET', '/persistent/q');
  const accepted: number[] = [];
  let refusal = '';
  const payload = 'x'.repeat(30_000);
  while (refusal === '') {
    const { status, body } = await client.ask('POST', '/request/q/r', payload);
    if (status === 200) accepted.push(JSON.parse(body.toString())[0][1]);
    else {
      assert.equal(status, 503);
      refusal = body.toString();
    }
  }
  assert.match(refusal, /the journal can not be written: /);
  assert.ok(accepted.length >= 3);
  assert.deepEqual((await transferred(client, 'q')).ids, accepted);
  await client.text('GET', `/ack/q/${accepted[0]}`);
  // The next file of the journal has room again.
  await daemon.logged(({ msg }) => msg === 'the journal is written again');
  await client.text('POST', '/request/q/r', 'small');
  await kill(daemon);

  const again = await startDaemonProcess(t, { directory: join(directory, 'run'), flags });
  const reader = await login(t, again.switchSocket, 'reader');
  const { ids, payloads } = await transferred(reader, 'q');
  assert.deepEqual(ids.slice(0, -1), accepted.slice(1));
  assert.equal(payloads.at(-1), 'small');
});

test('without a state directory nothing is kept, and ids still go on', async (t) => {
  const directory = join(tempDirectory(t), 'run');
  const first = await startDaemonProcess(t, { directory });
  const client = await login(t, first.switchSocket, 'client');
  await client.text('GET', '/persistent/q');
  const [[, before]] = JSON.parse(await client.text('POST', '/request/q/r', 'lost'));
  await kill(first);
  const second = await startDaemonProcess(t, { directory });
  const again = await connectHttp(t, second.switchSocket);
  await again.text('GET', '/login/client');
  await again.text('GET', '/persistent/q');
  const [[, after]] = JSON.parse(await again.text('POST', '/request/q/r', 'new'));
  assert.ok(after > before);
});

test('a state directory that can not be had ends the start with the reason and the setting', async (t) => {
  const daemon = spawnDaemon(t, { flags: ['--switch.stateDirectory=/dev/null/state'] });
  assert.equal(await daemon.ended, 1);
  await assert.rejects(
    daemon.logged(() => false),
    /\/dev\/null\/state.* \(switch\.stateDirectory\)/,
  );
});
