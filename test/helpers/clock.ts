import type { TestContext } from 'node:test';
import { holdUp } from './hold-up.ts';

export interface Clock {
  /** Timers that are over by then run. */
  pass(ms: number): void;
  /** The time passes before what has come in by now is read, as it does for a process that was held up. */
  passUnread(ms: number): void;
  /** Timers are late by so much: what holds up a process. */
  holdUp(ms: number): void;
  /** It runs on by itself. */
  release(): void;
}

/** Stops the clock and the timers of this process, until the test moves them. */
export function stopClock(t: TestContext): Clock {
  const { setTimeout: realTimeout } = globalThis;
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let time = performance.now();
  const { mock: now } = t.mock.method(performance, 'now', () => time);
  const pass = (ms: number): void => {
    // Each timer is to see its own time.
    for (let passed = 0; passed < ms; passed += 1) {
      time += 1;
      t.mock.timers.tick(1);
    }
  };
  return {
    pass,
    passUnread: (ms) => {
      realTimeout(pass, 1, ms);
      // Then it is due in this turn.
      holdUp(5);
    },
    holdUp: (ms) => {
      time += ms;
    },
    release: () => {
      t.mock.timers.reset();
      now.restore();
    },
  };
}
