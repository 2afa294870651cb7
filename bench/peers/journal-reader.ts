import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { Unpackr } from 'msgpackr/unpack';

/** The least that it takes to read a file of the journal: reads, checks the checksums and unpacks; tells how many. */
const [path = ''] = process.argv.slice(2);
const HEADER_BYTES = 8;
const CHUNK_BYTES = 4 * 1024 * 1024;

const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true });
const fd = openSync(path, 'r');
const { size } = fstatSync(fd);
const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
let found = 0;
let start = 0;
while (start < size) {
  const read = readSync(fd, chunk, 0, CHUNK_BYTES, start);
  let at = 0;
  while (at + HEADER_BYTES <= read) {
    const end = at + HEADER_BYTES + chunk.readUInt32LE(at);
    if (end > read) break;
    const body = chunk.subarray(at + HEADER_BYTES, end);
    if (crc32(body) !== chunk.readUInt32LE(at + 4)) throw new Error('a wrong checksum');
    found += unpackr.unpack(body).length;
    at = end;
  }
  start += at;
}
closeSync(fd);
process.send?.(found);
