/**
 * Calls `beat` now and every `interval` ms, for as long as the event loop works: not from its timers, but when it has also
 * looked after what came in from outside. A loop that hangs anywhere beats no more. It keeps no process alive.
 */
export function startWatchdog(interval: number, beat: () => void): void {
  beat();
  setInterval(() => setImmediate(beat).unref(), interval).unref();
}
