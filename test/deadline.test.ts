import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { MessageChannel } from 'node:worker_threads';
import { setDeadline } from '../src/deadline.ts';
import { stopClock } from './helpers/clock.ts';
import { holdUp } from './helpers/hold-up.ts';

test('what has come while the process was held up is read before the time is over', async () => {
  const { port1, port2 } = new MessageChannel();
  let isOver = false;
  const deadline = setDeadline(() => {
    isOver = true;
  }, 1);
  port1.postMessage('here');
  holdUp(100);
  await once(port2, 'message');
  assert.equal(isOver, false);
  deadline.clear();
  port1.close();
});

test('it is over when its time is, and not before', async (t) => {
  const { pass } = stopClock(t);
  const { promise, resolve } = Promise.withResolvers<string>();
  setDeadline(() => resolve('over'), 1000);
  pass(999);
  await turn();
  assert.equal(await Promise.race([promise, 'waits']), 'waits');
  pass(1);
  assert.equal(await promise, 'over');
});

for (const [heldUp, more] of [
  [300, 300],
  [5000, 1000],
] as const)
  test(`a process that was held up for ${heldUp} ms waits ${more} ms more of 1000`, async (t) => {
    const { pass, holdUp } = stopClock(t);
    const { promise, resolve } = Promise.withResolvers<string>();
    setDeadline(() => resolve('over'), 1000);
    holdUp(heldUp);
    pass(1000);
    pass(more - 1);
    await turn();
    assert.equal(await Promise.race([promise, 'waits']), 'waits');
    pass(1);
    assert.equal(await promise, 'over');
  });

test('it begins anew, also when it is about to be over', async (t) => {
  const { pass } = stopClock(t);
  const { promise, resolve } = Promise.withResolvers<string>();
  const deadline = setDeadline(() => resolve('over'), 1000);
  pass(1000);
  deadline.refresh();
  pass(999);
  await turn();
  assert.equal(await Promise.race([promise, 'waits']), 'waits');
  pass(1);
  assert.equal(await promise, 'over');
});

test('one that is cleared is never over, also when it was about to be', async (t) => {
  const { pass } = stopClock(t);
  const deadline = setDeadline(() => assert.fail(), 1000);
  pass(1000);
  deadline.clear();
  await turn();
});
