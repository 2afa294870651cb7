import type { TestContext } from 'node:test';
import { type JoinedQueue, type JoinOptions, joinSwitch } from '../../src/switch/join.ts';
import type { HttpClient } from './helpers.ts';

export const SERVICE = 'service';

export interface TestJoin {
  readonly joined: JoinedQueue;
  /** What was told, in order: `joined`, `lost: …`, `refused: …`. */
  readonly told: readonly string[];
  /** Settles when that many were told. */
  toldTimes(count: number): Promise<void>;
  /** The next pause between two tries. */
  pauses(): Promise<Pause>;
  /** Moves the clock that the times of the report are of. */
  tick(ms: number): void;
}

export interface Pause {
  readonly ms: number;
  end(): void;
}

/** Joins a switch, with pauses that end when the test says. */
export function join(t: TestContext, path: string, overrides: Partial<JoinOptions> = {}): TestJoin {
  const told: string[] = [];
  const pauses: Pause[] = [];
  let clock = 0;
  let wake = Promise.withResolvers<void>();
  const news = () => {
    wake.resolve();
    wake = Promise.withResolvers();
  };
  const tell = (text: string) => {
    told.push(text);
    news();
  };
  const joined = joinSwitch({
    path,
    queue: SERVICE,
    token: 'datapathd:7',
    answer: (payload) => `echo ${payload}`,
    refusal: (reason) => `refused: ${reason}`,
    maxConcurrent: 10,
    maxAnswerBytes: 1024 * 1024,
    answerSetting: 'the.setting',
    timeouts: { request: 3_600_000, transfer: 10_000 },
    observer: {
      joined: () => tell('joined'),
      lost: (reason) => tell(`lost: ${reason}`),
      refused: (reason) => tell(`refused: ${reason}`),
    },
    now: () => clock,
    pause: (ms, signal) =>
      new Promise<void>((end) => {
        signal.addEventListener('abort', () => end());
        pauses.push({ ms, end });
        news();
      }),
    ...overrides,
  });
  t.after(() => joined.stop());
  return {
    joined,
    told,
    toldTimes: async (count) => {
      while (told.length < count) await wake.promise;
    },
    pauses: async () => {
      for (;;) {
        const pause = pauses.shift();
        if (pause !== undefined) return pause;
        await wake.promise;
      }
    },
    tick: (ms) => {
      clock += ms;
    },
  };
}

/** Answers that take as long as the test says. */
export interface Slow {
  readonly answer: (payload: Buffer) => Promise<string>;
  /** Payloads, in the order in which they were begun. */
  readonly begun: readonly string[];
  begins(count: number): Promise<void>;
  finish(payload: string): void;
}

export function slow(): Slow {
  const begun: string[] = [];
  const waiting = new Map<string, () => void>();
  let wake = Promise.withResolvers<void>();
  return {
    begun,
    answer: (payload) => {
      const text = payload.toString();
      begun.push(text);
      const { promise, resolve } = Promise.withResolvers<string>();
      waiting.set(text, () => resolve(`done ${text}`));
      wake.resolve();
      wake = Promise.withResolvers();
      return promise;
    },
    begins: async (count) => {
      while (begun.length < count) await wake.promise;
    },
    finish: (payload) => waiting.get(payload)?.(),
  };
}

/** Settles when nothing waits in the queue. */
export async function drained(caller: HttpClient, queue: string): Promise<void> {
  for (;;) {
    const { permanent_queues: queues } = JSON.parse(await caller.text('GET', '/'));
    if (queues[queue].queue_contents.length === 0) return;
  }
}
