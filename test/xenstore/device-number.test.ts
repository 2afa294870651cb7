import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deviceName, deviceNumber, parseDisk } from '../../src/xenstore/device-number.ts';

/** Names and numbers of Xen's docs/man/xen-vbd-interface.7. */
const DEVICES = [
  ['xvda', 51712],
  ['xvda1', 51713],
  ['xvdb', 51728],
  ['xvdp15', 51967],
  ['xvdq', 268439552],
  ['xvda16', 268435472],
  ['xvdba', 268448768],
  ['hda', 768],
  ['hda1', 769],
  ['hdb', 832],
  ['hdc', 5632],
  ['hdd2', 5698],
  ['sda', 2048],
  ['sdb3', 2067],
] as const;

for (const [name, number] of DEVICES) {
  test(`${name} is ${number}, and back`, () => {
    assert.equal(deviceNumber(name), number);
    assert.equal(deviceName(number), name);
    assert.equal(deviceNumber(`${number}`), number);
  });
}

test('what is no device of a scheme is none, and a number of no scheme stays a number', () => {
  for (const wrong of [
    '',
    'xvd',
    'xvda0',
    'xvda01',
    'sdq',
    'sda16',
    'hde',
    'hda64',
    'vda',
    'XVDA',
    '-1',
    '05',
    'xvda256',
    'xvdzzzzz',
  ]) {
    assert.equal(deviceNumber(wrong), undefined, wrong);
  }
  for (const number of [0, 5, 65535, 768 + 128]) assert.equal(deviceName(number), `${number}`);
});

test('a disk is its domain and its device', () => {
  assert.deepEqual(parseDisk('3/xvda'), { type: 'disk', domid: 3, devid: 51712 });
  assert.deepEqual(parseDisk('0/768'), { type: 'disk', domid: 0, devid: 768 });
});

test('what is no disk is told with what was expected', () => {
  for (const wrong of ['', '3', '3/', '/xvda', 'x/xvda', '3/vda', '3/xvda/4', '123456/xvda']) {
    const answer = parseDisk(wrong);
    assert.ok(answer.type === 'wrong');
    assert.ok(answer.reason.startsWith('expected DOMID/DEVICE'), answer.reason);
    assert.ok(answer.reason.endsWith(`got ${JSON.stringify(wrong)}`), answer.reason);
  }
});
