import assert from 'node:assert/strict';
import { test } from 'node:test';
import { login } from '../switch/helpers.ts';
import { startStrictSwitch } from '../switch/strict-switch.ts';
import { ctl, send, startSwitchProcess } from './helpers.ts';

const PAYLOAD_BYTES = 100_000;
/** More than the answers take that have no payloads. */
const MUCH = 2000;

for (const words of [
  ['status'],
  ['top', '--interval', '0.01'],
  ['queue', 'show', 'q'],
  ['queue', 'purge', 'q'],
]) {
  test(`our switch sends no payload for ${words.join(' ')}`, async (t) => {
    const { switchSocket } = await startSwitchProcess(t, ['--switch.tracePayloadBytes=0']);
    const client = await login(t, switchSocket, 'me:1');
    for (const queue of ['q', 'other']) {
      await client.text('GET', `/persistent/${queue}`);
      await send(client, queue, 'x'.repeat(PAYLOAD_BYTES));
    }
    const { stdout, stderr, status } = await ctl(t, [...words, '--debug', '--path', switchSocket]);
    assert.equal(status, 0);
    assert.match(stdout, /[12] messages?|97\.7 KiB {2}x{59}…/);
    const answers = [...stderr.matchAll(/: 200, ([0-9]+) bytes/g)].map(([, bytes]) => Number(bytes));
    assert.ok(answers.length > 0 && Math.max(...answers) < MUCH, stderr);
  });
}

test('queue show asks for whole payloads where it shows them, and of no other queue', async (t) => {
  const { switchSocket } = await startSwitchProcess(t);
  const client = await login(t, switchSocket, 'me:1');
  for (const queue of ['q', 'other']) {
    await client.text('GET', `/persistent/${queue}`);
    await send(client, queue, queue.repeat(PAYLOAD_BYTES));
  }
  for (const words of [['--json'], ['--verbose']]) {
    const { stdout, stderr } = await ctl(t, [
      'queue',
      'show',
      'q',
      ...words,
      '--debug',
      '--path',
      switchSocket,
    ]);
    assert.ok(stdout.includes('q'.repeat(PAYLOAD_BYTES)));
    const bytes = Number(/: 200, ([0-9]+) bytes/.exec(stderr)?.[1]);
    assert.ok(bytes > PAYLOAD_BYTES && bytes < PAYLOAD_BYTES + MUCH, stderr);
  }
});

const entry = (id: number, payload: string, time: number): string =>
  `[["q",${id}],{"origin":["Name","me"],"time":${time},"message":{"payload":"${payload}","kind":["Request","r"]}}]`;
/** As xapi's switch tells it. */
const WHOLE =
  '{"start_time":0,"current_time":9000000000,"permanent_queues":{"q":{"queue_contents":' +
  `[${entry(2, 'xy', 8e9)},${entry(1, 'abc', 4e9)}]},"p":{"queue_contents":[]}},"transient_queues":{}}`;

for (const [what, refusal] of [
  ['looks at no query', undefined],
  ['does not find a target with a query', 404],
  ['refuses a query', 400],
] as const) {
  test(`status, top and queue show work with a switch that ${what}`, async (t) => {
    const { path, expect } = await startStrictSwitch(t);
    const answerState = async (): Promise<void> => {
      const { answer } = await expect('GET /?');
      if (refusal === undefined) return answer(WHOLE);
      answer('no such thing', refusal);
      (await expect('GET /')).answer(WHOLE);
    };
    const [status] = await Promise.all([ctl(t, ['status', '--json', '--path', path]), answerState()]);
    const { waiting, trouble } = JSON.parse(status.stdout);
    assert.deepEqual(waiting, { messages: 2, bytes: 5, oldest: { queue: 'q', id: 1, ageSeconds: 5 } });
    assert.deepEqual(trouble, [{ queue: 'q', messages: 2, listener: 'never' }]);

    const [show] = await Promise.all([ctl(t, ['queue', 'show', 'q', '--path', path]), answerState()]);
    const lines = show.stdout.trimEnd().split('\n');
    assert.match(lines[1] ?? '', / 3 B {2}abc$/);
    assert.match(lines[2] ?? '', / 2 B {2}xy$/);

    const asked = ctl(t, ['top', '--interval', '0.01', '--path', path]);
    (await expect('GET /trace/')).answer('{"events":[]}');
    await answerState();
    (await expect('GET /trace/')).answer('{"events":[]}');
    assert.match((await asked).stdout, /\nq +2 +5\.0 s /);
  });
}

test('what a switch refuses for another reason is told, and not asked again', async (t) => {
  const { path, expect } = await startStrictSwitch(t);
  const asked = ctl(t, ['status', '--path', path]);
  (await expect('GET /?')).answer('the user 7 may not observe (switch.policy)\n', 403);
  const { status, stderr } = await asked;
  assert.equal(stderr, 'datapathctl: the switch refused: the user 7 may not observe (switch.policy)\n');
  assert.equal(status, 1);
});
