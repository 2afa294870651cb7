import type { Ordering } from './plugins/ordering.ts';
import type { InOrder } from './volume-queue/queue.ts';

/**
 * Calls on one disk of an SR, or on the SR itself, run one after the other in the order of their arrival. A call on
 * several disks takes its place behind each of them when it arrives: so none overtakes it, and no two wait for each other.
 * `waited` is told of each that had to, and for how many ms.
 */
export function createInOrder(
  ordering: Ordering,
  waited: (sr: string, ms: number) => void = () => {},
): InOrder {
  return async (sr, vdis, task) => {
    const keys = vdis.length === 0 ? [JSON.stringify([sr])] : vdis.map((vdi) => diskKey(sr, vdi));
    const [last = '', ...others] = new Set(keys);
    const over = Promise.withResolvers<void>();
    const turns = others.map((key) => {
      const turn = Promise.withResolvers<number>();
      ordering.run(key, (ms) => {
        turn.resolve(ms);
        return over.promise;
      });
      return turn.promise;
    });
    try {
      return await ordering.run(last, async (ms) => {
        const longest = Math.max(ms, ...(await Promise.all(turns)));
        if (longest > 0) waited(sr, longest);
        return task();
      });
    } finally {
      over.resolve();
    }
  };
}

/** What the calls on a disk are ordered by. */
export const diskKey = (sr: string, vdi: string): string => JSON.stringify([sr, vdi]);
