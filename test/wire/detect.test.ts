import assert from 'node:assert/strict';
import { test } from 'node:test';
import { detectProtocol, type Protocol } from '../../src/wire/detect.ts';

const rows: [Protocol, string | number[]][] = [
  ['http', 'GPDAZ'],
  ['json', '{[ \t\r\n'],
  ['length16', '0123456789'],
  ['messagepack', [0x90, 0x94, 0x9f, 0xdc, 0xdd]],
  ['xml', '<'],
  ['tls', [0x16]],
  ['unknown', 'az"-]}'],
  ['unknown', [0x00, 0x80, 0x8f, 0xa0, 0xc0, 0xde, 0xff]],
];
for (const [protocol, bytes] of rows) {
  test(`a connection that begins with one of ${JSON.stringify(bytes)} is taken for ${protocol}`, () => {
    for (const byte of typeof bytes === 'string' ? Buffer.from(bytes) : bytes)
      assert.equal(detectProtocol(byte), protocol);
  });
}
