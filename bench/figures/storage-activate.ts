import { execFile } from 'node:child_process';
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { compareTimes } from '../compare.ts';
import type { Figure, Row } from '../figure.ts';
import { benchDirectory } from '../processes.ts';
import { inTurn, median } from '../statistics.ts';
import { type BenchStorage, startStorage, useOf } from '../storage.ts';

/** A step in the downtime of a migration: through the switch, kept, and carried out by a script that does nothing. */

const ROUNDS = 30;
const WORKER_ROUNDS = 200;

export const storageActivate: Figure = {
  name: 'storage-activate',
  measure: async (progress) => {
    progress(`activate: ${ROUNDS} rounds in turn with a bare process and fdatasync`);
    const storage = await startStorage();
    const bare = bareStep(storage.activateScript);
    const step = await activation(storage);
    const pairs = await inTurn(ROUNDS, step, bare);
    await storage.stop();
    return [
      {
        figure: 'storage-activate',
        title: 'VDI.activate3, a Python script that does nothing',
        unit: 'ms',
        ...compareTimes(pairs, 'through the switch', 'the bare process, one fdatasync'),
        target: { type: 'ratio-at-most', ratio: 1.2 },
      },
    ];
  },
};

export const storageWorker: Figure = {
  name: 'storage-worker',
  measure: async (progress) => {
    progress(`activate with a worker: ${WORKER_ROUNDS} rounds, and as many with a process a call`);
    const rows: Row[] = [];
    for (const sync of ['never', 'always'] as const) {
      const [kept, spawned] = [await startStorage({ sync, workers: true }), await startStorage({ sync })];
      const [fast, slow] = [await activation(kept), await activation(spawned)];
      const pairs = await inTurn(WORKER_ROUNDS, fast, slow);
      await kept.stop();
      await spawned.stop();
      rows.push({
        figure: 'storage-worker',
        title: `VDI.activate3 by a worker, journal.sync=${sync}`,
        unit: 'ms',
        ...compareTimes(pairs, 'a worker', 'a process a call'),
        // How many times as fast.
        ratio: median(pairs.map(({ a, b }) => b / a)),
        target: sync === 'never' ? { type: 'ratio-at-least', ratio: 10 } : { type: 'printed' },
      });
    }
    return rows;
  },
};

/** Gives what activates a disk and tells the ms; between two of these it is deactivated. */
async function activation(storage: BenchStorage): Promise<() => Promise<number>> {
  const use = useOf(0);
  await storage.call('VDI.attach3', { ...use, read_write: true });
  return async () => {
    const begun = performance.now();
    await storage.call('VDI.activate3', use);
    const ms = performance.now() - begun;
    await storage.call('VDI.deactivate', use);
    return ms;
  };
}

/** The least that a step takes: the script's process, and one write that is on the disk. */
function bareStep(script: string): () => Promise<number> {
  const fd = openSync(join(benchDirectory(), 'journal'), 'a');
  process.once('exit', () => closeSync(fd));
  const run = promisify(execFile);
  const input = JSON.stringify({ dbg: 'bench', uri: 'bench://disk-0', domain: '1' });
  return async () => {
    const begun = performance.now();
    writeSync(fd, input);
    fdatasyncSync(fd);
    const running = run(script, ['--json']);
    running.child.stdin?.end(input);
    await running;
    return performance.now() - begun;
  };
}
