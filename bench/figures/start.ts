import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { compareTimes } from '../compare.ts';
import { DAEMON, daemonWords, LS_LINE, queueSocket } from '../daemon.ts';
import type { Figure } from '../figure.ts';
import { benchDirectory, startProgram, stopProgram } from '../processes.ts';
import { inTurn } from '../statistics.ts';
import { startStore } from '../store.ts';

/** From the start of the process to the first answer with the attached SRs in it. */

const SRS = 10;
const ROUNDS = 7;
const RETRY_MS = 1;
const PEER = join(import.meta.dirname, '../peers/net-constant.ts');

export const start: Figure = {
  name: 'start',
  measure: async (progress) => {
    progress(`start to first answer: ${ROUNDS} rounds in turn with a bare node:net server`);
    const store = await startStore(SRS);
    const pairs = await inTurn(
      ROUNDS,
      () => {
        const directory = benchDirectory();
        return startAndAsk(DAEMON, queueSocket(directory), daemonWords(directory, store));
      },
      () => {
        const path = join(benchDirectory(), 'peer');
        return startAndAsk(PEER, path, [path]);
      },
    );
    await store.stop();
    return [
      {
        figure: 'start',
        title: `start to first answer, ${SRS} SRs`,
        unit: 'ms',
        ...compareTimes(pairs, 'datapathd', 'node:net, a constant line'),
        target: { type: 'printed' },
      },
    ];
  },
};

async function startAndAsk(program: string, path: string, words: readonly string[]): Promise<number> {
  const begun = performance.now();
  const child = startProgram(program, words);
  while (!(await answers(path))) {
    if (child.exitCode !== null) throw new Error(`${program} ended before it answered`);
    await pause(RETRY_MS);
  }
  const ms = performance.now() - begun;
  await stopProgram(child);
  return ms;
}

/** Asks once; a socket that is not there yet answers nothing. */
function answers(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(path);
  socket.on('error', () => resolve(false));
  socket.on('connect', () => socket.write(LS_LINE));
  socket.once('data', () => {
    socket.destroy();
    resolve(true);
  });
  return promise;
}
