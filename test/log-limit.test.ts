import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { limitRepeats } from '../src/log-limit.ts';

/** A limit with a clock that stands still until it is moved. */
function heldLimit(maxRepeats: number, interval = 1000) {
  const clock = { now: 5000 };
  const limit = limitRepeats({ maxRepeats, interval, now: () => clock.now });
  const lines: string[] = [];
  return {
    clock,
    lines,
    log: (source: string) =>
      limit.log(source, (more) => lines.push(more === 0 ? source : `${source}+${more}`)),
  };
}

test('a source may log so many lines in an interval, and no more', () => {
  const { log, lines, clock } = heldLimit(3);
  for (let count = 0; count < 100; count += 1) log('a');
  clock.now += 999;
  log('a');
  assert.deepEqual(lines, ['a', 'a', 'a']);
});

test('after the interval it may log again, and tells how many lines were left out', () => {
  const { log, lines, clock } = heldLimit(2);
  for (let count = 0; count < 7; count += 1) log('a');
  clock.now += 1000;
  for (let count = 0; count < 3; count += 1) log('a');
  assert.deepEqual(lines, ['a', 'a', 'a+5', 'a']);
});

test('what was left out is told when the source speaks next, however late', () => {
  const { log, lines, clock } = heldLimit(1);
  for (let count = 0; count < 3; count += 1) log('a');
  clock.now += 1_000_000;
  log('a');
  assert.deepEqual(lines, ['a', 'a+2']);
});

test('a source that stays within its lines is never held back', () => {
  const { log, lines, clock } = heldLimit(1);
  for (let count = 0; count < 5; count += 1) {
    log('a');
    clock.now += 1000;
  }
  assert.deepEqual(lines, ['a', 'a', 'a', 'a', 'a']);
});

test('a noisy source takes nothing from the others', () => {
  const { log, lines } = heldLimit(1);
  for (let count = 0; count < 100; count += 1) log('noisy');
  log('quiet');
  assert.deepEqual(lines, ['noisy', 'quiet']);
});

test('without an interval nothing is left out', () => {
  const { log, lines } = heldLimit(1, 0);
  for (let count = 0; count < 3; count += 1) log('a');
  assert.deepEqual(lines, ['a', 'a', 'a']);
});

test('of more sources than are remembered, the one that began longest ago is forgotten', () => {
  const { log, lines } = heldLimit(1);
  for (let count = 0; count <= 1000; count += 1) log(`source ${count}`);
  lines.length = 0;
  log('source 1');
  log('source 1000');
  log('source 0');
  assert.deepEqual(lines, ['source 0']);
});

test('every line is written or counted, as long as its source speaks again', () => {
  const step = fc.record({ source: fc.constantFrom('a', 'b', 'c'), wait: fc.integer({ min: 0, max: 400 }) });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), fc.array(step), (maxRepeats, steps) => {
      const clock = { now: 0 };
      const limit = limitRepeats({ maxRepeats, interval: 1000, now: () => clock.now });
      const told = new Map([
        ['a', 0],
        ['b', 0],
        ['c', 0],
      ]);
      const log = (source: string) =>
        limit.log(source, (more) => told.set(source, (told.get(source) ?? 0) + 1 + more));
      for (const { source, wait } of steps) {
        clock.now += wait;
        log(source);
      }
      clock.now += 1000;
      for (const source of told.keys()) {
        log(source);
        const logged = steps.filter((other) => other.source === source).length + 1;
        assert.equal(told.get(source), logged);
      }
    }),
  );
});
