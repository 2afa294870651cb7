import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { stopClock } from '../helpers/clock.ts';
import { join, SERVICE, slow } from './joined.ts';
import { type Came, delivery, message, type StrictSwitch, startStrictSwitch } from './strict-switch.ts';

const ONE = message(SERVICE, 0, 'one');
const REQUEST_TIMEOUT = 10_000;
const TRANSFER_TIMEOUT = 10_000;

/** Each request of a client, reached with everything before it answered. */
const STEPS = {
  login: async (foreign) => {
    await foreign.expect('GET /login/');
    return foreign.expect('GET /login/');
  },
  persistent: async (foreign) => {
    for (let count = 0; count < 2; count += 1) (await foreign.expect('GET /login/')).answer('');
    return foreign.expect('GET /persistent/');
  },
  'first transfer': async (foreign) => {
    (await STEPS.persistent(foreign)).answer(SERVICE);
    return foreign.expect('POST /transfer');
  },
  'later transfer': async (foreign) => {
    await foreign.welcome();
    return foreign.expect('POST /transfer');
  },
  response: async (foreign) => {
    await foreign.welcome(ONE);
    return foreign.expect('POST /response');
  },
  ack: async (foreign) => {
    (await STEPS.response(foreign)).answer('[]');
    return foreign.expect('GET /ack/');
  },
} as const satisfies Record<string, (foreign: StrictSwitch) => Promise<Came>>;

test('a switch that has answered is not lost, though its answer is read when the time for it is over', async (t) => {
  const foreign = await startStrictSwitch(t);
  const { passUnread } = stopClock(t);
  const { told, toldTimes } = join(t, foreign.path, {
    timeouts: { request: REQUEST_TIMEOUT, transfer: TRANSFER_TIMEOUT },
  });
  (await STEPS.persistent(foreign)).answer(SERVICE);
  passUnread(REQUEST_TIMEOUT);
  (await foreign.expect('POST /transfer')).answer(delivery([], 0));
  await toldTimes(1);
  assert.deepEqual(told, ['joined']);
});

for (const [step, reach] of Object.entries(STEPS)) {
  test(`a switch that does not answer ${step} in time is lost, and tried again`, async (t) => {
    const foreign = await startStrictSwitch(t);
    const { pass } = stopClock(t);
    const { told, toldTimes, pauses } = join(t, foreign.path, {
      timeouts: { request: REQUEST_TIMEOUT, transfer: TRANSFER_TIMEOUT },
    });
    await reach(foreign);
    await toldTimes(step === 'login' || step === 'persistent' || step === 'first transfer' ? 0 : 1);
    const before = told.length;
    pass(REQUEST_TIMEOUT + TRANSFER_TIMEOUT);
    (await pauses()).end();
    assert.match(told[before] ?? '', /^lost: no answer to [A-Z]+ \/[a-z]+ within (?:10|20) s$/);
    await foreign.welcome();
    await toldTimes(before + 2);
  });

  for (const [what, spoil] of [
    ['no HTTP', ({ say }) => say('what?\r\n\r\n')],
    ['half an answer and the close', ({ say, hangUp }) => [say('HTTP/1.1 200 OK\r\nconte'), hangUp()]],
    [
      'a body that is not whole',
      ({ say, hangUp }) => [say('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n[]'), hangUp()],
    ],
    [
      'another protocol',
      ({ say }) => say('HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n'),
    ],
    ['404 Please log in.', ({ answer }) => answer('Please log in.', 404)],
    ['500', ({ answer }) => answer('Error: Internal Server Error', 500)],
    ['503', ({ answer }) => answer('there is no room', 503)],
    ['the close', ({ hangUp }) => hangUp()],
  ] as readonly (readonly [string, (came: Came) => unknown])[]) {
    test(`${what} for an answer to ${step}: the client logs in again`, async (t) => {
      const foreign = await startStrictSwitch(t);
      const { pauses } = join(t, foreign.path);
      spoil(await reach(foreign));
      (await pauses()).end();
      await foreign.welcome();
    });
  }
}

for (const body of [
  '',
  'queue',
  '[]',
  '{}',
  '{"messages":[]}',
  '{"messages":[],"next":0}',
  '{"messages":[],"next":"x"}',
  '{"messages":[],"next":"99999999999999999999"}',
  '{"messages":{},"next":"0"}',
  '{"messages":[1],"next":"0"}',
  '{"messages":[[["other",0],{"payload":"","kind":["Request","r"]}]],"next":"0"}',
  '{"messages":[[["service",-0.5],{"payload":"","kind":["Request","r"]}]],"next":"0"}',
  '{"messages":[[["service",0],{"payload":0,"kind":["Request","r"]}]],"next":"0"}',
  '{"messages":[[["service",0],{"payload":"","kind":["Request"]}]],"next":"0"}',
  '{"messages":[[["service",0],{"payload":"","kind":["Response","r"]}]],"next":"0"}',
  `${'['.repeat(100_000)}`,
]) {
  test(`${body.slice(0, 80) || 'nothing'} is no answer to transfer: the client logs in again`, async (t) => {
    const foreign = await startStrictSwitch(t);
    const { told, pauses } = join(t, foreign.path);
    (await STEPS['first transfer'](foreign)).answer(body);
    (await pauses()).end();
    assert.match(told[0] ?? '', /^lost: the answer to POST \/transfer can't be read: /);
    await foreign.welcome();
  });
}

test('an answer to a response that is none: the client logs in again, and does not ack', async (t) => {
  const foreign = await startStrictSwitch(t);
  const { told, pauses } = join(t, foreign.path);
  (await STEPS.response(foreign)).answer('<html>welcome</html>');
  (await pauses()).end();
  assert.equal(told[1], "lost: the answer to POST /response can't be read: 200 <html>welcome</html>");
  for (let line = ''; !line.startsWith('GET /login'); ) {
    line = (await foreign.expect('')).line;
    assert.doesNotMatch(line, /^GET \/ack/);
  }
});

test('an answer that is over the limit is not kept, and the reason names the setting', async (t) => {
  const foreign = await startStrictSwitch(t);
  const { told, pauses } = join(t, foreign.path, { maxAnswerBytes: 1000 });
  (await STEPS['first transfer'](foreign)).answer(delivery([message(SERVICE, 0, 'x'.repeat(1000))], 0));
  (await pauses()).end();
  assert.equal(told[0], 'lost: an answer is over the.setting (1000)');
});

test('stop ends a transfer that waits', async (t) => {
  const foreign = await startStrictSwitch(t);
  const { joined } = join(t, foreign.path);
  const { connection } = await STEPS['later transfer'](foreign);
  await joined.stop();
  for (const one of [connection, 1 - connection]) await foreign.left(one);
});

test('stop ends a pause, a login that hangs, and what has not begun', async (t) => {
  const foreign = await startStrictSwitch(t);
  const { joined } = join(t, foreign.path);
  await joined.stop();
  const loggingIn = join(t, foreign.path);
  await STEPS.login(foreign);
  await loggingIn.joined.stop();
  const away = join(t, `${foreign.path}.away`);
  await away.pauses();
  await away.joined.stop();
  assert.equal(away.told.length, 1);
});

test('stop lets a request that is under way be answered and acked, and begins none', async (t) => {
  const foreign = await startStrictSwitch(t);
  const { answer, begun, begins, finish } = slow();
  const { joined, told } = join(t, foreign.path, { answer, maxConcurrent: 1 });
  await foreign.welcome(ONE, message(SERVICE, 1, 'two'));
  await begins(1);
  let stopped = false;
  const stopping = joined.stop().then(() => {
    stopped = true;
  });
  finish('one');
  (await foreign.expect('POST /response/replies/service/0')).answer('[["replies",0]]');
  const ack = await foreign.expect('GET /ack/service/0');
  await turn();
  assert.equal(stopped, false);
  ack.answer('');
  await stopping;
  assert.deepEqual(begun, ['one']);
  assert.deepEqual(told, ['joined']);
});

test('stop settles when the switch goes away while the last request is under way', async (t) => {
  const foreign = await startStrictSwitch(t);
  const { answer, begins, finish } = slow();
  const { joined } = join(t, foreign.path, { answer });
  await foreign.welcome(ONE);
  await begins(1);
  const stopping = joined.stop();
  foreign.die();
  finish('one');
  await stopping;
});
