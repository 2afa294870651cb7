import { compareCalls } from '../compare.ts';
import type { Figure, Progress, Row } from '../figure.ts';
import type { Measured } from '../load.ts';
import { startSwitch } from '../switch.ts';
import { openListeners } from '../switch-listeners.ts';
import { runHttp, type SwitchLoad } from '../switch-load.ts';

/** What those who wait cost: the others, and memory. Two switches in turn, on one of which so many transfers wait. */

const LOAD: SwitchLoad = { calls: 20_000, inFlight: 16 };
const ROUNDS = 5;
const FEW = 1_000;
const MANY = 10_000;

export const switchWaiting: Figure = {
  name: 'switch-waiting',
  measure: async (progress) => {
    const few = await beside(progress, FEW);
    const many = await beside(progress, MANY);
    return [
      { ...few.rate, target: { type: 'ratio-at-least', ratio: 0.9 } },
      { ...many.rate, target: { type: 'printed' } },
      many.memory,
    ];
  },
};

interface Beside {
  readonly rate: Omit<Row, 'target'>;
  readonly memory: Row;
}

async function beside(progress: Progress, count: number): Promise<Beside> {
  const title = `RPC over HTTP while ${count} connections wait`;
  progress(`${title}: ${ROUNDS} rounds of ${LOAD.calls} calls in turn with none that wait`);
  const words = ['--sockets.maxConnections=11000', '--switch.maxSessions=20000', '--switch.maxQueues=20000'];
  const [ours, peer] = [
    await startSwitch({ sync: 'never', words }),
    await startSwitch({ sync: 'never', words }),
  ];
  const before = await ours.memory();
  const close = await openListeners(ours.path, count);
  const after = await ours.memory();
  const run = (server: typeof ours) => (): Promise<Measured> => runHttp(server, LOAD);
  const compared = await compareCalls(
    ROUNDS,
    { what: 'datapathd', run: run(ours) },
    { what: 'none that wait', run: run(peer) },
  );
  close();
  await Promise.all([ours.stop(), peer.stop()]);
  return {
    rate: { figure: 'switch-waiting', title, ...compared },
    memory: {
      figure: 'switch-waiting',
      title: `memory of a connection that waits, of ${count}`,
      unit: 'bytes',
      ours: { what: 'resident', value: (after.rss - before.rss) / count },
      peer: { what: 'in the heap', value: (after.heapUsed - before.heapUsed) / count },
      ratio: (after.rss - before.rss) / (after.heapUsed - before.heapUsed),
      target: { type: 'printed' },
    },
  };
}
