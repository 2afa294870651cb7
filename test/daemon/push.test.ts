import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { connectSwitchClient } from '../../src/switch/client.ts';
import { openPushCaller } from '../../src/switch/client-calls.ts';
import { kill, QUEUE, startDaemonProcess, stop } from '../helpers/daemon.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { inbox, loginPush, request, texts } from '../switch/push-helpers.ts';

test('what was accepted over MessagePack is delivered after a kill and a start; what was acked is not', async (t) => {
  const directory = tempDirectory(t);
  const options = {
    directory: join(directory, 'run'),
    flags: [`--switch.stateDirectory=${join(directory, 'state')}`],
  };
  const first = await startDaemonProcess(t, options);
  const sender = await loginPush(t, first.switchSocket, 'sender');
  await sender.create('q', 'persistent');
  const payloads = Array.from({ length: 50 }, (_, n) => `${n}`);
  const ids = await Promise.all(payloads.map((text) => sender.publish('q', request('r'), Buffer.from(text))));
  const acked = ids.filter((id, place) => id !== undefined && place % 2 === 0);
  await Promise.all(acked.map((id) => sender.ack({ queue: 'q', id: id ?? assert.fail() })));
  await kill(first);
  assert.notEqual(await sender.lost, 'closed');

  const second = await startDaemonProcess(t, options);
  const reader = await loginPush(t, second.switchSocket, 'reader');
  const came = inbox();
  await reader.subscribe(['q'], { credit: 100 }, came.deliver);
  await came.count(25);
  const after = await reader.publish('q', request('r'), Buffer.from('new'));
  await came.count(26);
  assert.deepEqual(texts(came.messages), [...payloads.filter((_, place) => place % 2 === 1), 'new']);
  assert.ok((after ?? 0) > Math.max(...came.messages.slice(0, -1).map(({ id }) => id.id)));
});

test('a queue of the daemon answers calls over MessagePack', async (t) => {
  const daemon = await startDaemonProcess(t);
  const client = await connectSwitchClient({ path: daemon.switchSocket });
  t.after(() => client.close());
  await client.login('me');
  const caller = await openPushCaller(client, 'replies');
  const body = Buffer.from('{"method":"Plugin.ls","params":[{"dbg":"me"}],"id":1}');
  const outcome = await caller.call(QUEUE, body, 60_000);
  assert.ok(outcome.type === 'answered', outcome.type);
  assert.equal(outcome.answer.toString(), '{"result":[],"error":null,"id":1}');
});

test('a stop answers what is under way and ends subscriptions; what was not acked stays', async (t) => {
  const directory = tempDirectory(t);
  const options = {
    directory: join(directory, 'run'),
    flags: [`--switch.stateDirectory=${join(directory, 'state')}`],
  };
  const first = await startDaemonProcess(t, options);
  const client = await loginPush(t, first.switchSocket, 'me');
  await client.create('mine', 'transient');
  const came = inbox();
  await client.subscribe(['mine'], { credit: 1 }, came.deliver);
  await client.publish('mine', request('r'), Buffer.from('a'));
  await came.count(1);
  await stop(first);
  assert.equal(await client.lost, 'the switch closed the connection');

  const second = await startDaemonProcess(t, options);
  const again = await loginPush(t, second.switchSocket, 'me');
  const left = inbox();
  await again.subscribe(['mine'], { credit: 1 }, left.deliver);
  await left.count(1);
  assert.deepEqual(texts(left.messages), ['a']);
});
