import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  emptyMap,
  lookUp,
  type PersistentMap,
  valuesOf,
  withEntry,
  withoutEntry,
} from '../../../src/xenstore/embedded/persistent-map.ts';

/** Pairs whose hashes of 32 bits are the same: no fork tells them apart. */
const SAME_HASH = ['costarring', 'liquid', 'declinate', 'macallums', 'altarage', 'zinke'];

const key = fc.oneof(
  fc.string({ maxLength: 2 }),
  fc.constantFrom(...SAME_HASH, '__proto__', 'constructor'),
  fc.nat(3000).map(String),
);
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ type: fc.constant('put' as const), key, value: fc.nat() }) },
  fc.record({ type: fc.constant('take' as const), key }),
);

/** That the map has the entries, and no others. */
function assertHolds(map: PersistentMap<number>, entries: ReadonlyMap<string, number>): void {
  for (const [name, value] of entries) assert.equal(lookUp(map, name), value);
  const sorted = (values: Iterable<number>) => [...values].sort((a, b) => a - b);
  assert.deepEqual(sorted(valuesOf(map)), sorted(entries.values()));
}

test("it holds what JavaScript's own map holds after the same steps", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 500 }), (steps) => {
      let map = emptyMap<number>();
      const model = new Map<string, number>();
      for (const each of steps) {
        if (each.type === 'put') {
          map = withEntry(map, each.key, each.value);
          model.set(each.key, each.value);
        } else {
          map = withoutEntry(map, each.key);
          model.delete(each.key);
          assert.equal(lookUp(map, each.key), undefined);
        }
      }
      assertHolds(map, model);
    }),
    { numRuns: 50 },
  );
});

test('a change leaves the map as it was for those who hold it', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(key, fc.nat())), fc.array(step), (entries, steps) => {
      const before = entries.reduce((map, [name, value]) => withEntry(map, name, value), emptyMap<number>());
      let map = before;
      for (const each of steps) {
        map = each.type === 'put' ? withEntry(map, each.key, each.value) : withoutEntry(map, each.key);
      }
      assertHolds(before, new Map(entries));
    }),
  );
});

test('ten thousand entries come and go', () => {
  const names = Array.from({ length: 10_000 }, (_, index) => `name-${index}`);
  let map = names.reduce((grown, name, index) => withEntry(grown, name, index), emptyMap<number>());
  assertHolds(map, new Map(names.map((name, index) => [name, index])));
  for (const name of names) map = withoutEntry(map, name);
  assert.deepEqual([...valuesOf(map)], []);
  assert.equal(map, emptyMap());
});

test('more keys of one hash than a bucket takes are all found', () => {
  // Any suffix keeps two equal hashes equal.
  const names = Array.from({ length: 20 }, (_, index) => [`costarring${index}`, `liquid${index}`]).flat();
  const map = names.reduce((grown, name, index) => withEntry(grown, name, index), emptyMap<number>());
  assertHolds(map, new Map(names.map((name, index) => [name, index])));
});
