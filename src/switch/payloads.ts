import type { Block } from './held.ts';

const BLOCK_BYTES = 256 * 1024;
const LARGEST_SHARED_BYTES = 16 * 1024;
/** A block is given up when less than this part of it is still held. */
const SPARSE = 1 / 4;

/**
 * Memory for the payloads of one queue. A buffer of its own takes some 300 bytes beside its content: where much waits,
 * they share blocks.
 */
export class Payloads {
  #current: Block | undefined;
  #used = 0;

  /** A block that holds a payload, and its place there. `heldBytes` are all that wait in the queue. */
  keep(id: number, payload: Buffer, heldBytes: number): { readonly block: Block; readonly at: number } {
    const { length } = payload;
    if (heldBytes < BLOCK_BYTES || length === 0 || length > LARGEST_SHARED_BYTES) {
      return { block: ownBlock(id, payload), at: 0 };
    }
    let block = this.#current;
    if (block === undefined || this.#used + length > BLOCK_BYTES) {
      block = { bytes: Buffer.allocUnsafeSlow(BLOCK_BYTES), live: 0, firstId: id, lastId: id };
      this.#current = block;
      this.#used = 0;
    }
    const at = this.#used;
    payload.copy(block.bytes, at);
    this.#used += length;
    block.live += length;
    block.lastId = id;
    return { block, at };
  }

  /** A payload is held no longer. Gives a block from which all that is left is to be moved, so that it can be freed. */
  release(block: Block, length: number, heldBytes: number): Block | undefined {
    block.live -= length;
    const current = this.#current;
    if (current !== undefined && heldBytes < BLOCK_BYTES * SPARSE) {
      this.#current = undefined;
      return current;
    }
    const isSparse = block !== current && block.live > 0 && block.live < BLOCK_BYTES * SPARSE;
    return isSparse ? block : undefined;
  }
}

/**
 * A block for one payload alone. What comes from a connection is often a view of a whole packet, many times as large,
 * which it would keep in memory: it is copied.
 */
export function ownBlock(id: number, payload: Buffer): Block {
  return { bytes: ownBytes(payload), live: payload.length, firstId: id, lastId: id };
}

function ownBytes(bytes: Buffer): Buffer {
  if (bytes.length * 2 >= bytes.buffer.byteLength) return bytes;
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}
