import assert from 'node:assert/strict';
import { test } from 'node:test';
import { join, SERVICE, slow } from './joined.ts';
import { delivery, message, startStrictSwitch } from './strict-switch.ts';

const ONE = message(SERVICE, 0, 'one', 'client:2815');

test("it asks what xapi's own services ask, in their form", async (t) => {
  const foreign = await startStrictSwitch(t);
  join(t, foreign.path);
  const logins = [await foreign.expect('GET /login/'), await foreign.expect('GET /login/')];
  for (const { line, answer } of logins) {
    assert.equal(line, 'GET /login/datapathd:7');
    answer('');
  }
  assert.deepEqual(logins.map(({ connection }) => connection).sort(), [0, 1]);
  const create = await foreign.expect('GET');
  assert.equal(create.line, 'GET /persistent/service');
  create.answer('service');
  const transfer = await foreign.expect('POST');
  assert.equal(transfer.body.toString(), '{"timeout":0.0,"queues":["service"]}');
  assert.equal(transfer.connection, create.connection);
  transfer.answer(delivery([ONE], 0));

  const response = await foreign.expect('POST /response');
  assert.equal(response.line, 'POST /response/client:2815/service/0');
  assert.equal(response.body.toString(), 'echo one');
  assert.notEqual(response.connection, transfer.connection);
  response.answer('[["client:2815",0]]');
  const ack = await foreign.expect('GET');
  assert.equal(ack.line, 'GET /ack/service/0');
  assert.equal(ack.connection, response.connection);
  ack.answer('');
});

test('while a request is under way the next transfer waits behind it; when all are acked it begins anew', async (t) => {
  const foreign = await startStrictSwitch(t);
  join(t, foreign.path);
  await foreign.welcome();
  const first = await foreign.expect('POST /transfer');
  assert.equal(first.body.toString(), '{"timeout":10.0,"queues":["service"]}');
  first.answer(delivery([message(SERVICE, 6, 'six'), message(SERVICE, 7, 'seven')], 7));
  const second = await foreign.expect('POST /transfer');
  assert.equal(second.body.toString(), '{"from":"7","timeout":10.0,"queues":["service"]}');
  for (const id of [6, 7]) (await foreign.expect(`POST /response/replies/service/${id}`)).answer('[]');
  for (const id of [6, 7]) (await foreign.expect(`GET /ack/service/${id}`)).answer('');
  second.answer(delivery([], 7));
  // The queue is made sure of: somebody may have destroyed it.
  (await foreign.expect('GET /persistent/service')).answer('service');
  const third = await foreign.expect('POST /transfer');
  assert.equal(third.body.toString(), '{"timeout":10.0,"queues":["service"]}');
});

test('a transfer is under way while requests are', async (t) => {
  const foreign = await startStrictSwitch(t);
  const { answer, begins, finish } = slow();
  join(t, foreign.path, { answer });
  await foreign.welcome(ONE);
  await begins(1);
  const next = await foreign.expect('POST /transfer');
  assert.equal(next.body.toString(), '{"from":"0","timeout":0.0,"queues":["service"]}');
  next.answer(delivery([message(SERVICE, 1, 'two')], 1));
  await begins(2);
  await foreign.expect('POST /transfer');
  for (const text of ['one', 'two']) finish(text);
});

test('a reply is acked when it is accepted, not before', async (t) => {
  const foreign = await startStrictSwitch(t);
  join(t, foreign.path, { maxConcurrent: 1 });
  await foreign.welcome(ONE, message(SERVICE, 1, 'two'));
  const first = await foreign.expect('POST /response/client:2815/service/0');
  first.answer('[["client:2815",0]]');
  const next = await foreign.expect('');
  assert.equal(next.line, 'GET /ack/service/0');
});

for (const [name, encoded] of [
  ['a/b', 'a%2Fb'],
  ['a b?c#d%e', 'a%20b%3Fc%23d%25e'],
  ['größe', 'gr%C3%B6%C3%9Fe'],
  ['basename:1', 'basename:1'],
  ['half \ud800', 'half%20%EF%BF%BD'],
] as const) {
  test(`the name ${JSON.stringify(name)} stands as ${encoded} in a target`, async (t) => {
    const foreign = await startStrictSwitch(t);
    join(t, foreign.path, { token: name });
    const first = await foreign.expect('GET /login/');
    assert.equal(first.line, `GET /login/${encoded}`);
    const second = await foreign.expect('GET /login/');
    for (const { answer } of [first, second]) answer('');
    (await foreign.expect('GET /persistent/service')).answer('service');
    (await foreign.expect('POST /transfer')).answer(delivery([message(SERVICE, 3, 'x', name)], 3));
    await foreign.expect(`POST /response/${encoded}/service/3`);
  });
}

test('a caller whose reply is refused is told so', async (t) => {
  const foreign = await startStrictSwitch(t);
  const { told } = join(t, foreign.path);
  await foreign.welcome(ONE);
  (await foreign.expect('POST /response')).answer('a message of 8 bytes is over …', 413);
  const substitute = await foreign.expect('POST /response/client:2815/service/0');
  assert.match(substitute.body.toString(), /^refused: 413 a message of 8 bytes is over/);
  assert.match(told[1] ?? '', /^refused: 413 a message of 8 bytes is over/);
  substitute.answer('[["client:2815",0]]');
  await foreign.expect('GET /ack/service/0');
});

test('a request is acked whose caller can not even be told that the reply was refused', async (t) => {
  const foreign = await startStrictSwitch(t);
  join(t, foreign.path);
  await foreign.welcome(ONE);
  for (let count = 0; count < 2; count += 1) {
    (await foreign.expect('POST /response')).answer('Not found: /response/client:2815/service/0', 404);
  }
  await foreign.expect('GET /ack/service/0');
});
