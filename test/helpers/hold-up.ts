/** Holds up this process for at least so many ms, in which its event loop does not turn: what comes is not read, and timers are late. */
export function holdUp(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
