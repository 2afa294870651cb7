import type { Figure, Row } from '../figure.ts';
import { inFlight } from '../load.ts';
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
    await inFlight(SRS, AT_ONCE, (number) => {
      const sr = uuidOf(number);
      return storage.call('SR.attach', { sr, device_config: { sr } });
    });
    progress('memory: the SRs are attached');
    await inFlight(DISKS, AT_ONCE, (number) =>
      storage.call('VDI.attach3', { ...useOf(number), read_write: true }),
    );
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
