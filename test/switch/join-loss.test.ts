import assert from 'node:assert/strict';
import { join as joinPath } from 'node:path';
import { test } from 'node:test';
import { tempDirectory } from '../helpers/temp.ts';
import { join, type Pause, SERVICE, slow, type TestJoin } from './joined.ts';
import { type Came, delivery, message, type StrictSwitch, startStrictSwitch } from './strict-switch.ts';

const ONE = message(SERVICE, 0, 'one');

/** The client finds its connections gone, and comes back after a pause. */
async function comesBack(foreign: StrictSwitch, { pauses }: TestJoin, ...messages: readonly string[]) {
  (await pauses()).end();
  await foreign.welcome(...messages);
}

/** Ends pauses of these lengths, but for the last one, which it gives. */
async function passPauses({ pauses }: TestJoin, ...lengths: readonly number[]): Promise<Pause> {
  for (let count = 1; ; count += 1) {
    const pause = await pauses();
    assert.equal(pause.ms, lengths[count - 1]);
    if (count === lengths.length) return pause;
    pause.end();
  }
}

test('a switch that is away at the start is tried with growing pauses, and told of once', async (t) => {
  const path = joinPath(tempDirectory(t), 'switch');
  const client = join(t, path);
  const { joined, told, toldTimes } = client;
  const pause = await passPauses(client, 50, 100, 200, 400, 800, 1600, 2000, 2000);
  assert.deepEqual(told, [`lost: connect ENOENT ${path}`]);
  const foreign = await startStrictSwitch(t, path);
  pause.end();
  await foreign.welcome();
  await toldTimes(2);
  assert.equal(told[1], 'joined');
  assert.deepEqual(joined.report(), { queue: SERVICE, path, state: { type: 'joined', since: 0 } });
});

test('the report tells since when the switch is away, and the last reason', async (t) => {
  const foreign = await startStrictSwitch(t);
  const client = join(t, foreign.path);
  const { joined, tick, toldTimes } = client;
  tick(10);
  await foreign.welcome();
  await toldTimes(1);
  assert.deepEqual(joined.report().state, { type: 'joined', since: 10 });
  tick(10);
  foreign.die();
  await toldTimes(2);
  tick(10);
  await passPauses(client, 50, 100);
  const reason = `connect ENOENT ${foreign.path}`;
  assert.deepEqual(joined.report().state, { type: 'away', since: 20, reason });
});

test('the pause begins anew when the switch has served for a while, not when it fails at once', async (t) => {
  const path = joinPath(tempDirectory(t), 'switch');
  const client = join(t, path);
  const { tick, toldTimes } = client;
  const before = await passPauses(client, 50, 100, 200);
  const first = await startStrictSwitch(t, path);
  before.end();
  await first.welcome();
  await toldTimes(2);
  first.die();
  const between = await passPauses(client, 400);
  const second = await startStrictSwitch(t, path);
  between.end();
  await second.welcome();
  await toldTimes(4);
  tick(2000);
  second.die();
  await passPauses(client, 50);
});

/** Where a client may be when it loses its switch. */
const MOMENTS = {
  transfer: (foreign) => foreign.expect('POST /transfer'),
  response: (foreign) => foreign.expect('POST /response'),
  ack: async (foreign) => {
    (await foreign.expect('POST /response')).answer('[["replies",0]]');
    return foreign.expect('GET /ack');
  },
} as const satisfies Record<string, (foreign: StrictSwitch) => Promise<Came>>;

for (const [moment, reach] of Object.entries(MOMENTS)) {
  test(`a switch that goes away in the midst of ${moment}: the request is answered once it is back, and run once`, async (t) => {
    const foreign = await startStrictSwitch(t);
    let runs = 0;
    const answer = () => `answer ${++runs}`;
    const client = join(t, foreign.path, { answer });
    await foreign.welcome(ONE);
    (await reach(foreign)).hangUp();
    await comesBack(foreign, client, ONE);
    const response = await foreign.expect('POST /response/replies/service/0');
    assert.equal(response.body.toString(), 'answer 1');
    response.answer('[["replies",0]]');
    (await foreign.expect('GET /ack/service/0')).answer('');
    assert.equal(runs, 1);
  });
}

test('a request that is still being carried out when it is delivered again is not begun again', async (t) => {
  const foreign = await startStrictSwitch(t);
  const { answer, begun, begins, finish } = slow();
  const client = join(t, foreign.path, { answer, maxConcurrent: 2 });
  await foreign.welcome(ONE);
  await begins(1);
  (await foreign.expect('POST /transfer')).hangUp();
  await comesBack(foreign, client, ONE);
  (await foreign.expect('POST /transfer')).answer(delivery([], 0));
  finish('one');
  const response = await foreign.expect('POST /response');
  assert.ok(response.connection >= 2);
  assert.equal(response.body.toString(), 'done one');
  assert.deepEqual(begun, ['one']);
});

for (const [what, other] of [
  ['payload', message(SERVICE, 0, 'other')],
  ['caller', message(SERVICE, 0, 'one', 'other')],
] as const) {
  test(`after a restart an id may begin again: another ${what} is another request`, async (t) => {
    const foreign = await startStrictSwitch(t);
    let runs = 0;
    const answer = () => `answer ${++runs}`;
    const client = join(t, foreign.path, { answer });
    await foreign.welcome(ONE);
    (await foreign.expect('POST /response')).hangUp();
    await comesBack(foreign, client, other);
    assert.equal((await foreign.expect('POST /response')).body.toString(), 'answer 2');
  });
}

test('an answer is forgotten when the request is acked', async (t) => {
  const foreign = await startStrictSwitch(t);
  let runs = 0;
  const answer = () => `answer ${++runs}`;
  join(t, foreign.path, { answer });
  await foreign.welcome(ONE);
  for (const expected of ['answer 1', 'answer 2']) {
    const response = await foreign.expect('POST /response');
    assert.equal(response.body.toString(), expected);
    response.answer('[]');
    (await foreign.expect('GET /ack')).answer('');
    (await foreign.expect('POST /transfer')).answer(delivery([ONE], 0));
  }
});

test('an answer is forgotten when the switch, back again, does not deliver the request', async (t) => {
  const foreign = await startStrictSwitch(t);
  let runs = 0;
  const answer = () => `answer ${++runs}`;
  const client = join(t, foreign.path, { answer });
  await foreign.welcome(ONE);
  (await foreign.expect('POST /response')).hangUp();
  await comesBack(foreign, client);
  (await foreign.expect('POST /transfer')).answer(delivery([ONE], 0));
  assert.equal((await foreign.expect('POST /response')).body.toString(), 'answer 2');
});

test('what has not been begun when the switch is lost is begun only when it is delivered again', async (t) => {
  const foreign = await startStrictSwitch(t);
  const { answer, begun, begins, finish } = slow();
  const client = join(t, foreign.path, { answer, maxConcurrent: 1 });
  await foreign.welcome(ONE, message(SERVICE, 1, 'two'));
  await begins(1);
  foreign.die();
  const back = await startStrictSwitch(t, foreign.path);
  await comesBack(back, client, message(SERVICE, 0, 'three'));
  finish('one');
  await begins(2);
  assert.deepEqual(begun, ['one', 'three']);
  back.die();
  finish('three');
});

test('messages of an empty switch whose ids begin at 0 again are seen', async (t) => {
  const first = await startStrictSwitch(t);
  const client = join(t, first.path);
  await first.welcome(message(SERVICE, 500, 'before'));
  (await first.expect('POST /response')).answer('[]');
  (await first.expect('GET /ack/service/500')).answer('');
  first.die();
  const second = await startStrictSwitch(t, first.path);
  await comesBack(second, client, ONE);
  await second.expect('POST /response/replies/service/0');
  second.die();
});
