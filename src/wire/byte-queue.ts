const EMPTY = Buffer.alloc(0);
const SMALLEST_COPY = 1024;

/**
 * The bytes of a stream that have come and were not read yet, in one piece: `buffer` from `start` up to `end`.
 * What comes alone is held as it came; what comes behind unread bytes is copied behind them, into a buffer that grows
 * by doubling, so that a stream in single bytes costs neither quadratic time nor an object a byte. Bytes that were
 * consumed are not written to again: a view of them stays as it is.
 */
export class ByteQueue {
  buffer: Buffer = EMPTY;
  start = 0;
  end = 0;

  get length(): number {
    return this.end - this.start;
  }

  /** All unread bytes, as a view. */
  get unread(): Buffer {
    const { buffer, start, end } = this;
    return start === 0 && end === buffer.length ? buffer : buffer.subarray(start, end);
  }

  push(chunk: Buffer): void {
    if (this.start === this.end) {
      this.buffer = chunk;
      this.start = 0;
      this.end = chunk.length;
      return;
    }
    const length = this.length;
    if (!this.#owned || this.end + chunk.length > this.buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(SMALLEST_COPY, 2 * (length + chunk.length)));
      this.buffer.copy(larger, 0, this.start, this.end);
      this.buffer = larger;
      this.#ownedBuffer = larger;
      this.start = 0;
      this.end = length;
    }
    chunk.copy(this.buffer, this.end);
    this.end += chunk.length;
  }

  /** Lets go of the first `length` bytes. */
  consume(length: number): void {
    this.start += length;
    if (this.start === this.end) this.clear();
  }

  clear(): void {
    this.buffer = EMPTY;
    // A connection may be idle for days: the buffer of its largest message must not wait with it.
    this.#ownedBuffer = undefined;
    this.start = 0;
    this.end = 0;
  }

  /** The buffer is one that was made here, and may be written to behind `end`. */
  get #owned(): boolean {
    return this.buffer === this.#ownedBuffer;
  }

  #ownedBuffer: Buffer | undefined;
}
