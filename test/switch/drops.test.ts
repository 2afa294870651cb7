import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Broker } from '../../src/switch/broker.ts';
import type { BrokerLimits } from '../../src/switch/limits.ts';
import type { In, Operation } from '../../src/switch/protocol.ts';
import { unattendedQueues } from '../../src/switch/report.ts';
import { expire, idsOf, type Outcome, outcome } from './ask.ts';
import { LIMITS } from './helpers.ts';

/** A switch with a service queue and a caller with a reply queue, at time 0. */
function world(overrides: Partial<BrokerLimits>) {
  const broker = new Broker({ ...LIMITS, ...overrides }, 0, {
    failureAnswer: (request, reason) => Buffer.from(`${request}: ${reason}`),
  });
  const client = (token: string) => {
    const connection = broker.connect();
    const perform = (request: In, now = 0): Outcome =>
      outcome(broker, broker.decide(connection, request, now));
    perform({ type: 'login', token });
    return { perform, leave: (now: number) => broker.disconnect(connection, now) };
  };
  const caller = client('caller');
  caller.perform({ type: 'create', queue: 'service', lifetime: 'persistent' });
  caller.perform({ type: 'create', queue: 'replies', lifetime: 'transient' });
  const call = (text: string, now = 0): Outcome =>
    caller.perform(
      {
        type: 'send',
        queue: 'service',
        payload: Buffer.from(text),
        kind: { type: 'request', replyTo: 'replies' },
      },
      now,
    );
  const payloads = (queue: string, now = 0): readonly string[] => {
    const came = caller.perform(transfer(queue), now);
    return typeof came === 'object' && came.type === 'messages' ? came.payloads : [];
  };
  /** What waits, without listening. */
  const waiting = (queue: string): readonly string[] => {
    const decision = broker.decide(broker.connect(), { type: 'diagnostics' }, 0);
    if (decision.type !== 'answer' || decision.out.type !== 'diagnostics') return [];
    const found = decision.out.report.persistent.find(({ name }) => name === queue);
    return (found?.messages ?? []).map(({ payload }) => payload.toString()).reverse();
  };
  return { broker, client, caller, call, payloads, waiting };
}

const transfer = (queue: string): In => ({ type: 'transfer', from: -1, timeout: 0, queues: [queue] });
const FAIL = [{ queue: 'serv*', time: 0 }];
const NOBODY = 'nobody listens on the queue service';

test('with the policy fail a request is answered at once with an error that names the queue', () => {
  const { call, payloads, waiting } = world({ noListener: FAIL });
  const sent = call('hello');
  assert.ok(typeof sent === 'object' && sent.type === 'sent' && sent.id !== undefined);
  assert.deepEqual(payloads('replies'), [`hello: ${NOBODY}`]);
  assert.deepEqual(waiting('service'), []);
});

test('a request whose error has no room in the reply queue is refused with the limit', () => {
  const { call, payloads } = world({ noListener: FAIL, maxQueueMessages: 1 });
  call('one');
  const reason = 'the queue replies holds switch.maxQueueMessages (1) messages';
  assert.deepEqual(call('two'), { type: 'refused', status: 503, reason });
  assert.deepEqual(payloads('replies'), [`one: ${NOBODY}`]);
});

test('a request whose time is over waits on until its error has room in the reply queue', () => {
  const { broker, caller, call, payloads, waiting } = world({
    noListener: [{ queue: 'service', time: 1000 }],
    maxQueueBytes: 50,
  });
  for (const text of ['one', 'two']) call(text);
  expireSlowly(broker, 1000)();
  assert.deepEqual(waiting('service'), ['two']);
  const [[queue, id] = ['', 0]] = idsOf(caller.perform(transfer('replies')));
  caller.perform({ type: 'ack', id: { queue, id } });
  expireSlowly(broker, 2000)();
  assert.deepEqual(payloads('replies'), [`two: ${NOBODY}`]);
});

test('the error answers the id that the caller was given, and the next request has another', () => {
  const { caller, call } = world({ noListener: FAIL });
  const ids = [call('one'), call('two')].map((sent) =>
    typeof sent === 'object' && sent.type === 'sent' ? sent.id : undefined,
  );
  const came = caller.perform(transfer('replies'));
  assert.ok(typeof came === 'object' && came.type === 'messages');
  assert.deepEqual(
    came.kinds,
    ids.map((to) => ({ type: 'response', to })),
  );
  assert.notDeepEqual(ids[0], ids[1]);
});

test('somebody who listens, or works on what it got, is a listener; when it leaves, there is none', () => {
  const { client, call, payloads, waiting } = world({ noListener: FAIL });
  const server = client('server');
  server.perform(transfer('service'));
  call('first');
  server.perform(transfer('service'));
  call('second');
  assert.deepEqual(waiting('service'), ['first', 'second']);
  server.leave(0);
  call('third');
  assert.deepEqual(payloads('replies'), [`third: ${NOBODY}`]);
});

test('a subscription is a listener for as long as it lasts, also where its session goes on', () => {
  const { broker, call, payloads, waiting } = world({ noListener: FAIL });
  const connection = broker.connect();
  broker.decide(connection, { type: 'login', token: 'server' }, 0);
  const [end, endOther] = [1, 2].map(() => broker.listen(connection, 'service', () => {}));
  call('first');
  end?.(0);
  call('second');
  assert.deepEqual(waiting('service'), ['first', 'second']);
  endOther?.(0);
  call('third');
  assert.deepEqual(payloads('replies'), [`third: ${NOBODY}`]);
});

test('a session that has asked in a transfer listens on when its subscription ends', () => {
  const { broker, call, waiting } = world({ noListener: FAIL });
  const connection = broker.connect();
  broker.decide(connection, { type: 'login', token: 'server' }, 0);
  broker.decide(connection, transfer('service'), 0);
  broker.listen(connection, 'service', () => {})(0);
  call('hello');
  assert.deepEqual(waiting('service'), ['hello']);
});

test('a queue that is created anew under a subscription is listened to until that ends, and no longer', () => {
  const { broker, caller, call, payloads, waiting } = world({ noListener: FAIL });
  const connection = broker.connect();
  broker.decide(connection, { type: 'login', token: 'server' }, 0);
  const end = broker.listen(connection, 'service', () => {});
  for (const operation of [
    { type: 'queue-removed', queue: 'service' },
    { type: 'queue-created', queue: 'service', owner: undefined },
  ] as const) {
    broker.carryOut(operation);
  }
  call('first');
  assert.deepEqual(waiting('service'), ['first']);
  end(0);
  call('second');
  assert.deepEqual(payloads('replies'), [`second: ${NOBODY}`]);
  const alive: In = { type: 'list', prefix: 'serv', alive: true };
  assert.deepEqual(caller.perform(alive), { type: 'names', names: ['service'] });
});

test('the time of a request begins when the last subscription ended', () => {
  const { broker, call, payloads, waiting } = world({ noListener: [{ queue: 'service', time: 5000 }] });
  const connection = broker.connect();
  broker.decide(connection, { type: 'login', token: 'server' }, 0);
  const end = broker.listen(connection, 'service', () => {});
  call('hello', 0);
  end(2000);
  expire(broker, 6999);
  assert.deepEqual(waiting('service'), ['hello']);
  expire(broker, 7000);
  assert.deepEqual(payloads('replies'), [`hello: ${NOBODY}`]);
});

test('without a rule, and with the policy wait, a request waits', () => {
  for (const noListener of [[], [{ queue: '*', time: Number.POSITIVE_INFINITY }, ...FAIL]]) {
    const { broker, call, payloads, waiting } = world({ noListener });
    call('hello');
    expire(broker, 1e9);
    assert.deepEqual(waiting('service'), ['hello']);
    assert.deepEqual(payloads('replies'), []);
  }
});

test('with a time, a request fails when nobody has come to listen by then', () => {
  const { broker, call, payloads, waiting } = world({ noListener: [{ queue: 'service', time: 5000 }] });
  call('early', 1000);
  call('late', 3000);
  expire(broker, 5999);
  assert.deepEqual(waiting('service'), ['early', 'late']);
  expire(broker, 6000);
  assert.deepEqual(waiting('service'), ['late']);
  assert.deepEqual(payloads('replies'), [`early: ${NOBODY}`]);
});

test('the time begins when the last listener left, and what was fetched does not fail', () => {
  const { broker, client, call, payloads, waiting } = world({
    noListener: [{ queue: 'service', time: 5000 }],
  });
  const server = client('server');
  server.perform(transfer('service'));
  call('fetched', 0);
  server.perform(transfer('service'), 0);
  call('not fetched', 1);
  server.leave(4000);
  expire(broker, 8999);
  assert.deepEqual(payloads('replies'), []);
  expire(broker, 9000);
  assert.deepEqual(payloads('replies'), [`not fetched: ${NOBODY}`]);
  assert.deepEqual(waiting('service'), ['fetched']);
});

test('a message that nobody fetched within switch.messageTtl is dropped; one that was fetched stays', () => {
  const { broker, client, call, waiting } = world({ messageTtl: [{ queue: 'service', time: 1000 }] });
  call('fetched', 0);
  client('server').perform(transfer('service'), 0);
  call('old', 0);
  call('new', 500);
  expire(broker, 999);
  assert.deepEqual(waiting('service'), ['fetched', 'old', 'new']);
  expire(broker, 1000);
  assert.deepEqual(waiting('service'), ['fetched', 'new']);
});

test('what is dropped is kept in switch.deadLetter, with the place that it had, the oldest going first', () => {
  const { broker, caller, call, waiting } = world({
    messageTtl: [{ queue: 'service', time: 1000 }],
    deadLetter: 'dead',
    maxDeadLetters: 2,
  });
  for (const [at, text] of ['a', 'b', 'c'].entries()) call(text, at);
  expire(broker, 1000);
  assert.deepEqual(waiting('dead'), ['a']);
  expire(broker, 2000);
  assert.deepEqual(waiting('dead'), ['b', 'c']);
  const came = caller.perform(transfer('dead'));
  assert.ok(typeof came === 'object' && came.type === 'messages');
  assert.deepEqual(came.kinds[0], { type: 'response', to: { queue: 'service', id: 1 } });
});

/** Ends what is to end by then, as a switch does whose journal takes its time; what is given back keeps it, or can not. */
function expireSlowly(broker: Broker, now: number): (isKept?: boolean) => void {
  const groups: (readonly Operation[])[] = [];
  for (const operations of broker.expire(now)) {
    broker.reserve(operations);
    groups.push(operations);
  }
  return (isKept = true) => {
    for (const operations of groups) {
      broker.release(operations, isKept, now);
      if (isKept) for (const operation of operations) broker.carryOut(operation);
    }
  };
}

test('each that is dropped has an id of its own, also when their queue is created for them', () => {
  const { broker, caller, call, waiting } = world({
    messageTtl: [{ queue: '*', time: 1000 }],
    deadLetter: 'dead',
  });
  caller.perform({ type: 'create', queue: 'other', lifetime: 'persistent' });
  for (const text of ['a', 'b', 'c']) call(text, 0);
  call('d', 500);
  const kept = [expireSlowly(broker, 1000), expireSlowly(broker, 1500)];
  for (const keep of kept) keep();
  assert.deepEqual(waiting('dead'), ['a', 'b', 'c', 'd']);
  const ids = idsOf(caller.perform(transfer('dead')));
  for (const [queue, id] of ids) caller.perform({ type: 'ack', id: { queue, id } });
  assert.deepEqual(waiting('dead'), []);
});

test('there are never more than switch.maxDeadLetters of them, however many are dropped at once', () => {
  const { broker, call, waiting } = world({
    messageTtl: [{ queue: 'service', time: 1000 }],
    deadLetter: 'dead',
    maxDeadLetters: 2,
  });
  for (const [at, text] of ['a', 'b', 'c', 'd', 'e', 'f'].entries()) call(text, at < 3 ? 0 : 1);
  expireSlowly(broker, 1000)();
  assert.deepEqual(waiting('dead'), ['b', 'c']);
  expireSlowly(broker, 2000)();
  assert.deepEqual(waiting('dead'), ['e', 'f']);
});

test('what fails or is dropped does so once, however long it takes until that is kept', () => {
  const { broker, call, payloads, waiting } = world({
    noListener: [{ queue: 'service', time: 1000 }],
    deadLetter: 'dead',
  });
  call('hello', 0);
  const kept = [1000, 2000, 3000].map((now) => expireSlowly(broker, now));
  for (const keep of kept) keep();
  assert.deepEqual(payloads('replies'), [`hello: ${NOBODY}`]);
  assert.deepEqual(waiting('service'), []);
});

test('what has failed is given to nobody who comes before that is kept, unless it can not be kept', () => {
  const { broker, call, payloads } = world({ noListener: [{ queue: 'service', time: 1000 }] });
  call('late', 0);
  const connection = broker.connect();
  broker.decide(connection, { type: 'login', token: 'service' }, 1000);
  const take = () => broker.take(connection, 'service', -1, 10, 1000).map(({ payload }) => `${payload}`);
  const end = expireSlowly(broker, 1000);
  let woken = 0;
  broker.listen(connection, 'service', () => {
    woken += 1;
  });
  assert.deepEqual([take(), payloads('service', 1000)], [[], []]);
  end(false);
  assert.equal(woken, 1);
  assert.deepEqual(payloads('replies'), []);
  assert.deepEqual([take(), payloads('service', 1000)], [['late'], ['late']]);
});

test('requests that end with their reply queue go there too', () => {
  const { broker, caller, call, waiting } = world({ deadLetter: 'dead' });
  for (const text of ['a', 'b']) call(text);
  caller.leave(0);
  expire(broker, 0);
  assert.deepEqual(waiting('service'), []);
  assert.deepEqual(waiting('dead'), ['a', 'b']);
});

test('who waits for nobody is told: the queue, how many, since when, and from whom', () => {
  const { broker, client, call } = world({});
  call('one', 5);
  call('two', 7);
  assert.deepEqual(unattendedQueues(broker.observed), [
    { queue: 'service', waiting: 2, oldest: 5, callers: ['caller'] },
  ]);
  client('server').perform(transfer('service'));
  assert.deepEqual(unattendedQueues(broker.observed), []);
});

test('without rules nothing is looked at as time goes by', () => {
  const { broker, call } = world({});
  call('hello');
  assert.equal(broker.nextExpiry(0), undefined);
  const { broker: ruled, call: callRuled } = world({ messageTtl: [{ queue: '*', time: 1000 }] });
  callRuled('hello');
  assert.equal(ruled.nextExpiry(0), 1000);
});

test('switch.allowShutdown=false refuses, and says so', () => {
  const { caller } = world({ allowShutdown: false });
  assert.deepEqual(caller.perform({ type: 'shutdown' }), {
    type: 'refused',
    status: 403,
    reason: 'switch.allowShutdown is false',
  });
});
