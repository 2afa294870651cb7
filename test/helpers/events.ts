import type { EventListener } from '../../src/xenstore/requests.ts';

/** Watch events as they come, for tests to wait for. */
export interface EventLog {
  readonly listener: EventListener;
  readonly seen: string[];
  /** Settles when an event with this path and token has come since the last call that gave one. */
  expect(path: string, token: string): Promise<void>;
}

export function logEvents(): EventLog {
  const seen: string[] = [];
  let from = 0;
  let wake = () => {};
  return {
    seen,
    listener: (path, token) => {
      seen.push(`${path} ${token}`);
      wake();
    },
    expect: async (path, token) => {
      for (;;) {
        const found = seen.indexOf(`${path} ${token}`, from);
        if (found >= 0) {
          from = found + 1;
          return;
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}
