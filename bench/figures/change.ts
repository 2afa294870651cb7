import { join } from 'node:path';
import type { Connection } from '../../src/xenstore/connection.ts';
import type { Figure } from '../figure.ts';
import { nextMessage, startProgram, stopProgram } from '../processes.ts';
import { inTurn, quantile, sharedClock } from '../statistics.ts';
import { SR_ROOT, startStore, uuidOf } from '../store.ts';

/** From a write in xenstore to the view that shows it, beside a bare watcher's event. */

const SRS = 10_000;
const WRITES = 400;
const WARMING_WRITES = 100;
const ROUNDS = 5;
const TAIL = 0.99;

const VIEW = join(import.meta.dirname, '../programs/view.ts');
const WATCHER = join(import.meta.dirname, '../peers/watcher.ts');

export const change: Figure = {
  name: 'change',
  measure: async (progress) => {
    progress(`write to view: filling an oxenstored with ${SRS} SRs`);
    const store = await startStore(SRS);
    // One more, half written: writing its other key makes it appear.
    const uuid = uuidOf(SRS);
    await store.client.write(`${SR_ROOT}/${uuid}/uuid`, uuid);
    progress(`write to view: ${ROUNDS} rounds of ${WRITES} writes in turn with a bare watcher`);
    const pairs = await inTurn(
      ROUNDS,
      () => writeAndSee(store.client, uuid, VIEW, [store.socket, uuid]),
      () => writeAndSee(store.client, uuid, WATCHER, [store.socket, uuid]),
    );
    await store.stop();
    const ours = quantile(
      pairs.flatMap(({ a }) => a),
      TAIL,
    );
    const peer = quantile(
      pairs.flatMap(({ b }) => b),
      TAIL,
    );
    return [
      {
        figure: 'change',
        title: `write in xenstore to seen in the view, ${SRS} SRs, p99`,
        unit: 'ms',
        ours: { what: 'datapathd', value: ours },
        peer: { what: 'a bare watcher of oxenstored', value: peer },
        ratio: ours / peer,
        target: { type: 'ratio-at-most', ratio: 5 },
      },
    ];
  },
};

/**
 * Starts who looks, and writes for it, one write at a time: an SR appears, is seen, vanishes, is seen to be gone.
 * Gives for each time it appeared the ms from the write to the moment that the program tells.
 */
async function writeAndSee(
  client: Connection,
  uuid: string,
  program: string,
  words: readonly string[],
): Promise<number[]> {
  const child = startProgram(program, words);
  await nextMessage(child);
  const path = `${SR_ROOT}/${uuid}/plugin`;
  const latencies: number[] = [];
  for (let round = -WARMING_WRITES; round < WRITES; round += 1) {
    const seen = nextMessage(child);
    const begun = sharedClock();
    const written = client.write(path, 'org.xen.xapi.storage.other');
    const at = Number(await seen);
    await written;
    if (round >= 0) latencies.push(at - begun);
    const gone = nextMessage(child);
    await Promise.all([client.remove(path), gone]);
  }
  await stopProgram(child);
  return latencies;
}
