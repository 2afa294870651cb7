import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeRecord, encodeRecord } from '../../src/journal/record.ts';
import type { Datapath } from '../../src/storage/datapath-state.ts';
import { type StorageOperation, storageCodec } from '../../src/storage/operations.ts';
import { BACKEND, choiceOf } from './model-driver.ts';
import { operation } from './model-operations.ts';

test('what is written is read as it was', () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 5 }), (operations) => {
      const [, body] = encodeRecord(storageCodec, operations);
      assert.deepEqual(decodeRecord(storageCodec, body), operations);
    }),
    { numRuns: 300 },
  );
});

test('it is written as a number and JSON that anybody can read', () => {
  fc.assert(
    fc.property(operation, (written) => {
      const [kind, json, ...rest] = storageCodec.encode(written);
      assert.equal(typeof kind, 'number');
      assert.deepEqual(rest, []);
      const { type: _, ...parts } = written;
      assert.deepEqual([JSON.parse(String(json))], Object.values(parts));
    }),
  );
});

const KEY = { sr: 'sr', vdi: 'a', domain: '7' };
const CHOSEN: Datapath = {
  ...KEY,
  ...{
    choice: choiceOf(),
    holders: [{ dp: 'p', writes: true, isActive: false }],
    underWay: null,
    phase: 'chosen',
  },
};
const ACTIVATED: Datapath = {
  ...CHOSEN,
  ...{ phase: 'activated', backend: BACKEND, by: 'activate', writing: true },
  underWay: { step: 'deactivate', writing: true },
};
const ATTACHED_SR = { sr: 'sr', queue: 'q', handle: 'h', datasources: ['d'], takenOver: false };
const OPENED = { sr: 'sr', vdi: 'a', vm: '7', choice: choiceOf(), persistent: false };

/** The numbers of the kinds never change: journals on disk are to be read by every later version. */
const KINDS: readonly (readonly [StorageOperation, number, boolean])[] = [
  [{ type: 'booted', boot: 'b' }, 1, true],
  [{ type: 'sr-attached', attached: ATTACHED_SR }, 2, true],
  [{ type: 'sr-detached', sr: 'sr' }, 3, false],
  [{ type: 'opened', opened: OPENED }, 4, true],
  [{ type: 'closed', key: { sr: 'sr', vdi: 'a', vm: '7' } }, 5, false],
  [{ type: 'datapath-changed', datapath: ACTIVATED }, 6, true],
  [{ type: 'datapath-closed', key: KEY }, 7, false],
  [{ type: 'datapath-lowered', datapath: CHOSEN }, 8, false],
];
for (const [written, kind, adds] of KINDS) {
  test(`${written.type} is the kind ${kind}, and ${adds ? 'has to be kept at once' : 'may be kept later'}`, () => {
    assert.equal(storageCodec.encode(written)[0], kind);
    assert.equal(storageCodec.adds(written), adds);
  });
}

test('what an operation was is told by nothing but its fields: what is no field of its is left alone', () => {
  const fields = [1, '"b"', 'and more'];
  assert.deepEqual(storageCodec.decode(fields), { type: 'booted', boot: 'b' });
});

const changed = (datapath: object): unknown[] => [6, JSON.stringify(datapath)];
const chosen = (given: object): unknown[] => changed({ ...CHOSEN, choice: { ...choiceOf(), ...given } });

const DAMAGED: readonly (readonly [string, unknown[], RegExp])[] = [
  ['no field', [], /^field 1: expected an integer/],
  ['a kind that is no number', ['1', '"b"'], /^field 1: expected an integer/],
  ['an unknown kind', [99, '"b"'], /unknown kind 99/],
  ['no JSON', [1], /^field 2: expected a text/],
  ['bytes for JSON', [1, Buffer.from('"b"')], /^field 2: expected a text/],
  ['JSON that is cut off', [1, '"b'], /./],
  ['a boot that is no text', [1, '5'], /^boot: expected string, got number 5/],
  [
    'an SR without its handle',
    [2, JSON.stringify({ ...ATTACHED_SR, handle: undefined })],
    /^attached\.handle: /,
  ],
  [
    'datasources that are no list',
    [2, JSON.stringify({ ...ATTACHED_SR, datasources: 'd' })],
    /^attached\.datasources: /,
  ],
  [
    'an SR that may be taken over',
    [2, JSON.stringify({ ...ATTACHED_SR, takenOver: 1 })],
    /^attached\.takenOver: /,
  ],
  ['an SR that is no text', [3, 'null'], /^sr: expected string, got null/],
  [
    'a disk that is open for nobody',
    [4, JSON.stringify({ ...OPENED, vm: 7 })],
    /^opened\.vm: expected string, got number 7/,
  ],
  [
    'a disk that is open somehow',
    [4, JSON.stringify({ ...OPENED, persistent: null })],
    /^opened\.persistent: /,
  ],
  [
    'a disk that is open without a choice',
    [4, JSON.stringify({ ...OPENED, choice: {} })],
    /^opened\.choice\.plugin: /,
  ],
  ['a key of nothing', [5, '[]'], /^key: /],
  ['a key without its disk', [5, '{"sr":"sr","vm":"7"}'], /^key\.vdi: expected string, got nothing/],
  ['a key without its domain', [7, '{"sr":"sr","vdi":"a"}'], /^key\.domain: expected string, got nothing/],
  ['a domid that is no integer', chosen({ domid: 0.5 }), /^datapath\.choice\.domid: /],
  ['a domid beyond 2^53', chosen({ domid: JSON.rawJSON('9007199254740993') }), /^datapath\.choice\.domid: /],
  [
    'an unknown implementation',
    chosen({ implementations: ['vbd9'] }),
    /^datapath\.choice\.implementations\.0: /,
  ],
  ['an unknown caching', chosen({ caching: 'most' }), /^datapath\.choice\.caching: /],
  ['a uuid that is no text', chosen({ domainUuid: 5 }), /^datapath\.choice\.domainUuid: /],
  [
    'a holder without a name',
    changed({ ...CHOSEN, holders: [{ writes: true, isActive: true }] }),
    /^datapath\.holders\.0\.dp: /,
  ],
  [
    'an unknown step',
    changed({ ...CHOSEN, underWay: { step: 'jump', writing: true } }),
    /^datapath\.underWay: /,
  ],
  ['a phase without its backend', changed({ ...CHOSEN, phase: 'attached' }), /^datapath\.backend: /],
  ['an unknown phase', changed({ ...CHOSEN, phase: 'lost' }), /^datapath\.phase: /],
  ['an unknown phase on the way down', [8, JSON.stringify({ ...CHOSEN, phase: 'lost' })], /^datapath/],
  ['an activation by nothing', changed({ ...ACTIVATED, by: 'itself' }), /^datapath\.by: /],
  [
    'a backend of an unknown form',
    changed({ ...ACTIVATED, backend: { implementations: [['X', {}]] } }),
    /^datapath\.backend: /,
  ],
];
for (const [what, fields, message] of DAMAGED) {
  test(`${what} is none that is written, and the error says where`, () => {
    assert.throws(() => storageCodec.decode(fields), { name: 'TypeError', message });
  });
}
