/** Runs tasks on one key one after the other, in the order of their arrival, and those on other keys beside them. */
export interface Ordering {
  /** Gives what the task gives, or throws what it throws. `task` is told how many ms it waited for those before it. */
  run<T>(key: string, task: (waited: number) => Promise<T>): Promise<T>;
  /** How many tasks there are on a key, the one that runs among them. */
  size(key: string): number;
}

/** `now`: a clock in ms. */
export function createOrdering(now: () => number): Ordering {
  const lasts = new Map<string, { readonly over: Promise<void>; tasks: number }>();
  return {
    run: (key, task) => {
      const arrived = now();
      const before = lasts.get(key);
      const result = before === undefined ? task(0) : before.over.then(() => task(now() - arrived));
      const here = { over: result.then(ignore, ignore), tasks: (before?.tasks ?? 0) + 1 };
      lasts.set(key, here);
      here.over.then(() => {
        const last = lasts.get(key);
        if (last === here) lasts.delete(key);
        else if (last !== undefined) last.tasks -= 1;
      });
      return result;
    },
    size: (key) => lasts.get(key)?.tasks ?? 0,
  };
}

const ignore = (): void => {};
