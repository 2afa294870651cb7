/** Lets so many run at the same time, all together and of each plugin; the others wait in the order of their arrival. */
export interface Slots {
  /** Gives what ends the use of the slot, once; `undefined`: the signal came while it waited. */
  take(plugin: string, most: number, signal?: AbortSignal): Promise<(() => void) | undefined>;
  running(plugin?: string): number;
  waiting(plugin?: string): number;
}

interface Waiter {
  /** Grows with every arrival. */
  readonly turn: number;
  readonly most: number;
  readonly start: () => void;
}

export function createSlots(maxRunning: number): Slots {
  const running = new Map<string, number>();
  const waiting = new Map<string, Set<Waiter>>();
  let all = 0;
  let turn = 0;

  const begin = (plugin: string): void => {
    all += 1;
    running.set(plugin, (running.get(plugin) ?? 0) + 1);
  };
  const leave = (plugin: string): void => {
    all -= 1;
    const left = (running.get(plugin) ?? 0) - 1;
    if (left > 0) running.set(plugin, left);
    else running.delete(plugin);
    startNext();
  };
  const releaser = (plugin: string): (() => void) => {
    let used = true;
    return () => {
      if (used) leave(plugin);
      used = false;
    };
  };
  const unlist = (plugin: string, waiter: Waiter): void => {
    const others = waiting.get(plugin);
    others?.delete(waiter);
    if (others?.size === 0) waiting.delete(plugin);
  };
  const mayRun = (plugin: string, most: number): boolean =>
    all < maxRunning && (running.get(plugin) ?? 0) < most;

  /** Whoever came first of those that may run now. */
  const startNext = (): void => {
    let next: { plugin: string; waiter: Waiter } | undefined;
    for (const [plugin, [first]] of waiting) {
      if (first === undefined || !mayRun(plugin, first.most)) continue;
      if (next === undefined || first.turn < next.waiter.turn) next = { plugin, waiter: first };
    }
    if (next === undefined) return;
    unlist(next.plugin, next.waiter);
    begin(next.plugin);
    next.waiter.start();
    startNext();
  };

  const wait = (plugin: string, most: number, signal: AbortSignal | undefined): ReturnType<Slots['take']> =>
    new Promise((resolve) => {
      const waiter: Waiter = {
        turn: turn++,
        most,
        start: () => {
          signal?.removeEventListener('abort', giveUp);
          resolve(releaser(plugin));
        },
      };
      const giveUp = (): void => {
        unlist(plugin, waiter);
        resolve(undefined);
      };
      signal?.addEventListener('abort', giveUp, { once: true });
      const others = waiting.get(plugin) ?? new Set();
      waiting.set(plugin, others.add(waiter));
    });

  return {
    take: async (plugin, most, signal) => {
      if (signal?.aborted === true) return undefined;
      if (waiting.has(plugin) || !mayRun(plugin, most)) return wait(plugin, most, signal);
      begin(plugin);
      return releaser(plugin);
    },
    running: (plugin) => (plugin === undefined ? all : (running.get(plugin) ?? 0)),
    waiting: (plugin) => {
      if (plugin !== undefined) return waiting.get(plugin)?.size ?? 0;
      return [...waiting.values()].reduce((sum, { size }) => sum + size, 0);
    },
  };
}
