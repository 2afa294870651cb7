import type { Figure, Row } from '../figure.ts';
import type { Memory } from '../processes.ts';
import { startStorage, useOf } from '../storage.ts';
import { uuidOf } from '../store.ts';

/** What a large host takes: SRs that are attached, and disks. */

const SRS = 10_000;
const DISKS = 10_000;
/** Calls that are under way at the same time. */
const AT_ONCE = 16;

export const storageMemory: Figure = {
  name: 'storage-memory',
  measure: async (progress) => {
    progress(`memory: attaching ${SRS} SRs and ${DISKS} disks`);
    const storage = await startStorage({ workers: true, sync: 'never' });
    const before = await storage.server.memory();
    await inFlight(SRS, (number) => {
      const sr = uuidOf(number);
      return storage.call('SR.attach', { sr, device_config: { sr } });
    });
    progress('memory: the SRs are attached');
    await inFlight(DISKS, (number) => storage.call('VDI.attach3', { ...useOf(number), read_write: true }));
    const after = await storage.server.memory();
    await storage.stop();
    return [row('heapUsed', 'heap', after, before), row('rss', 'resident', after, before)];
  },
};

const row = (what: keyof Memory, title: string, after: Memory, before: Memory): Row => ({
  figure: 'storage-memory',
  title: `${title} at ${SRS} attached SRs and ${DISKS} attached disks`,
  unit: 'bytes',
  ours: { what: 'all attached', value: after[what] },
  peer: { what: 'one SR', value: before[what] },
  ratio: after[what] / before[what],
  target: { type: 'printed' },
});

/** Makes so many calls, some of them at once. */
async function inFlight(count: number, call: (number: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) {
      const number = next;
      next += 1;
      await call(number);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
}
