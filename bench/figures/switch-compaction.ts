import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Operation } from '../../src/switch/protocol.ts';
import type { Figure } from '../figure.ts';
import { ackedMessages, linkJournal, waitingMessages, writeJournal } from '../journal.ts';
import { benchDirectory } from '../processes.ts';
import { median } from '../statistics.ts';
import { journalOf, startSwitch } from '../switch.ts';
import { openPair } from '../switch-http.ts';

/** The longest call while the journal is compacted, beside the longest of the same calls without that. */

const MESSAGES = 1_000_000;
const PAYLOAD_BYTES = 100;
const MIB = 1024 * 1024;
/** So many MiB of messages that were acked make a compaction worth while. */
const ACKED = 220;
const ROUNDS = 5;
const LONGEST_COMPACTION_MS = 120_000;

export const switchCompaction: Figure = {
  name: 'switch-compaction',
  measure: async (progress) => {
    const title = `longest call while a journal of ${MESSAGES} messages is compacted`;
    progress(`${title}: ${ROUNDS} rounds in turn with one that is not`);
    const [worthwhile, small] = [benchDirectory(), benchDirectory()];
    writeJournal(small, waitingMessages('waiting', MESSAGES, PAYLOAD_BYTES));
    writeJournal(worthwhile, operationsToCompact());
    const compacting: Calls[] = [];
    const quiet: Calls[] = [];
    for (let round = 1; round <= ROUNDS; round += 1) {
      const read = await callsOn(worthwhile);
      compacting.push(read);
      quiet.push(await callsOn(small, read.ms));
      progress(`round ${round}: compacted in ${Math.round(read.ms)} ms, with ${read.calls} calls`);
    }
    const ours = median(compacting.map(({ longest }) => longest));
    const peer = median(quiet.map(({ longest }) => longest));
    return [
      {
        figure: 'switch-compaction',
        title,
        unit: 'ms',
        ours: { what: 'datapathd', value: ours },
        peer: { what: 'not compacted', value: peer },
        ratio: ours / peer,
        target: { type: 'above-at-most', difference: 20 },
      },
    ];
  },
};

interface Calls {
  readonly longest: number;
  readonly calls: number;
  readonly ms: number;
}

function* operationsToCompact(): Generator<Operation> {
  yield* waitingMessages('waiting', MESSAGES, PAYLOAD_BYTES);
  yield* ackedMessages('acked', ACKED, MIB);
}

/** Calls on a copy of the journal, one after the other, for the time given, or until it is compacted. */
async function callsOn(prepared: string, forMs?: number): Promise<Calls> {
  const directory = benchDirectory();
  const journal = journalOf(directory);
  linkJournal(prepared, journal);
  const [first = ''] = readdirSync(journal);
  const server = await startSwitch({ sync: 'always', words: ['--journal.segmentBytes=16MiB'], directory });
  // The first commit begins the compaction, which ends with the removal of what there was.
  const begun = performance.now();
  const pair = await openPair(server.path);
  let longest = 0;
  let calls = 0;
  let now = performance.now();
  while (forMs === undefined ? existsSync(join(journal, first)) : now - begun < forMs) {
    const asked = now;
    await pair.call();
    now = performance.now();
    longest = Math.max(longest, now - asked);
    calls += 1;
    if (now - begun > LONGEST_COMPACTION_MS) throw new Error('the journal was not compacted');
  }
  await pair.close();
  await server.stop();
  rmSync(directory, { recursive: true });
  return { longest, calls, ms: now - begun };
}
