import assert from 'node:assert/strict';
import { test } from 'node:test';
import { login } from '../switch/helpers.ts';
import { ctl, ctlOnTerminal, send, startCtl, startEcho, startSwitchProcess } from './helpers.ts';

test('status tells what waits, and names queues in which messages wait for nobody', async (t) => {
  const { switchSocket } = await startSwitchProcess(t);
  await startEcho(t, switchSocket, 'echo');
  const client = await login(t, switchSocket, 'me:1');
  await client.text('GET', '/persistent/idle');
  await client.text('GET', '/transient/me:1');
  const id = await send(client, 'idle', 'x'.repeat(2048));
  await send(client, 'idle', '');
  const { stdout } = await ctl(t, ['status', '--path', switchSocket]);
  const lines = stdout.trimEnd().split('\n');
  assert.ok(lines[0]?.startsWith(`switch   ${switchSocket}, running for `));
  assert.deepEqual(lines.slice(1, 3), [
    'queues   2 permanent: 1 with a listener, 1 never listened to, 0 whose listener is gone',
    '         1 transient',
  ]);
  assert.match(lines[3] ?? '', /^waiting {2}2 messages, 2\.0 KiB; the oldest for .*s in idle$/);
  assert.equal(lines[4], 'trouble  2 messages in idle, which nobody has ever listened to');

  const status = JSON.parse((await ctl(t, ['status', '--json', '--path', switchSocket])).stdout);
  assert.equal(status.path, switchSocket);
  assert.deepEqual(status.trouble, [{ queue: 'idle', messages: 2, listener: 'never' }]);
  const { oldest, ...waiting } = status.waiting;
  assert.deepEqual(waiting, { messages: 2, bytes: 2048 });
  assert.deepEqual([oldest.queue, oldest.id], ['idle', id]);
});

test('top is plain text where no terminal is, the queues with the most messages first', async (t) => {
  const { switchSocket } = await startSwitchProcess(t);
  await startEcho(t, switchSocket, 'echo');
  const client = await login(t, switchSocket, 'me:1');
  await client.text('GET', '/persistent/idle');
  await client.text('GET', '/transient/unused');
  await send(client, 'idle', 'x');
  const { stdout } = await ctl(t, ['top', '--interval', '0.1', '--path', switchSocket]);
  const [title = '', head, ...rows] = stdout.trimEnd().split('\n');
  assert.match(title, /^up .*s, 1 message waiting, [0-9.]+ events\/s$/);
  assert.match(head ?? '', /^QUEUE {2}DEPTH +OLDEST {2}IN\/s {2}ACKED\/s {2}LISTENER$/);
  assert.match(rows[0] ?? '', /^idle +1 +[0-9.]+ m?s +0\.0 +0\.0 {2}never$/);
  assert.match(rows[1] ?? '', /^echo +0 +- +0\.0 +0\.0 {2}listening$/);
  assert.equal(rows.length, 2);
});

test('top counts what was sent and acknowledged between two tables, and tells what it has lost', async (t) => {
  const { switchSocket } = await startSwitchProcess(t, ['--switch.traceEntries=10']);
  const client = await login(t, switchSocket, 'me:1');
  await client.text('GET', '/persistent/q');
  const top = startCtl(t, [
    'top',
    '--json',
    '--interval',
    '0.05',
    '--count',
    '100000',
    '--path',
    switchSocket,
  ]);
  await top.line();
  const ids: number[] = [];
  for (let sent = 0; sent < 5; sent += 1) ids.push(await send(client, 'q', 'x'));
  for (const id of ids) await client.text('GET', `/ack/q/${id}`);
  let [sent, acked, lost, events] = [0, 0, 0, 0];
  while (events < 10) {
    const table = JSON.parse(await top.line());
    const [queue] = table.queues;
    sent += queue.inPerSecond * table.seconds;
    acked += queue.ackedPerSecond * table.seconds;
    lost += table.lost;
    events += table.events;
  }
  assert.deepEqual([Math.round(sent), Math.round(acked), lost, events], [5, 5, 0, 10]);

  // So many at once that the trace can't hold them until the next table.
  while (lost === 0) {
    for (let more = 0; more < 50; more += 1) client.send('GET /ack/q/1 HTTP/1.1\r\n\r\n');
    for (let more = 0; more < 50; more += 1) await client.answer();
    lost += JSON.parse(await top.line()).lost;
  }
});

test('on a terminal top draws its tables over each other', async (t) => {
  const { switchSocket } = await startSwitchProcess(t);
  const words = ['top', '--interval', '0.05', '--count', '2', '--path', switchSocket];
  const { stdout, status } = await ctlOnTerminal(t, words);
  assert.equal(status, 0);
  assert.equal(stdout.split('\u001b[H\u001b[J').length, 3);
});

test('bench measures calls to a queue that somebody serves', async (t) => {
  const { switchSocket } = await startSwitchProcess(t);
  await startEcho(t, switchSocket, 'echo');
  const words = ['bench', 'echo', '--calls', '20', '--concurrency', '4', '--path', switchSocket];
  const { stdout, stderr, status } = await ctl(t, words);
  assert.equal(stderr, '');
  assert.equal(status, 0);
  assert.match(
    stdout,
    /^20 calls in [0-9.]+ s: [0-9.]+ calls\/s\nlatency p50 [0-9.]+ ms, p90 [0-9.]+ ms, p99 [0-9.]+ ms, max [0-9.]+ ms\n$/,
  );
});

test('bench serves a queue of its own where asked, and leaves nothing behind', async (t) => {
  const { switchSocket } = await startSwitchProcess(t);
  const words = ['bench', 'mine', '--self-serve', '--calls', '30', '--concurrency', '3', '--json'];
  const { stdout } = await ctl(t, [...words, '--path', switchSocket]);
  const { queue, calls, callsPerSecond, latencyMilliseconds } = JSON.parse(stdout);
  assert.deepEqual([queue, calls, typeof callsPerSecond], ['mine', 30, 'number']);
  const { p50, p90, p99, max } = latencyMilliseconds;
  assert.ok(0 < p50 && p50 <= p90 && p90 <= p99 && p99 <= max);
  const client = await login(t, switchSocket, 'me:1');
  assert.equal(await client.text('GET', '/list/'), '[]');
});

test('bench does not serve a queue that is there: its calls are for somebody else', async (t) => {
  const { switchSocket } = await startSwitchProcess(t);
  const client = await login(t, switchSocket, 'me:1');
  await client.text('GET', '/persistent/theirs');
  const { status, stderr } = await ctl(t, ['bench', 'theirs', '--self-serve', '--path', switchSocket]);
  assert.equal(status, 1);
  assert.match(stderr, /^datapathctl: the queue theirs is there: .*\n$/);
});

test('bench of a queue that is not there: status 3; of one that does not answer: status 4', async (t) => {
  const { switchSocket } = await startSwitchProcess(t);
  assert.equal((await ctl(t, ['bench', 'missing', '--concurrency', '3', '--path', switchSocket])).status, 3);
  const client = await login(t, switchSocket, 'me:1');
  await client.text('GET', '/persistent/idle');
  const words = ['bench', 'idle', '--timeout', '0.1', '--path', switchSocket];
  const { status, stderr } = await ctl(t, words);
  assert.equal(status, 4);
  assert.match(stderr, /^datapathctl: no answer from idle within 0\.1 s, after 0 calls\n$/);
});

test('on a terminal bench shows how far it is', async (t) => {
  const { switchSocket } = await startSwitchProcess(t);
  const { stdout } = await ctlOnTerminal(t, ['bench', 'mine', '--self-serve', '--path', switchSocket]);
  assert.match(stdout, /\r[0-9]+ of 1000 calls \([0-9]+ %\)/);
});
