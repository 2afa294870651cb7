import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openDurableSwitch } from '../../src/switch/durable.ts';
import { NO_METER } from '../../src/switch/meter.ts';
import { createPolicy, type PolicyRule } from '../../src/switch/policy.ts';
import type { In } from '../../src/switch/protocol.ts';
import { connectHttp, LIMITS, startSwitch } from './helpers.ts';

const OWN_UID = 500;
const peer = (uid: number, gid = uid, groups: readonly number[] = []) => ({ pid: 1, uid, gid, groups });
const rule = (rule: Partial<PolicyRule>): PolicyRule => ({
  uid: undefined,
  gid: undefined,
  queue: '*',
  allow: [],
  ...rule,
});

const REQUESTS: Record<string, In> = {
  login: { type: 'login', token: 'me' },
  create: { type: 'create', queue: 'a.b', lifetime: 'persistent' },
  destroy: { type: 'destroy', queue: 'a.b' },
  send: { type: 'send', queue: 'a.b', payload: Buffer.from(''), kind: { type: 'request', replyTo: 'x' } },
  transfer: { type: 'transfer', from: -1, timeout: 0, queues: ['a.b'] },
  subscribe: { type: 'subscribe', queues: ['a.b'] },
  ack: { type: 'ack', id: { queue: 'a.b', id: 1 } },
  list: { type: 'list', prefix: '', alive: false },
  diagnostics: { type: 'diagnostics' },
  trace: { type: 'trace', from: 0, timeout: 0 },
  shutdown: { type: 'shutdown' },
};

const allowed = (rules: readonly PolicyRule[], who = peer(1000)): string[] => {
  const guard = createPolicy(rules, OWN_UID)(who);
  return Object.entries(REQUESTS)
    .filter(([, request]) => guard !== undefined && guard(request) === undefined)
    .map(([name]) => name);
};

test("root, the daemon's own user and clients in the process may do all", () => {
  for (const who of [peer(0), peer(OWN_UID)]) assert.deepEqual(allowed([], who), Object.keys(REQUESTS));
  const guard = createPolicy([], OWN_UID)(undefined);
  assert.equal(guard?.({ type: 'shutdown' }), undefined);
});

test('nobody else may connect without a rule of their own', () => {
  assert.equal(createPolicy([rule({ uid: 1001, allow: ['send'] })], OWN_UID)(peer(1000)), undefined);
});

const CASES: readonly (readonly [string, PolicyRule, readonly string[]])[] = [
  ['send', rule({ uid: 1000, allow: ['send'] }), ['login', 'send']],
  ['receive', rule({ uid: 1000, allow: ['receive'] }), ['login', 'transfer', 'subscribe', 'ack']],
  ['create and destroy', rule({ gid: 1000, allow: ['create', 'destroy'] }), ['login', 'create', 'destroy']],
  ['observe', rule({ uid: 1000, allow: ['observe'] }), ['login', 'list', 'diagnostics', 'trace']],
  ['shutdown', rule({ uid: 1000, allow: ['shutdown'] }), ['login', 'shutdown']],
  ['send on other queues', rule({ uid: 1000, queue: 'b.*', allow: ['send'] }), ['login']],
  ['observe some queues', rule({ uid: 1000, queue: 'a.*', allow: ['observe'] }), ['login']],
  ['send on matching queues', rule({ uid: 1000, queue: 'a.*', allow: ['send'] }), ['login', 'send']],
];
for (const [name, given, expected] of CASES) {
  test(`a rule that allows ${name} allows that alone`, () => {
    assert.deepEqual(allowed([given]), expected);
  });
}

test('a rule with uid and gid is for peers that have both', () => {
  const both = rule({ uid: 1000, gid: 7, allow: ['send'] });
  assert.deepEqual(allowed([both], peer(1000, 7)), ['login', 'send']);
  assert.deepEqual(allowed([both], peer(1000, 8)), []);
});

test('a rule with gid is for peers of which it is any group', () => {
  const group = rule({ gid: 7, allow: ['send'] });
  assert.deepEqual(allowed([group], peer(1000, 1000, [5, 7])), ['login', 'send']);
  assert.deepEqual(allowed([group], peer(1000, 1000, [5])), []);
});

test('a transfer over several queues needs a rule for each', () => {
  const guard = createPolicy([rule({ uid: 1000, queue: 'a.*', allow: ['receive'] })], OWN_UID)(peer(1000));
  const reason = guard?.({ type: 'transfer', from: -1, timeout: 0, queues: ['a.b', 'c'] });
  assert.equal(reason, 'the user 1000 may not receive on the queue c (switch.policy)');
});

test('over HTTP a peer that may not connect gets a 403 that says so, and the close', async (t) => {
  const { path } = await startSwitch(t, {}, { policy: createPolicy([], OWN_UID), identity: peer(1000) });
  const client = await connectHttp(t, path);
  const { status, body } = await client.ask('GET', '/login/me');
  assert.equal(status, 403);
  assert.equal(body.toString(), 'the user 1000 may not connect (switch.policy)\n');
  assert.equal((await client.receiveAll()).length, 0);
});

test('over HTTP what is not allowed is a 403 with the reason, and the connection goes on', async (t) => {
  const policy = createPolicy([rule({ uid: 1000, allow: ['create'] })], OWN_UID);
  const { path } = await startSwitch(t, {}, { policy, identity: peer(1000) });
  const client = await connectHttp(t, path);
  await client.text('GET', '/login/me');
  await client.text('GET', '/persistent/q');
  const { status, body } = await client.ask('POST', '/request/q/r', 'hello');
  assert.equal(status, 403);
  assert.equal(body.toString(), 'the user 1000 may not send on the queue q (switch.policy)');
  await client.text('GET', '/transient/p');
});

test('each refusal is counted: of those who may not connect, and of requests', () => {
  const counted: string[] = [];
  const { host } = openDurableSwitch({
    limits: LIMITS,
    journal: undefined,
    now: () => 0,
    shutdown: () => {},
    failureAnswer: (_request, reason) => Buffer.from(reason),
    policy: createPolicy([rule({ uid: 1000, allow: ['observe'] })], OWN_UID),
    meter: { ...NO_METER, refused: (limit) => counted.push(limit) },
  });
  const guard = host.guard(peer(1000));
  assert.equal(host.guard(peer(1001)), undefined);
  assert.deepEqual(counted, ['switch.policy']);
  const client = host.connect(guard);
  for (const name of ['list', 'create']) client.perform(REQUESTS[name] ?? { type: 'diagnostics' });
  assert.deepEqual(counted, ['switch.policy', 'switch.policy']);
});
