import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createPolicy } from '../../src/switch/policy.ts';
import { startSwitch } from './helpers.ts';
import { connectRaw } from './push-helpers.ts';

const OWN_UID = 500;
const identity = { pid: 1, uid: 1000, gid: 1000, groups: [] };

test('a MessagePack client that may not connect is told so, and closed', async (t) => {
  const { path } = await startSwitch(t, {}, { policy: createPolicy([], OWN_UID), identity });
  const client = await connectRaw(t, path);
  client.write([0, 1, 'switch.login', ['me']]);
  const text = 'the user 1000 may not connect (switch.policy)';
  assert.deepEqual(await client.next(), [1, null, ['Forbidden', text], null]);
  assert.equal(await client.next(), undefined);
});

test('what a MessagePack client may not do is refused, and the connection goes on', async (t) => {
  const rule = { uid: 1000, gid: undefined, queue: 'mine', allow: ['receive', 'create'] } as const;
  const { path } = await startSwitch(t, {}, { policy: createPolicy([rule], OWN_UID), identity });
  const client = await connectRaw(t, path);
  client.write(
    [0, 1, 'switch.login', ['me']],
    [0, 2, 'switch.create', ['mine', 'persistent']],
    [0, 3, 'switch.subscribe', [1, ['other'], 1]],
    [0, 4, 'switch.ack', [[['other', [1]]]]],
    [0, 5, 'switch.publish', ['mine', ['request', 'r'], '']],
    [0, 6, 'switch.subscribe', [1, ['mine'], 1]],
  );
  const answers = [];
  for (let id = 1; id <= 6; id += 1) answers.push(await client.next());
  const forbidden = (what: string) => ['Forbidden', `the user 1000 may not ${what} (switch.policy)`];
  assert.deepEqual(answers, [
    [1, 1, null, null],
    [1, 2, null, null],
    [1, 3, forbidden('receive on the queue other'), null],
    [1, 4, forbidden('receive on the queue other'), null],
    [1, 5, forbidden('send on the queue mine'), null],
    [1, 6, null, null],
  ]);
});
