import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isUuid, readNode, SrTable } from '../../src/xenstore/sr-table.ts';

const UUID = '0a1b2c3d-0000-4000-8000-000000000001';
const uuidOf = (number: number): string => `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`;
const shown = (domid: number, uuid: string, plugin = 'p') => readNode(domid, uuid, uuid, plugin);

test('an SR is shown when its two keys are there and uuid is its name', () => {
  assert.deepEqual(readNode(3, UUID, UUID, 'q'), {
    type: 'shown',
    entry: { uuid: UUID, plugin: 'q', domid: 3 },
  });
});

test('an SR without one of its keys, or with another uuid in it, is half written', () => {
  for (const [uuid, plugin] of [
    [undefined, 'q'],
    [UUID, undefined],
    [UUID, ''],
    [uuidOf(2), 'q'],
    [UUID.toUpperCase(), 'q'],
  ]) {
    assert.deepEqual(readNode(0, UUID, uuid, plugin), { type: 'half-written' });
  }
});

test('a name that is no uuid as xe prints it is none', () => {
  for (const name of ['', 'x', UUID.toUpperCase(), `${UUID}0`, UUID.replaceAll('-', ''), `{${UUID}}`]) {
    assert.equal(isUuid(name), false, name);
    assert.deepEqual(readNode(0, name, name, 'q'), { type: 'no-uuid' });
  }
});

test('the uuids are sorted, frozen, and the same array until they are others', () => {
  const table = new SrTable();
  table.set(0, uuidOf(2), shown(0, uuidOf(2)));
  table.set(0, uuidOf(1), shown(0, uuidOf(1)));
  const first = table.uuids();
  assert.deepEqual(first, [uuidOf(1), uuidOf(2)]);
  assert.ok(Object.isFrozen(first));
  table.set(0, uuidOf(1), shown(0, uuidOf(1), 'another plugin'));
  table.set(0, 'junk', readNode(0, 'junk', undefined, undefined));
  assert.equal(table.uuids(), first);
  table.set(0, uuidOf(1), undefined);
  assert.deepEqual(table.uuids(), [uuidOf(2)]);
});

test('a change is told only when what is shown has changed', () => {
  const table = new SrTable();
  assert.equal(table.set(0, UUID, { type: 'half-written' }), false);
  assert.equal(table.set(0, UUID, shown(0, UUID)), true);
  assert.equal(table.set(0, UUID, shown(0, UUID)), false);
  assert.equal(table.set(0, UUID, shown(0, UUID, 'other')), true);
  assert.equal(table.set(0, UUID, undefined), true);
  assert.equal(table.set(0, UUID, undefined), false);
});

test('an SR that two domains publish is shown once, as the lowest domid has it', () => {
  const table = new SrTable();
  table.set(5, UUID, shown(5, UUID, 'five'));
  table.set(2, UUID, shown(2, UUID, 'two'));
  assert.deepEqual(table.uuids(), [UUID]);
  assert.equal(table.get(UUID)?.plugin, 'two');
  table.removeDomain(2);
  assert.equal(table.get(UUID)?.plugin, 'five');
  table.removeDomain(5);
  assert.deepEqual(table.uuids(), []);
});

test('the table shows what a map of all nodes shows', () => {
  const action = fc.record({
    domid: fc.integer({ min: 0, max: 2 }),
    number: fc.integer({ min: 0, max: 5 }),
    what: fc.constantFrom('shown', 'half-written', 'gone', 'domain gone'),
  });
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      const table = new SrTable();
      const model = new Map<string, string>();
      for (const { domid, number, what } of actions) {
        const uuid = uuidOf(number);
        if (what === 'domain gone') {
          table.removeDomain(domid);
          for (const key of [...model.keys()].filter((candidate) => candidate.startsWith(`${domid} `)))
            model.delete(key);
        } else {
          table.set(
            domid,
            uuid,
            what === 'shown' ? shown(domid, uuid) : what === 'gone' ? undefined : { type: what },
          );
          if (what === 'gone') model.delete(`${domid} ${uuid}`);
          else model.set(`${domid} ${uuid}`, what);
        }
        const entries = [...model]
          .filter(([, state]) => state === 'shown')
          .map(([key]) => key.split(' ')[1] ?? '');
        assert.deepEqual(table.uuids(), [...new Set(entries)].sort());
        assert.equal(
          table.ignored().halfWritten,
          [...model.values()].filter((state) => state === 'half-written').length,
        );
      }
    }),
  );
});
