import assert from 'node:assert/strict';
import { test } from 'node:test';
import { login } from '../switch/helpers.ts';
import { ctl, ctlOnTerminal, ctlPressing, endOf, send, startEcho, startSwitchProcess } from './helpers.ts';

const waitingIn = (body: string, queue: string): string[] =>
  JSON.parse(body).permanent_queues[queue].queue_contents.map(
    ([, { message }]: [unknown, { message: { payload: string } }]) => message.payload,
  );

test('list has the queues that are alive, or all, by prefix', async (t) => {
  const { switchSocket } = await startSwitchProcess(t);
  await startEcho(t, switchSocket, 'echo');
  const client = await login(t, switchSocket, 'me:1');
  await client.text('GET', '/persistent/idle');
  const list = async (...words: string[]): Promise<string> =>
    (await ctl(t, ['list', ...words, '--path', switchSocket])).stdout;
  assert.equal(await list(), 'echo\n');
  assert.equal(await list('--all'), 'idle\necho\n');
  assert.equal(await list('--all', '--prefix', 'i'), 'idle\n');
  assert.equal(await list('--all', '--json'), '["idle","echo"]\n');
});

test('queue show has what waits, oldest first, with cut payloads', async (t) => {
  const { switchSocket } = await startSwitchProcess(t);
  const client = await login(t, switchSocket, 'me:1');
  await client.text('GET', '/persistent/q');
  const first = await send(client, 'q', 'x'.repeat(2000), 'me:1');
  const answer = JSON.parse(await client.text('POST', `/response/q/other/17`, 'short'));
  const second = answer[0][1];
  const { stdout } = await ctl(t, ['queue', 'show', 'q', '--path', switchSocket]);
  const [head = '', ...rows] = stdout.trimEnd().split('\n');
  assert.match(head, /^ *ID {2}KIND {6}SENDER {2}REPLY TO\/ANSWERS +AGE +SIZE {2}PAYLOAD$/);
  assert.match(rows[0] ?? '', new RegExp(`^${first}  request   me:1    me:1 .* 2\\.0 KiB  x{59}…$`));
  assert.match(rows[1] ?? '', new RegExp(`^${second}  response  me:1    other\\.17 .* 5 B  short$`));
  const verbose = await ctl(t, ['queue', 'show', 'q', '-v', '--path', switchSocket]);
  assert.match(verbose.stdout, /x{2000}$/m);
});

test('queue show as JSON has all of it', async (t) => {
  const { switchSocket } = await startSwitchProcess(t);
  const client = await login(t, switchSocket, 'me:1');
  await client.text('GET', '/persistent/q');
  const id = await send(client, 'q', 'x'.repeat(200), 'me:1');
  const { stdout } = await ctl(t, ['queue', 'show', 'q', '--json', '--path', switchSocket]);
  const { messages, ...queue } = JSON.parse(stdout);
  assert.deepEqual(queue, { queue: 'q', transient: false, listener: 'never' });
  const [{ ageSeconds, ...message }] = messages;
  assert.ok(ageSeconds >= 0);
  assert.deepEqual(message, {
    queue: 'q',
    id,
    kind: 'request',
    replyTo: 'me:1',
    sender: 'me:1',
    bytes: 200,
    payload: 'x'.repeat(200),
  });
});

test('queue purge acknowledges all that waits, and asks nothing where nobody can answer', async (t) => {
  const { switchSocket } = await startSwitchProcess(t);
  const client = await login(t, switchSocket, 'me:1');
  await client.text('GET', '/persistent/q');
  for (const payload of ['a', 'b', 'c']) await send(client, 'q', payload);
  const purge = ['queue', 'purge', 'q', '--path', switchSocket];
  assert.deepEqual(await ctl(t, purge), { status: 0, stdout: '3 messages purged\n', stderr: '' });
  assert.deepEqual(waitingIn(await client.text('GET', '/'), 'q'), []);
  assert.equal((await ctl(t, [...purge, '--json'])).stdout, '{"queue":"q","purged":0}\n');
});

test('on a terminal queue purge asks first, but with --yes', async (t) => {
  const { switchSocket } = await startSwitchProcess(t);
  const client = await login(t, switchSocket, 'me:1');
  await client.text('GET', '/persistent/q');
  await send(client, 'q', 'a');
  const purge = ['queue', 'purge', 'q', '--path', switchSocket];
  const refused = await ctlOnTerminal(t, purge, 'n\n');
  assert.match(refused.stdout, /Acknowledge 1 message of q\? \[y\/N\]/);
  assert.match(refused.stdout, /nothing was purged/);
  assert.equal(refused.status, 1);
  assert.deepEqual(waitingIn(await client.text('GET', '/'), 'q'), ['a']);
  assert.match((await ctlOnTerminal(t, purge, 'y\n')).stdout, /1 message purged/);
  await send(client, 'q', 'b');
  assert.match((await ctlOnTerminal(t, [...purge, '--yes'])).stdout, /^1 message purged/);
});

for (const [key, typed] of [
  ['Ctrl-C', '\x03'],
  ['Ctrl-D', '\x04'],
] as const) {
  test(`${key} at the question of queue purge: nothing is purged, and one line says so`, async (t) => {
    const { switchSocket } = await startSwitchProcess(t);
    const client = await login(t, switchSocket, 'me:1');
    await client.text('GET', '/persistent/q');
    await send(client, 'q', 'a');
    const words = ['queue', 'purge', 'q', '--path', switchSocket];
    const purge = await ctlPressing(t, words, '[y/N]', typed);
    assert.match(purge.stdout, /\[y\/N\].*datapathctl: nothing was purged\r\n$/s);
    assert.doesNotMatch(purge.stdout, /AbortError/);
    assert.equal(purge.status, 1);
    assert.deepEqual(waitingIn(await client.text('GET', '/'), 'q'), ['a']);
  });
}

test('queue requeue sends a message again, byte for byte, and acknowledges the old one', async (t) => {
  const { switchSocket } = await startSwitchProcess(t);
  const client = await login(t, switchSocket, 'me:1');
  for (const queue of ['q', 'other']) await client.text('GET', `/persistent/${queue}`);
  const payload = Buffer.from([0x7b, 0xff, 0x22, 0x0a]);
  const id = await send(client, 'q', payload, 'me:1');
  const words = ['queue', 'requeue', 'q', `${id}`, '--to', 'other', '--json', '--path', switchSocket];
  const { from, to } = JSON.parse((await ctl(t, words)).stdout);
  assert.deepEqual([from, to.queue], [{ queue: 'q', id }, 'other']);
  assert.deepEqual(waitingIn((await client.text('GET', '/')).replace('\ufffd', 'x'), 'q'), []);
  const { body } = await client.ask('POST', '/transfer', '{"timeout":1,"queues":["other"]}');
  assert.ok(body.includes(Buffer.concat([Buffer.from('{'), Buffer.from([0xff]), Buffer.from('\\"\\n')])));
  assert.ok(body.includes('["Request","me:1"]'));

  const again = await ctl(t, ['queue', 'requeue', 'other', `${to.id}`, '--path', switchSocket]);
  assert.match(again.stdout, /^other\.[0-9]+\n$/);
});

test('a response is requeued as the answer that it is', async (t) => {
  const { switchSocket } = await startSwitchProcess(t);
  const client = await login(t, switchSocket, 'me:1');
  await client.text('GET', '/persistent/q');
  const [[, id]] = JSON.parse(await client.text('POST', '/response/q/asked/17', 'answer'));
  await ctl(t, ['queue', 'requeue', 'q', `${id}`, '--path', switchSocket]);
  const { messages } = JSON.parse(await client.text('POST', '/transfer', '{"timeout":1,"queues":["q"]}'));
  assert.equal(messages.length, 1);
  assert.deepEqual(messages[0][1], { payload: 'answer', kind: ['Response', ['asked', 17]] });
});

test('queue requeue to a queue that is not there: status 3, and the message stays', async (t) => {
  const { switchSocket } = await startSwitchProcess(t);
  const client = await login(t, switchSocket, 'me:1');
  await client.text('GET', '/persistent/q');
  const id = await send(client, 'q', 'a');
  const words = ['queue', 'requeue', 'q', `${id}`, '--to', 'missing', '--path', switchSocket];
  assert.equal((await ctl(t, words)).status, 3);
  assert.deepEqual(waitingIn(await client.text('GET', '/'), 'q'), ['a']);
});

test('queue requeue of a message that is not there: status 1 and what to look at', async (t) => {
  const { switchSocket } = await startSwitchProcess(t);
  const client = await login(t, switchSocket, 'me:1');
  await client.text('GET', '/persistent/q');
  const { status, stderr } = await ctl(t, ['queue', 'requeue', 'q', '17', '--path', switchSocket]);
  assert.equal(status, 1);
  assert.match(stderr, /^datapathctl: no message 17 waits in q: .*queue show.*\n$/);
});

for (const words of [['show'], ['purge'], ['requeue']]) {
  test(`queue ${words} of a queue that is not there: status 3`, async (t) => {
    const { switchSocket } = await startSwitchProcess(t);
    const rest = words[0] === 'requeue' ? ['missing', '1'] : ['missing'];
    const { status, stderr } = await ctl(t, ['queue', ...words, ...rest, '--path', switchSocket]);
    assert.match(stderr, /^datapathctl: there is no queue missing: .*\n$/);
    assert.equal(status, 3);
  });
}

test('ack, destroy and shutdown say with --json what they did', async (t) => {
  const daemon = await startSwitchProcess(t);
  const client = await login(t, daemon.switchSocket, 'me:1');
  await client.text('GET', '/persistent/q');
  const id = await send(client, 'q', 'a');
  const json = ['--json', '--path', daemon.switchSocket];
  const acked = await ctl(t, ['ack', 'q', `${id}`, ...json]);
  assert.equal(acked.stdout, `{"acked":{"queue":"q","id":${id}}}\n`);
  assert.deepEqual(waitingIn(await client.text('GET', '/'), 'q'), []);
  assert.equal((await ctl(t, ['destroy', 'q', ...json])).stdout, '{"destroyed":"q"}\n');
  assert.equal(await client.text('GET', '/list/'), '[]');
  assert.equal((await ctl(t, ['shutdown', ...json])).stdout, '{"shutdown":true}\n');
  assert.equal(await endOf(daemon.child), 0);
});

test('what the switch refuses: status 1 with its reason on one line', async (t) => {
  const { switchSocket } = await startSwitchProcess(t, [
    '--switch.maxQueues=1',
    '--switch.maxMessageBytes=10',
  ]);
  const client = await login(t, switchSocket, 'me:1');
  await client.text('GET', '/persistent/q');
  const { status, stderr } = await ctl(t, ['call', 'q', '--body', 'x', '--path', switchSocket]);
  assert.equal(status, 1);
  assert.match(stderr, /^datapathctl: the switch refused: .*switch\.maxQueues.*\n$/);
});
