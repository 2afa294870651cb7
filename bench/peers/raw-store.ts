import { createConnection } from 'node:net';

/** The least that it takes to talk to a xenstored: packets of a header of four integers, and a payload. */
const HEADER_BYTES = 16;
export const DIRECTORY = 1;
export const READ = 2;
export const WATCH = 4;
export const WATCH_EVENT = 15;

export interface RawStore {
  write(bytes: Buffer): void;
  close(): void;
}

/** Connects, and calls back for each packet, and after each piece of the stream. */
export function connectRaw(
  path: string,
  onPacket: (type: number, payload: Buffer) => void,
  onChunk: () => void = () => {},
): RawStore {
  const socket = createConnection(path);
  let left: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    const bytes = left.length === 0 ? chunk : Buffer.concat([left, chunk]);
    let at = 0;
    while (bytes.length - at >= HEADER_BYTES) {
      const end = at + HEADER_BYTES + bytes.readUInt32LE(at + 12);
      if (end > bytes.length) break;
      onPacket(bytes.readUInt32LE(at), bytes.subarray(at + HEADER_BYTES, end));
      at = end;
    }
    left = bytes.subarray(at);
    onChunk();
  });
  return { write: (bytes) => socket.write(bytes), close: () => socket.destroy() };
}

export function packet(type: number, id: number, payload: string): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + payload.length);
  bytes.writeUInt32LE(type, 0);
  bytes.writeUInt32LE(id, 4);
  bytes.writeUInt32LE(0, 8);
  bytes.writeUInt32LE(payload.length, 12);
  bytes.write(payload, HEADER_BYTES, 'latin1');
  return bytes;
}
