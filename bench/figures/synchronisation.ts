import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { compareTimes } from '../compare.ts';
import type { Figure } from '../figure.ts';
import { nextMessage, startProgram, stopProgram } from '../processes.ts';
import { inTurn } from '../statistics.ts';
import { startStore } from '../store.ts';

/** A whole synchronisation of the view, beside a bare reader of the same nodes. */

const SRS = 10_000;
const ROUNDS = 7;

const SYNCHRONISE = join(import.meta.dirname, '../programs/synchronise.ts');
const READER = join(import.meta.dirname, '../peers/reader.ts');

export const synchronisation: Figure = {
  name: 'synchronisation',
  measure: async (progress) => {
    progress(`full synchronisation: filling an oxenstored with ${SRS} SRs`);
    const store = await startStore(SRS);
    const view = startProgram(SYNCHRONISE, [store.socket]);
    const reader = startProgram(READER, [store.socket]);
    progress(`full synchronisation: ${ROUNDS} rounds in turn with a bare reader`);
    const pairs = await inTurn(
      ROUNDS,
      () => timeOf(view, SRS),
      () => timeOf(reader, SRS),
    );
    await Promise.all([stopProgram(view), stopProgram(reader)]);
    await store.stop();
    return [
      {
        figure: 'synchronisation',
        title: `full synchronisation of ${SRS} SRs`,
        unit: 'ms',
        ...compareTimes(pairs, 'datapathd', 'the same nodes of oxenstored, pipelined 128 deep'),
        target: { type: 'ratio-at-most', ratio: 2 },
      },
    ];
  },
};

/** One round of a program: it tells how long it took, and how many SRs it found. */
async function timeOf(child: ChildProcess, expected: number): Promise<number> {
  const told = nextMessage(child);
  child.send('go');
  const { ms, found } = Object(await told);
  if (found !== expected) throw new Error(`${child.spawnargs.join(' ')} found ${found} SRs, not ${expected}`);
  return Number(ms);
}
