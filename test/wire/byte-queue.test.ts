import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { ByteQueue } from '../../src/wire/byte-queue.ts';

const unread = ({ buffer, start, end }: ByteQueue): string => buffer.toString('latin1', start, end);

test('the unread bytes are what was pushed and not consumed', () => {
  const step = fc.oneof(
    fc.record({ push: fc.uint8Array({ maxLength: 50 }) }),
    fc.record({ consume: fc.double({ min: 0, max: 1, noNaN: true }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
      const queue = new ByteQueue();
      let model = '';
      for (const action of steps) {
        if ('push' in action) {
          queue.push(Buffer.from(action.push));
          model += Buffer.from(action.push).toString('latin1');
        } else {
          const length = Math.floor(action.consume * model.length);
          queue.consume(length);
          model = model.slice(length);
        }
        assert.equal(unread(queue), model);
        assert.equal(queue.unread.toString('latin1'), model);
        assert.equal(queue.length, model.length);
      }
    }),
  );
});

test('a view of consumed bytes stays as it is whatever is pushed later', () => {
  const queue = new ByteQueue();
  for (const piece of ['ab', 'cd', 'ef']) queue.push(Buffer.from(piece));
  const view = queue.buffer.subarray(queue.start, queue.start + 4);
  queue.consume(4);
  for (let round = 0; round < 1000; round += 1) queue.push(Buffer.from('xyz'));
  assert.equal(view.toString(), 'abcd');
});

test('what comes alone is not copied', () => {
  const queue = new ByteQueue();
  const chunk = Buffer.from('alone');
  queue.push(chunk);
  assert.equal(queue.buffer, chunk);
});

test('a stream in single bytes is not copied whole for each of them', () => {
  const queue = new ByteQueue();
  let buffers = 0;
  let last: Buffer | undefined;
  for (let count = 0; count < 100_000; count += 1) {
    queue.push(Buffer.from('x'));
    if (queue.buffer !== last) buffers += 1;
    last = queue.buffer;
  }
  assert.ok(buffers < 20, `${buffers} buffers were made`);
});

test('when all is consumed, nothing of it is held in memory', async () => {
  setFlagsFromString('--expose-gc');
  const collectGarbage: () => void = runInNewContext('gc');
  const queue = new ByteQueue();
  for (const piece of ['ab', 'cd']) queue.push(Buffer.from(piece));
  const copied = new WeakRef(queue.buffer);
  queue.consume(queue.length);
  // What a turn has made a weak reference to lives as long as that turn.
  await turn();
  collectGarbage();
  assert.equal(copied.deref(), undefined);
});
