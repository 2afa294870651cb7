import { join } from 'node:path';
import { compareTimes } from '../compare.ts';
import { unitEnvironment } from '../daemon.ts';
import type { Figure } from '../figure.ts';
import { linkJournal, waitingMessages, writeJournal } from '../journal.ts';
import { benchDirectory, nextMessage, startProgram } from '../processes.ts';
import { inTurn } from '../statistics.ts';
import { journalOf, startSwitch } from '../switch.ts';

/** The start of a switch with many messages in its journal, beside a bare loop over the same records. */

const MESSAGES = 1_000_000;
const PAYLOAD_BYTES = 100;
const ROUNDS = 5;
const READER = join(import.meta.dirname, '../peers/journal-reader.ts');

export const switchStart: Figure = {
  name: 'switch-start',
  measure: async (progress) => {
    const title = `start of a switch with ${MESSAGES} messages of ${PAYLOAD_BYTES} bytes in its journal`;
    progress(`${title}: ${ROUNDS} rounds in turn with a bare loop`);
    const prepared = benchDirectory();
    const file = writeJournal(prepared, waitingMessages('waiting', MESSAGES, PAYLOAD_BYTES));
    const compiled = benchDirectory();
    const pairs = await inTurn(
      ROUNDS,
      () => startOn(prepared, compiled),
      () => readAll(file, compiled),
    );
    return [
      {
        figure: 'switch-start',
        title,
        unit: 'ms',
        ...compareTimes(pairs, 'datapathd', 'a process that reads, checks and unpacks the same'),
        target: { type: 'ratio-at-most', ratio: 2 },
      },
    ];
  },
};

async function startOn(prepared: string, compiled: string): Promise<number> {
  const directory = benchDirectory();
  linkJournal(prepared, journalOf(directory));
  const begun = performance.now();
  const server = await startSwitch({ sync: 'never', directory, compiled });
  const ms = performance.now() - begun;
  await server.stop();
  return ms;
}

async function readAll(file: string, compiled: string): Promise<number> {
  const begun = performance.now();
  const found = Number(await nextMessage(startProgram(READER, [file], [], unitEnvironment(compiled))));
  const ms = performance.now() - begun;
  if (found < MESSAGES) throw new Error(`the bare loop found ${found} operations`);
  return ms;
}
