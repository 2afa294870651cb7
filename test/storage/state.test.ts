import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Datapath, mayWrite } from '../../src/storage/datapath-state.ts';
import type { StorageOperation } from '../../src/storage/operations.ts';
import { StorageState } from '../../src/storage/state.ts';
import { choiceOf } from './model-driver.ts';
import { datapath as anyDatapath, operation } from './model-operations.ts';

const stateOf = (operations: Iterable<StorageOperation>): StorageState => {
  const state = new StorageState();
  for (const each of operations) state.apply(each);
  return state;
};

/** All that a state says of what it holds. */
const said = (state: StorageState) => ({
  boot: state.boot,
  srs: state.srs,
  opened: new Set(state.opened),
  datapaths: new Set(state.datapaths),
  writers: new Map([...state.datapaths].map((each) => [each, state.writer(each) !== undefined])),
  counts: state.counts,
});

const history = fc.array(operation, { maxLength: 30, size: 'max' });

test('its snapshot makes the same state anew', () => {
  fc.assert(
    fc.property(history, (operations) => {
      const state = stateOf(operations);
      assert.deepEqual(said(stateOf(state.snapshot())), said(state));
    }),
    { numRuns: 300 },
  );
});

test('a snapshot that was begun before later changes makes the same state with them', () => {
  fc.assert(
    fc.property(history, fc.array(operation, { maxLength: 10 }), fc.nat(5), (before, after, taken) => {
      const changes = after.filter(({ type }) => type !== 'booted');
      const state = stateOf(before);
      const snapshot = state.snapshot()[Symbol.iterator]();
      const kept: StorageOperation[] = [];
      const take = (): void => {
        const { value, done } = snapshot.next();
        if (done !== true) kept.push(value);
      };
      for (let at = 0; at < taken; at += 1) take();
      for (const change of changes) state.apply(change);
      kept.push(...{ [Symbol.iterator]: () => snapshot });
      assert.deepEqual(said(stateOf([...kept, ...changes])), said(state));
    }),
    { numRuns: 300 },
  );
});

test('what was done last to a thing is what it is', () => {
  fc.assert(
    fc.property(history, anyDatapath, (operations, datapath) => {
      const state = stateOf(operations);
      state.apply({ type: 'datapath-changed', datapath });
      assert.deepEqual(state.datapath(datapath), datapath);
      state.apply({ type: 'datapath-closed', key: datapath });
      assert.equal(state.datapath(datapath), undefined);
      assert.equal([...state.datapaths].length, state.counts.datapaths);
    }),
  );
});

test('a writer is found among the datapaths of other domains to the same volume, and nowhere else', () => {
  fc.assert(
    fc.property(history, anyDatapath, (operations, datapath) => {
      const state = stateOf(operations);
      const writers = [...state.datapaths].filter(
        (other) =>
          other.sr === datapath.sr &&
          other.choice.volume === datapath.choice.volume &&
          other.domain !== datapath.domain &&
          mayWrite(other),
      );
      const writer = state.writer(datapath);
      assert.equal(writer === undefined, writers.length === 0);
      if (writer !== undefined) assert.ok(writers.includes(writer));
    }),
    { numRuns: 300 },
  );
});

test('a boot of the host leaves nothing but itself', () => {
  fc.assert(
    fc.property(history, (operations) => {
      const state = stateOf([...operations, { type: 'booted', boot: 'another' }]);
      assert.deepEqual(said(state), said(stateOf([{ type: 'booted', boot: 'another' }])));
    }),
  );
});

const WRITER: Datapath = {
  ...{ sr: 'sr', vdi: 'a', domain: '7', choice: choiceOf(), holders: [] },
  ...{ phase: 'attached', backend: null, underWay: { step: 'activate', writing: true } },
};

test('a datapath that leads to another volume now does not count for the one before', () => {
  const state = stateOf([
    { type: 'datapath-changed', datapath: WRITER },
    { type: 'datapath-changed', datapath: { ...WRITER, choice: choiceOf({ volume: 'b' }) } },
  ]);
  const other = { ...WRITER, domain: '8' };
  assert.equal(state.writer(other), undefined);
  assert.equal(state.writer({ ...other, choice: choiceOf({ volume: 'b' }) })?.domain, '7');
});

test('names that would be one when put together are not taken for each other', () => {
  const state = stateOf([{ type: 'datapath-changed', datapath: { ...WRITER, sr: 'a', vdi: 'b/c' } }]);
  assert.equal(state.datapath({ sr: 'a/b', vdi: 'c', domain: '7' }), undefined);
});
