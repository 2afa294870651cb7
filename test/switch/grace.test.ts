import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Broker } from '../../src/switch/broker.ts';
import { keepInMemory, type Settle, SwitchHost } from '../../src/switch/host.ts';
import type { BrokerLimits } from '../../src/switch/limits.ts';
import type { In, Operation } from '../../src/switch/protocol.ts';
import { stopClock } from '../helpers/clock.ts';
import { holdUp } from '../helpers/hold-up.ts';
import { ask, expire, idsOf, sent } from './ask.ts';
import { request as httpRequest, LIMITS, startSwitch } from './helpers.ts';

const GRACE: BrokerLimits = { ...LIMITS, reconnectGrace: 5000, sessionGrace: 60_000 };

const transient = (queue: string): In => ({ type: 'create', queue, lifetime: 'transient' });
const persistent = (queue: string): In => ({ type: 'create', queue, lifetime: 'persistent' });
const transfer = (queue: string): In => ({ type: 'transfer', from: -1, timeout: 0, queues: [queue] });
const list: In = { type: 'list', prefix: '', alive: false };

/** A broker with a session that owns a queue, and the connection that holds it. */
function withSession(broker: Broker) {
  const connection = broker.connect();
  broker.decide(connection, { type: 'login', token: 'owner' }, 0);
  const decision = broker.decide(connection, transient('replies'), 0);
  assert.ok(decision.type === 'answer');
  for (const operation of decision.operations) broker.carryOut(operation);
  return connection;
}

function carryOut(broker: Broker, operations: readonly Operation[]): void {
  for (const operation of operations) broker.carryOut(operation);
}

const names = (broker: Broker): unknown => {
  const out = ask(broker, list);
  return typeof out === 'object' && out.type === 'names' ? out.names : out;
};

test('the queues of a session whose connection broke stay for switch.reconnectGrace, and take replies', () => {
  const broker = new Broker(GRACE, 0);
  broker.disconnect(withSession(broker), 1000);
  assert.deepEqual(ask(broker, sent('replies', 'late')), { type: 'sent', id: { queue: 'replies', id: 0 } });
  expire(broker, 5999);
  assert.deepEqual(names(broker), ['replies']);
  assert.equal(broker.nextExpiry(0), 6000);
  expire(broker, 6000);
  assert.deepEqual(names(broker), []);
  assert.equal(broker.nextExpiry(0), undefined);
});

test('an owner who logs in again in time finds its queue and what came meanwhile', () => {
  const broker = new Broker(GRACE, 0);
  broker.disconnect(withSession(broker), 1000);
  ask(broker, sent('replies', 'late'));
  const again = broker.connect();
  broker.decide(again, { type: 'login', token: 'owner' }, 3000);
  expire(broker, 1_000_000);
  const decision = broker.decide(again, transfer('replies'), 1_000_000);
  assert.ok(decision.type === 'answer' && decision.out.type === 'messages');
  assert.equal(decision.out.messages[0]?.payload.toString(), 'late');
});

test('a queue that its owner destroys is gone at once', () => {
  const broker = new Broker(GRACE, 0);
  const connection = withSession(broker);
  const decision = broker.decide(connection, { type: 'destroy', queue: 'replies' }, 0);
  assert.ok(decision.type === 'answer');
  carryOut(broker, decision.operations);
  assert.deepEqual(names(broker), []);
});

test('after a restart the queues of all sessions wait switch.sessionGrace for their owners', () => {
  const broker = new Broker(GRACE, 0);
  for (const operation of [
    { type: 'queue-created', queue: 'replies', owner: 'owner' },
    { type: 'queue-created', queue: 'others', owner: 'other' },
  ] as const) {
    broker.apply(operation);
  }
  broker.open(1000);
  broker.decide(broker.connect(), { type: 'login', token: 'owner' }, 50_000);
  expire(broker, 61_000);
  assert.deepEqual(names(broker), ['replies']);
});

test('sessions that are waited for count as sessions', () => {
  const broker = new Broker({ ...GRACE, maxSessions: 1 }, 0);
  broker.disconnect(withSession(broker), 0);
  const [other, same] = ['other', 'owner'].map((token) =>
    broker.decide(broker.connect(), { type: 'login', token }, 1),
  );
  assert.ok(other?.type === 'answer' && other.out.type === 'refused');
  assert.ok(same?.type === 'answer' && same.out.type === 'done');
});

test('when a reply queue is gone for good, the requests for it that nobody has fetched are dropped', () => {
  const broker = new Broker(GRACE, 0);
  const connection = withSession(broker);
  ask(broker, persistent('service'));
  const request = (payload: string, replyTo: string): In => ({
    ...sent('service', payload),
    kind: { type: 'request', replyTo },
  });
  ask(broker, request('fetched', 'replies'));
  ask(broker, transfer('service'));
  ask(broker, request('not fetched', 'replies'));
  ask(broker, request("another's", 'elsewhere'));
  broker.disconnect(connection, 0);
  expire(broker, 5000);
  const left = ask(broker, transfer('service'));
  assert.ok(typeof left === 'object' && left.type === 'messages');
  assert.deepEqual(left.payloads, ['fetched', "another's"]);
});

test('a request whose reply queue was never there is delivered as any other', () => {
  const broker = new Broker(GRACE, 0);
  ask(broker, persistent('service'));
  ask(broker, sent('service', 'hello'));
  assert.equal(idsOf(ask(broker, transfer('service'))).length, 1);
});

/** The host has read all that there is, and ends what is to end. */
async function looked(): Promise<void> {
  for (let turns = 0; turns < 5; turns += 1) await turn();
}

test('the host ends sessions in time, by its own clock', async (t) => {
  const { pass } = stopClock(t);
  let clock = 0;
  const broker = new Broker(GRACE, clock);
  const host = new SwitchHost({ broker, now: () => clock, commit: keepInMemory, shutdown: () => {} });
  const owner = host.connect();
  owner.perform({ type: 'login', token: 'owner' });
  owner.perform(transient('replies'));
  owner.leave();
  await looked();
  clock = 4999;
  pass(4999);
  await looked();
  assert.deepEqual(names(broker), ['replies']);
  clock = 5000;
  pass(1);
  await looked();
  assert.deepEqual(names(broker), []);
});

test('an owner that is back in time finds its queues, though its switch was held up until the time was over', async (t) => {
  const { path, host, closed, broker } = await startSwitch(t, { reconnectGrace: 50 });
  const owner = host.connect();
  owner.perform({ type: 'login', token: 'owner' });
  owner.perform(transient('replies'));
  owner.leave();
  // The kernel takes them at once, and the switch one after the other.
  const others = Array.from({ length: 20 }, () => connect(path));
  const back = connect(path);
  t.after(() => {
    for (const socket of [...others, back]) socket.destroy();
  });
  back.write(httpRequest('GET', '/login/owner'));
  holdUp(100);
  await once(back, 'data');
  for (const other of others) other.destroy();
  await closed(others.length);
  await looked();
  assert.deepEqual(names(broker), ['replies']);
});

test('a switch that stops keeps the queues of those who are sent away by that', () => {
  const broker = new Broker(LIMITS, 0);
  const host = new SwitchHost({ broker, now: () => 0, commit: keepInMemory, shutdown: () => {} });
  const owner = host.connect();
  owner.perform({ type: 'login', token: 'owner' });
  owner.perform(transient('replies'));
  host.stop();
  owner.leave();
  assert.deepEqual(names(broker), ['replies']);
});

test('ids begin at a number that grows with time, above all that were given before', () => {
  const broker = new Broker(LIMITS, 0);
  broker.apply({ type: 'queue-created', queue: 'old', owner: undefined });
  broker.open(1_795_000_000_000);
  assert.deepEqual(ask(broker, sent('old', '')), {
    type: 'sent',
    id: { queue: 'old', id: 1_795_000_000_000_000 },
  });
  const later = new Broker(LIMITS, 0);
  later.apply({ type: 'queue-created', queue: 'old', owner: undefined });
  later.apply({ type: 'ids-given', next: 1_795_000_000_000_005 });
  // The clock was set back.
  later.open(1_700_000_000_000);
  assert.deepEqual(ask(later, sent('old', '')), {
    type: 'sent',
    id: { queue: 'old', id: 1_795_000_000_000_005 },
  });
});

test('what comes to a queue after a transfer over several is above the cursor that this gave', () => {
  const broker = new Broker(LIMITS, 0);
  for (const queue of ['busy', 'idle']) ask(broker, persistent(queue));
  for (let count = 0; count < 10; count += 1) ask(broker, sent('busy', `${count}`));
  const first = ask(broker, { type: 'transfer', from: -1, timeout: 0, queues: ['busy', 'idle'] });
  assert.ok(typeof first === 'object' && first.type === 'messages');
  ask(broker, sent('idle', 'late'));
  const next = ask(broker, { type: 'transfer', from: first.next, timeout: 0, queues: ['busy', 'idle'] });
  assert.ok(typeof next === 'object' && next.type === 'messages');
  assert.deepEqual(next.payloads, ['late']);
});

test('what comes to a queue that is created after a transfer asked for it is above the cursor, too', () => {
  const broker = new Broker(LIMITS, 0);
  ask(broker, persistent('busy'));
  for (let count = 0; count < 10; count += 1) ask(broker, sent('busy', `${count}`));
  const queues = ['busy', 'later'];
  const first = ask(broker, { type: 'transfer', from: -1, timeout: 0, queues });
  assert.ok(typeof first === 'object' && first.type === 'messages');
  ask(broker, persistent('later'));
  ask(broker, sent('later', 'late'));
  const next = ask(broker, { type: 'transfer', from: first.next, timeout: 0, queues });
  assert.ok(typeof next === 'object' && next.type === 'messages');
  assert.deepEqual(next.payloads, ['late']);
});

/** A host whose commits wait for the test, with an owner that is logged in. */
function heldHost(t: TestContext, limits: BrokerLimits) {
  const { pass } = stopClock(t);
  let clock = 0;
  const broker = new Broker(limits, clock);
  const settles: Settle[] = [];
  const host = new SwitchHost({
    broker,
    now: () => clock,
    commit: (_operations, settle) => settles.push(settle),
    shutdown: () => {},
  });
  const owner = host.connect();
  owner.perform({ type: 'login', token: 'owner' });
  owner.perform(transient('replies'));
  const tick = async (ms: number): Promise<void> => {
    await looked();
    clock += ms;
    pass(ms);
    await looked();
  };
  const settle = (failure?: string): void => {
    for (const each of settles.splice(0)) each(failure);
  };
  return { broker, owner, tick, settle };
}

test('a queue whose owner is gone before it is kept ends as its session does', async (t) => {
  const { broker, owner, tick, settle } = heldHost(t, GRACE);
  owner.leave();
  settle();
  assert.deepEqual(names(broker), ['replies']);
  await tick(GRACE.reconnectGrace);
  settle();
  assert.deepEqual(names(broker), []);
});

test('a queue whose end can not be kept ends when it can', async (t) => {
  const { broker, owner, tick, settle } = heldHost(t, GRACE);
  settle();
  owner.leave();
  await tick(GRACE.reconnectGrace);
  settle('the disk is full');
  assert.deepEqual(names(broker), ['replies']);
  await tick(GRACE.reconnectGrace);
  settle();
  assert.deepEqual(names(broker), []);
});
