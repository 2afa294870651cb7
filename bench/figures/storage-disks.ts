import { compareTimes } from '../compare.ts';
import type { Figure } from '../figure.ts';
import { inTurn } from '../statistics.ts';
import { type BenchStorage, startStorage, useOf } from '../storage.ts';

/** A guest with many disks starts: their scripts run side by side. */

const DISKS = 10;
const PAUSE_SECONDS = 1;
const ROUNDS = 3;

export const storageDisks: Figure = {
  name: 'storage-disks',
  measure: async (progress) => {
    progress(`${DISKS} disks at once: ${ROUNDS} rounds in turn with one`);
    const storage = await startStorage({ pause: PAUSE_SECONDS });
    const pairs = await inTurn(
      ROUNDS,
      () => attachAll(storage, DISKS),
      () => attachAll(storage, 1),
    );
    await storage.stop();
    return [
      {
        figure: 'storage-disks',
        title: `${DISKS} disks attached at once, scripts of ${PAUSE_SECONDS} s`,
        unit: 'ms',
        ...compareTimes(pairs, `${DISKS} disks`, 'one disk'),
        target: { type: 'ratio-at-most', ratio: 1.5 },
      },
    ];
  },
};

/** Attaches so many disks at once, tells the ms, and detaches them. */
async function attachAll(storage: BenchStorage, disks: number): Promise<number> {
  const uses = Array.from({ length: disks }, (_, number) => useOf(number));
  const begun = performance.now();
  await Promise.all(uses.map((use) => storage.call('VDI.attach3', { ...use, read_write: true })));
  const ms = performance.now() - begun;
  await Promise.all(uses.map((use) => storage.call('VDI.detach', use)));
  return ms;
}
