import { setTimeout as pause } from 'node:timers/promises';
import { compareTimes } from '../compare.ts';
import { daemonWords } from '../daemon.ts';
import type { Figure } from '../figure.ts';
import { bareStart, layOutPackaged, type Packaged, resident, startPackaged } from '../packaged.ts';
import { benchDirectory } from '../processes.ts';
import { inTurn, median } from '../statistics.ts';
import { type Store, startStore } from '../store.ts';

/** What the package takes on a small host: from the start of the process to READY, and memory at rest. */

const SRS = 10;
const ROUNDS = 9;
const MOST_ABOVE_MS = 400;
const MOST_BYTES = 90 * 1024 * 1024;
/** What a start leaves behind is done by then. */
const REST_MS = 2000;

export const packaged: Figure = {
  name: 'package',
  measure: async (progress) => {
    progress(`the package: ${ROUNDS} starts in turn with a bare Node`);
    const store = await startStore(SRS);
    const program = await layOutPackaged();
    const compiled = benchDirectory();
    const sizes: number[] = [];
    // The first of a host, which compiles.
    const { ms: firstMs } = await start(program, store, compiled, sizes);
    const pairs = await inTurn(
      ROUNDS,
      async () => (await start(program, store, compiled, sizes)).ms,
      () => bareStart(program),
    );
    await store.stop();
    const times = compareTimes(pairs, 'datapathd', 'node, and nothing');
    const bytes = median(sizes);
    return [
      {
        figure: 'package',
        title: `start of the package to READY, ${SRS} SRs`,
        unit: 'ms',
        ...times,
        target: { type: 'above-at-most', difference: MOST_ABOVE_MS },
      },
      {
        figure: 'package',
        title: 'the first start, without a compile cache',
        unit: 'ms',
        ours: { what: 'datapathd', value: firstMs },
        peer: times.peer,
        ratio: firstMs / times.peer.value,
        target: { type: 'above-at-most', difference: MOST_ABOVE_MS },
      },
      {
        figure: 'package',
        title: 'resident at rest',
        unit: 'bytes',
        ours: { what: 'datapathd', value: bytes },
        peer: { what: 'what is allowed', value: MOST_BYTES },
        ratio: bytes / MOST_BYTES,
        target: { type: 'at-most', value: MOST_BYTES },
      },
    ];
  },
};

async function start(
  program: Packaged,
  store: Store,
  compiled: string,
  sizes: number[],
): Promise<{ ms: number }> {
  const { pid, ms, stop } = await startPackaged(program, daemonWords(benchDirectory(), store), compiled);
  await pause(REST_MS);
  sizes.push(resident(pid));
  await stop();
  return { ms };
}
