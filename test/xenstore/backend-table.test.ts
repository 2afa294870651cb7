import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Backend, type BackendNode, BackendTable } from '../../src/xenstore/backend-table.ts';
import {
  BACKEND_KINDS,
  type BackendKind,
  XENBUS_STATES,
  type XenbusState,
} from '../../src/xenstore/xenbus.ts';

const backend = (
  domid: number,
  kind: BackendKind,
  frontendDomid: number,
  devid: number,
  state?: XenbusState,
): Backend => ({
  domid,
  kind,
  frontendDomid,
  devid,
  state,
  online: true,
  frontend: undefined,
  params: undefined,
  mode: 'w',
  physicalDevice: undefined,
  physicalDevicePath: undefined,
  hotplugStatus: undefined,
});

const followed = (...where: Parameters<typeof backend>): BackendNode => ({
  type: 'followed',
  backend: backend(...where),
});

test('a change is told only when what is followed has changed', () => {
  const table = new BackendTable(10);
  const set = (node: BackendNode | undefined) => table.set(0, 'vbd', '5', '1', node);
  assert.equal(set(followed(0, 'vbd', 5, 1)), true);
  assert.equal(set(followed(0, 'vbd', 5, 1)), false);
  assert.equal(set(followed(0, 'vbd', 5, 1, 'Closed')), true);
  assert.equal(set({ type: 'left-out', reason: 'too-large' }), true);
  assert.equal(set(undefined), false);
});

test('one that is followed stays so when the table is full, and what waits is named once there is room', () => {
  const table = new BackendTable(1);
  table.set(0, 'vbd', '5', '1', followed(0, 'vbd', 5, 1));
  table.set(0, 'vbd', '5', '2', followed(0, 'vbd', 5, 2));
  table.set(0, 'vbd', '5', '3', followed(0, 'vbd', 5, 3));
  assert.equal(table.set(0, 'vbd', '5', '1', followed(0, 'vbd', 5, 1, 'Connected')), true);
  assert.deepEqual([...table.withRoomNow(0, 'vbd')], []);
  table.set(0, 'vbd', '5', '1', undefined);
  assert.deepEqual([...table.withRoomNow(0, 'vbd')], ['5/2']);
});

test('a domain that is removed gives its room back', () => {
  const table = new BackendTable(1);
  table.set(7, 'vbd', '5', '1', followed(7, 'vbd', 5, 1));
  assert.equal(table.removeDomain(7), true);
  assert.equal(table.removeDomain(7), false);
  assert.equal(table.room, 1);
  assert.deepEqual([...table.all()], []);
});

const place = fc.record({
  domid: fc.integer({ min: 0, max: 1 }),
  kind: fc.constantFrom(...BACKEND_KINDS),
  frontend: fc.integer({ min: 0, max: 2 }),
  device: fc.integer({ min: 0, max: 2 }),
});
const operation = fc.record({
  place,
  what: fc.oneof(
    fc.constant('gone' as const),
    fc.constant('too-large' as const),
    fc.constantFrom(undefined, ...XENBUS_STATES),
  ),
});

test('counts are what a recount gives, whatever was set', () => {
  fc.assert(
    fc.property(
      fc.array(operation, { maxLength: 60 }),
      fc.integer({ min: 0, max: 12 }),
      (operations, max) => {
        const table = new BackendTable(max);
        for (const domid of [0, 1]) for (const kind of BACKEND_KINDS) table.setPresent(domid, kind, true);
        for (const { place: at, what } of operations) {
          const { domid, kind, frontend, device } = at;
          const node: BackendNode | undefined =
            what === 'gone'
              ? undefined
              : what === 'too-large'
                ? { type: 'left-out', reason: what }
                : followed(domid, kind, frontend, device, what);
          table.set(domid, kind, `${frontend}`, `${device}`, node);
        }
        const all = [...table.all()];
        assert.ok(all.length <= max);
        assert.equal(table.room, max - all.length);
        for (const { domid, kind, count, states } of table.report()) {
          const here = all.filter((one) => one.domid === domid && one.kind === kind);
          assert.equal(count, here.length);
          assert.equal(table.count(domid, kind), here.length);
          const recount = new Map<string, number>();
          for (const { state = 'no state' } of here) recount.set(state, (recount.get(state) ?? 0) + 1);
          assert.deepEqual(new Map<string, number>([...states].sort()), new Map([...recount].sort()));
        }
        for (const one of all) {
          assert.equal(table.get(one.domid, one.kind, one.frontendDomid, one.devid), one);
        }
      },
    ),
  );
});
