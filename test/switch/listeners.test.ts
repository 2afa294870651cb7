import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Listeners } from '../../src/switch/listeners.ts';

test('since when nobody listens is told when the last session and the last subscription have gone', () => {
  const listeners = new Listeners();
  const told: (number | undefined)[] = [listeners.leftAt('q')];
  listeners.listen('me', ['q']);
  listeners.subscribe('q');
  listeners.leave('me', 1);
  told.push(listeners.leftAt('q'));
  listeners.listen('me', ['q']);
  listeners.unsubscribe('q', 2);
  told.push(listeners.leftAt('q'));
  listeners.leave('me', 3);
  told.push(listeners.leftAt('q'));
  listeners.subscribe('q');
  told.push(listeners.leftAt('q'));
  listeners.unsubscribe('q', 4);
  told.push(listeners.leftAt('q'));
  assert.deepEqual(told, [undefined, undefined, undefined, 3, undefined, 4]);
});

test('of a queue that is gone it is not kept when its subscription ended', () => {
  const listeners = new Listeners();
  listeners.subscribe('q');
  listeners.forget('q');
  assert.equal(listeners.has('q'), true);
  listeners.unsubscribe('q', undefined);
  assert.deepEqual([listeners.has('q'), listeners.leftAt('q')], [false, undefined]);
});
