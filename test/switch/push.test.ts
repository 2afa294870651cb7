import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SwitchLost, SwitchRefused } from '../../src/switch/client.ts';
import { LISTENING, WaitingTransfers } from '../../src/switch/waiting.ts';
import { login, startSwitch } from './helpers.ts';
import { inbox, loginPush, request, texts } from './push-helpers.ts';

const transfer = (queue: string, timeout = 60): string => JSON.stringify({ timeout, queues: [queue] });

test('what is published over MessagePack is what an HTTP client gets', async (t) => {
  const { path } = await startSwitch(t);
  const client = await loginPush(t, path, 'push');
  const http = await login(t, path, 'http');
  await client.create('q', 'persistent');
  assert.equal(await client.publish('q', request('r'), Buffer.from('one')), 0);
  const to = { queue: 'a', id: 2 ** 40 };
  assert.equal(await client.publish('q', { type: 'response', to }, Buffer.from('two')), 1);
  assert.equal(
    await http.text('POST', '/transfer', transfer('q')),
    '{"messages":[[["q",0],{"payload":"one","kind":["Request","r"]}],' +
      '[["q",1],{"payload":"two","kind":["Response",["a",1099511627776]]}]],"next":"1"}',
  );
});

test('what is sent over HTTP is delivered, with its sender, its kind and its bytes', async (t) => {
  const { path } = await startSwitch(t);
  const client = await loginPush(t, path, 'push');
  const http = await login(t, path, 'http');
  const came = inbox();
  await client.create('q', 'persistent');
  await client.subscribe(['q'], { credit: 10 }, came.deliver);
  const bytes = Buffer.from([0, 0xff, 0xc3, 0x28]);
  await http.text('POST', '/request/q/r', bytes);
  await http.text('POST', '/response/q/other/7', 'answer');
  await came.count(2);
  const [first, second] = came.messages;
  assert.deepEqual(first?.payload, bytes);
  assert.deepEqual([first?.id, first?.kind, first?.origin], [{ queue: 'q', id: 0 }, request('r'), 'http']);
  assert.ok(Math.abs((first?.time ?? 0) - Date.now()) < 3_600_000);
  assert.deepEqual(second?.kind, { type: 'response', to: { queue: 'other', id: 7 } });
});

test('acks come in batches, are seen over HTTP, and bring the next messages', async (t) => {
  const { path } = await startSwitch(t);
  const client = await loginPush(t, path, 'push');
  const http = await login(t, path, 'http');
  const came = inbox();
  await client.create('q', 'persistent');
  for (let n = 0; n < 7; n += 1) await http.text('POST', '/request/q/r', `${n}`);
  await client.subscribe(['q'], { credit: 3 }, came.deliver);
  await came.count(3);
  await Promise.all(came.messages.map(({ id }) => client.ack(id)));
  await came.count(6);
  assert.deepEqual(texts(came.messages), ['0', '1', '2', '3', '4', '5']);
  assert.deepEqual(
    Object.keys(JSON.parse(await http.text('GET', '/')).permanent_queues.q.queue_contents).length,
    4,
  );
});

test('never more than the credit are unacked, however messages and acks come', async (t) => {
  const { path } = await startSwitch(t);
  const client = await loginPush(t, path, 'push');
  const sender = await loginPush(t, path, 'sender');
  let round = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 5 }),
      fc.array(fc.constantFrom('publish', 'ack', 'credit'), { maxLength: 40 }),
      async (credit, steps) => {
        round += 1;
        const queue = `q${round}`;
        await client.create(queue, 'persistent');
        const came = inbox();
        let allowed = credit;
        let acked = 0;
        let published = 0;
        const subscription = await client.subscribe([queue], { credit }, (message) => {
          came.deliver(message);
          assert.ok(came.messages.length - acked <= allowed, 'more are unacked than the credit allows');
        });
        for (const step of steps) {
          const next = came.messages[acked];
          if (step === 'publish') {
            await sender.publish(queue, request('r'), Buffer.from(`${published}`));
            published += 1;
          } else if (step === 'credit') {
            allowed += 1;
            await subscription.addCredit(1);
          } else if (next !== undefined) {
            acked += 1;
            await client.ack(next.id);
          }
        }
        await came.count(Math.min(published, acked + allowed));
        const ids = Array.from({ length: came.messages.length }, (_, id) => `${id}`);
        assert.deepEqual(texts(came.messages), ids);
        await subscription.end();
      },
    ),
    { numRuns: 60 },
  );
});

test('what was not acked when the connection broke is delivered to the next subscriber', async (t) => {
  const { path, closed } = await startSwitch(t);
  const first = await loginPush(t, path, 'me');
  const second = await loginPush(t, path, 'other');
  await first.create('q', 'persistent');
  for (const text of ['a', 'b', 'c']) await second.publish('q', request('r'), Buffer.from(text));
  const [before, after] = [inbox(), inbox()];
  await first.subscribe(['q'], { credit: 10 }, before.deliver);
  await before.count(3);
  await first.ack({ queue: 'q', id: 1 });
  first.close();
  await closed(1);
  await second.subscribe(['q'], { credit: 10 }, after.deliver);
  await after.count(2);
  assert.deepEqual(texts(after.messages), ['a', 'c']);
});

test('two subscribers of a queue each get all of it, as two transfers do', async (t) => {
  const { path } = await startSwitch(t);
  const [one, two] = [await loginPush(t, path, 'one'), await loginPush(t, path, 'two')];
  await one.create('q', 'persistent');
  const boxes = [inbox(), inbox()];
  await one.subscribe(['q'], { credit: 10 }, boxes[0]?.deliver ?? assert.fail());
  await two.subscribe(['q'], { credit: 10 }, boxes[1]?.deliver ?? assert.fail());
  await one.publish('q', request('r'), Buffer.from('a'));
  for (const box of boxes) {
    await box.count(1);
    assert.deepEqual(texts(box.messages), ['a']);
  }
});

test('a queue may be created after its subscription, destroyed, and created again', async (t) => {
  const { path } = await startSwitch(t);
  const client = await loginPush(t, path, 'me');
  const came = inbox();
  await client.subscribe(['later'], { credit: 10 }, came.deliver);
  assert.deepEqual(await client.list('', true), []);
  await client.create('later', 'persistent');
  assert.deepEqual(await client.list('', true), ['later']);
  await client.publish('later', request('r'), Buffer.from('first'));
  await client.destroy('later');
  assert.equal(await client.publish('later', request('r'), Buffer.from('lost')), undefined);
  await client.create('later', 'persistent');
  await client.publish('later', request('r'), Buffer.from('second'));
  await came.count(2);
  assert.deepEqual(texts(came.messages), ['first', 'second']);
});

test('a cursor leaves out what has an id that is not above it', async (t) => {
  const { path } = await startSwitch(t);
  const client = await loginPush(t, path, 'me');
  await client.create('q', 'persistent');
  for (const text of ['a', 'b', 'c']) await client.publish('q', request('r'), Buffer.from(text));
  const came = inbox();
  await client.subscribe(['q'], { credit: 10, from: 0 }, came.deliver);
  await came.count(2);
  assert.deepEqual(texts(came.messages), ['b', 'c']);
});

test('one subscription of several queues gets the messages of each in order', async (t) => {
  const { path } = await startSwitch(t);
  const client = await loginPush(t, path, 'me');
  for (const queue of ['a', 'b']) {
    await client.create(queue, 'persistent');
    for (const n of [1, 2, 3]) await client.publish(queue, request('r'), Buffer.from(`${queue}${n}`));
  }
  const came = inbox();
  await client.subscribe(['a', 'b'], { credit: 4 }, came.deliver);
  await came.count(4);
  for (const { id } of [...came.messages]) await client.ack(id);
  await came.count(6);
  const of = (queue: string) => texts(came.messages.filter(({ id }) => id.queue === queue));
  assert.deepEqual(
    [of('a'), of('b')],
    [
      ['a1', 'a2', 'a3'],
      ['b1', 'b2', 'b3'],
    ],
  );
});

test('a queue is alive for as long as it is subscribed to', async (t) => {
  const { path } = await startSwitch(t);
  const client = await loginPush(t, path, 'me');
  const http = await login(t, path, 'http');
  const listens = async (): Promise<boolean> => {
    const { current_time: now, permanent_queues: queues } = JSON.parse(await http.text('GET', '/'));
    return queues.q.next_transfer_expected >= now;
  };
  await client.create('q', 'persistent');
  const subscription = await client.subscribe(['q'], { credit: 1 }, () => {});
  await http.text('POST', '/transfer', transfer('q', 0));
  assert.equal(await http.text('GET', '/list/alive/'), '["q"]');
  assert.equal(await listens(), true);
  await subscription.end();
  assert.equal(await listens(), false);
  // Somebody has listened, as `list/alive` has it.
  assert.equal(await http.text('GET', '/list/alive/'), '["q"]');
});

test('a queue is alive as long as the last of those that wait for it', () => {
  const waiting = new WaitingTransfers();
  for (const until of [50, LISTENING, 70]) {
    waiting.subscribe({ queues: ['q'], until, token: 'me', wake: () => {} });
  }
  assert.equal(waiting.expected('q'), LISTENING);
});

test('nothing is delivered once a subscription has ended, and all that waits by the next', async (t) => {
  const { path } = await startSwitch(t);
  const client = await loginPush(t, path, 'me');
  await client.create('q', 'persistent');
  const [before, after] = [inbox(), inbox()];
  const subscription = await client.subscribe(['q'], { credit: 10 }, before.deliver);
  await subscription.end();
  await client.publish('q', request('r'), Buffer.from('a'));
  await client.subscribe(['q'], { credit: 10 }, after.deliver);
  await after.count(1);
  assert.deepEqual([before.messages.length, after.messages.length], [0, 1]);
});

test('a refusal has a variant, names the limit, and leaves the connection', async (t) => {
  const { path, refusals } = await startSwitch(t, {
    maxMessageBytes: 10,
    maxCredit: 5,
    maxTransferQueues: 2,
  });
  const client = await loginPush(t, path, 'me');
  await client.create('q', 'persistent');
  const subscription = await client.subscribe(['q'], { credit: 5 }, () => {});
  const refused: [() => Promise<unknown>, string, string][] = [
    [
      () => client.publish('q', request('r'), Buffer.alloc(11)),
      'Too_large',
      'a message of 11 bytes is over switch.maxMessageBytes (10)',
    ],
    [() => client.subscribe(['p'], { credit: 6 }, () => {}), 'Invalid', overCredit(6)],
    [() => subscription.addCredit(1), 'Invalid', overCredit(6)],
    [
      () => client.subscribe(['q'], { credit: 1 }, () => {}),
      'Invalid',
      'queues: this connection is subscribed to q already',
    ],
    [
      () => client.subscribe(['p', 'p'], { credit: 1 }, () => {}),
      'Invalid',
      'queues: a queue is there twice',
    ],
    [
      () => client.subscribe(['a', 'b'], { credit: 1 }, () => {}),
      'Invalid',
      '3 queues are over switch.maxTransferQueues (2)',
    ],
    [() => client.subscribe([], { credit: 1 }, () => {}), 'Invalid', 'queues: expected one at least'],
  ];
  for (const [ask, variant, text] of refused) {
    await assert.rejects(ask(), (error) => {
      assert.ok(error instanceof SwitchRefused);
      assert.deepEqual([error.variant, error.message], [variant, text]);
      return true;
    });
  }
  assert.deepEqual(
    refusals,
    refused.map(([, , text]) => text),
  );
  assert.deepEqual(await client.list(''), ['q']);
});

const overCredit = (credit: number): string => `a credit of ${credit} is over switch.maxCredit (5)`;

test('what was asked rejects when the connection is lost, and so does all that is asked then', async (t) => {
  const { path } = await startSwitch(t);
  const client = await loginPush(t, path, 'me');
  const asked = client.list('');
  client.close();
  await assert.rejects(asked, SwitchLost);
  await assert.rejects(client.list(''), SwitchLost);
  assert.equal(await client.lost, 'closed');
});
