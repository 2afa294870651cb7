import assert from 'node:assert/strict';
import { test } from 'node:test';
import { login } from '../switch/helpers.ts';
import { ctl, send, startCtl, startEcho, startSwitchProcess } from './helpers.ts';

test('tail --follow shows events as they come, as JSON where asked', async (t) => {
  const { switchSocket } = await startSwitchProcess(t);
  const client = await login(t, switchSocket, 'me:1');
  await client.text('GET', '/persistent/q');
  const id = await send(client, 'q', 'first', 'me:1');
  const tail = startCtl(t, ['tail', '--follow', '--json', '--path', switchSocket]);
  const { time, ...event } = JSON.parse(await tail.line());
  assert.ok(time > 1e9);
  assert.deepEqual(event, {
    number: 0,
    queue: 'q',
    input: 'me:1',
    id: { queue: 'q', id },
    kind: 'request',
    replyTo: 'me:1',
    payload: 'first',
  });
  await client.text('GET', `/ack/q/${id}`);
  const acked = JSON.parse(await tail.line());
  assert.deepEqual([acked.number, acked.kind], [1, 'ack']);
});

test('who reads tail --follow slowly loses events, which are counted, and slows nobody down', async (t) => {
  const flags = ['--switch.traceEntries=50', '--switch.tracePayloadBytes=4KiB'];
  const { switchSocket } = await startSwitchProcess(t, flags);
  const client = await login(t, switchSocket, 'me:1');
  await client.text('GET', '/persistent/q');
  await send(client, 'q', 'first');
  const tail = startCtl(t, ['tail', '--follow', '--json', '--path', switchSocket]);
  const first = JSON.parse(await tail.line());
  tail.child.stdout?.pause();

  // More than the pipe and everybody's buffers hold: tail can't have written it all.
  const last = 700;
  for (let sent = 1; sent <= last; sent += 1) await send(client, 'q', Buffer.alloc(4096, 0x61));

  tail.child.stdout?.resume();
  let lost = 0;
  let expected = first.number + 1;
  while (expected <= last) {
    const line = JSON.parse(await tail.line());
    if (line.lost !== undefined) {
      lost += line.lost;
      expected += line.lost;
    } else {
      assert.equal(line.number, expected);
      expected += 1;
    }
  }
  assert.ok(lost > 0);
});

test('events that were gone before tail looked are counted on standard error', async (t) => {
  const { switchSocket } = await startSwitchProcess(t, ['--switch.traceEntries=2']);
  const client = await login(t, switchSocket, 'me:1');
  await client.text('GET', '/persistent/q');
  for (const payload of ['a', 'b', 'c', 'd', 'e']) await send(client, 'q', payload);
  const { stdout, stderr } = await ctl(t, ['tail', '--path', switchSocket]);
  assert.equal(stderr, 'datapathctl: 3 events lost: the trace of the switch no longer had them\n');
  assert.match(stdout, /^0\.0 .*:d \n[0-9]+\.[0-9] .*:e \n$/);
});

test('what names and payloads hold cannot break a line or speak to the terminal', async (t) => {
  const { switchSocket } = await startSwitchProcess(t);
  const client = await login(t, switchSocket, 'me%1b%5b1m');
  await client.text('GET', '/persistent/q%0ax');
  await client.text('POST', '/request/q%0ax/nobody', Buffer.from('a\u001b[2Jb\nc\u202ed'));
  await client.text('POST', '/request/q%0ax/nobody', Buffer.from([0xff, 0x41]));
  const path = ['--path', switchSocket];
  const shown = await Promise.all(
    [
      ['tail'],
      ['diagnostics'],
      ['queue', 'show', 'q\nx'],
      ['list', '--all'],
      ['top'],
      ['status'],
      ['mscgen'],
    ].map((words) => ctl(t, [...words, ...path])),
  );
  for (const { stdout, stderr, status } of shown) {
    assert.equal(stderr, '');
    assert.equal(status, 0);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    assert.doesNotMatch(stdout, /[\x00-\x09\x0b-\x1f\x7f\u202e]/);
  }
  const [tail = '', diagnostics = '', queue = ''] = shown.map(({ stdout }) => stdout);
  for (const text of [tail, diagnostics, queue]) {
    assert.ok(text.includes('a\\x1b[2Jb\\x0ac\\u202ed') && text.includes('\\xffA'), text);
  }
});

test('as JSON, names and payloads are what they are', async (t) => {
  const { switchSocket } = await startSwitchProcess(t);
  const client = await login(t, switchSocket, 'me:1');
  await client.text('GET', '/persistent/q%1b');
  await client.text('POST', '/request/q%1b/nobody', Buffer.from('é\u001b[2J'));
  const path = ['--path', switchSocket];
  const state = JSON.parse((await ctl(t, ['diagnostics', '--json', ...path])).stdout);
  const [{ name, listener, messages }] = state.queues;
  assert.deepEqual([name, listener, messages[0].payload], ['q\u001b', 'never', 'é\u001b[2J']);
  const event = JSON.parse((await ctl(t, ['tail', '--json', ...path])).stdout);
  assert.deepEqual([event.queue, event.payload], ['q\u001b', 'é\u001b[2J']);
});

test('diagnostics shows what is called, and cuts what is long but with --verbose', async (t) => {
  const { switchSocket } = await startSwitchProcess(t);
  const client = await login(t, switchSocket, 'me:1');
  await client.text('GET', '/persistent/q');
  const params = [{ dbg: 'x'.repeat(100) }];
  await send(client, 'q', JSON.stringify({ method: 'Volume.stat', params, id: 1 }));
  const path = ['--path', switchSocket];
  const { stdout } = await ctl(t, ['diag', ...path]);
  assert.ok(stdout.includes(`      - Volume.stat\n        - ${JSON.stringify(params[0]).slice(0, 70)}\n`));
  const whole = await ctl(t, ['diagnostics', '-v', ...path]);
  assert.ok(whole.stdout.includes(`        - ${JSON.stringify(params[0])}\n`));
});

test('mscgen labels calls by their method and answers by their outcome', async (t) => {
  const { switchSocket } = await startSwitchProcess(t);
  const client = await login(t, switchSocket, 'me:1');
  await client.text('GET', '/persistent/q');
  const id = await send(client, 'q', '{"method":"Volume.stat","params":[],"id":1}', 'q');
  for (const answer of ['{"result":1,"error":null,"id":1}', '{"result":null,"error":["X"],"id":1}', 'a"\\']) {
    await client.text('POST', `/response/q/q/${id}`, answer);
  }
  const { stdout } = await ctl(t, ['mscgen', '--path', switchSocket]);
  assert.equal(
    stdout,
    [
      'msc {',
      '"me:1","q";',
      '"me:1" => "q" [ label = "Volume.stat" ] ;',
      '"q" << "me:1" [ label = "OK" ] ;',
      '"q" << "me:1" [ label = "FAILURE" ] ;',
      '"q" << "me:1" [ label = "a\\"\\\\" ] ;',
      '}\n',
    ].join('\n'),
  );
  const { participants, arrows } = JSON.parse(
    (await ctl(t, ['mscgen', '--json', '--path', switchSocket])).stdout,
  );
  assert.deepEqual(participants, ['me:1', 'q']);
  assert.deepEqual(arrows[0], { from: 'me:1', arrow: '=>', to: 'q', label: 'Volume.stat' });
});

test('trace tells the way of a call with its waits, by the request or by its answer', async (t) => {
  const { switchSocket } = await startSwitchProcess(t);
  await startEcho(t, switchSocket, 'echo');
  const path = ['--path', switchSocket];
  await ctl(t, ['call', 'echo', '--body', '{"method":"Plugin.ls","params":[],"id":1}', ...path]);
  const events = (await ctl(t, ['tail', '--json', ...path])).stdout.trim().split('\n');
  const [request, , answer] = events.map((line) => JSON.parse(line).id);

  const { stdout } = await ctl(t, ['trace', `${request.queue}.${request.id}`, ...path]);
  const caller = 'datapathctl:[0-9]+';
  for (const line of [
    `^echo\\.${request.id} {2}Plugin\\.ls$`,
    `^ *0\\.0 ms .* sent by ${caller}$`,
    '\\+.*s {2}fetched by echo:9$',
    `answered by echo:9 with ${caller}\\.${answer.id}$`,
    'acknowledged by echo:9$',
    `answer fetched by ${caller}$`,
    `answer acknowledged by ${caller}$`,
    'in the queue, .* until the answer, .* until that was fetched, .* in all$',
  ]) {
    assert.match(stdout, new RegExp(line, 'm'));
  }

  const byAnswer = await ctl(t, ['trace', '--json', `${answer.queue}.${answer.id}`, ...path]);
  const { id, steps, waitMilliseconds, complete } = JSON.parse(byAnswer.stdout);
  assert.deepEqual([id, complete], [request, true]);
  assert.deepEqual(steps.map(({ what }: { what: string }) => what).sort(), [
    'acked',
    'answer acked',
    'answer fetched',
    'answered',
    'fetched',
    'sent',
  ]);
  assert.deepEqual(Object.keys(waitMilliseconds), ['inQueue', 'answering', 'answerInQueue', 'total']);
});

test('trace of a message that the trace does not have says so: status 1', async (t) => {
  const { switchSocket } = await startSwitchProcess(t);
  const { status, stderr } = await ctl(t, ['trace', 'some.queue.17', '--path', switchSocket]);
  assert.equal(status, 1);
  assert.match(stderr, /^datapathctl: some\.queue\.17 is not in the trace, which is empty: .*\n$/);
});

test('--debug tells every request', async (t) => {
  const { switchSocket } = await startSwitchProcess(t);
  const { stderr } = await ctl(t, ['list', '--debug', '--path', switchSocket]);
  assert.match(
    stderr,
    /^datapathctl: GET \/login\/.*: 200, 0 bytes\ndatapathctl: GET \/list\/alive\/: 200, 2 bytes\n$/,
  );
});
