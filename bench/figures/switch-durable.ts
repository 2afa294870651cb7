import { closeSync, fdatasyncSync, openSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Figure, Progress } from '../figure.ts';
import { benchDirectory, type Server } from '../processes.ts';
import { median } from '../statistics.ts';
import { startSwitch } from '../switch.ts';
import { runSenders } from '../switch-load.ts';

/** Requests that are on the disk before they are answered, beside those that are not, and what the disk itself does. */

const SENDERS = 64;
const REQUESTS = 60_000;
const ROUNDS = 5;
const LEAST_OF_NEVER = 0.6;
const TIMES_THE_DISK = 20;
const LEAST_A_SYNC = 10;

export const switchDurable: Figure = {
  name: 'switch-durable',
  measure: async (progress) => {
    const title = `durable requests over HTTP, ${SENDERS} senders`;
    progress(`${title}: ${ROUNDS} rounds of ${REQUESTS} in turn with journal.sync=never and the bare disk`);
    const words = [`--switch.maxQueueMessages=${REQUESTS + SENDERS}`, '--journal.segmentBytes=1GiB'];
    const directory = benchDirectory();
    warnOfMemoryDisk(progress, directory);
    const always = await startSwitch({ sync: 'always', words, directory });
    const never = await startSwitch({ sync: 'never', words });
    const rounds: Round[] = [];
    for (let round = 0; round <= ROUNDS; round += 1) {
      const read = await measureRound(always, never, directory);
      if (round > 0) rounds.push(read);
    }
    await Promise.all([always.stop(), never.stop()]);
    const middle = (pick: (round: Round) => number): number => median(rounds.map(pick));
    const row = { figure: 'switch-durable', unit: 'calls a second' } as const;
    const rate = middle((each) => each.always);
    const bound = (each: Round): number =>
      Math.min(TIMES_THE_DISK / each.syncSeconds, LEAST_OF_NEVER * each.never);
    return [
      {
        ...row,
        title,
        ours: { what: 'datapathd', value: rate },
        peer: {
          what:
            `the smaller of ${TIMES_THE_DISK} × the disk's ${Math.round(middle((each) => 1 / each.syncSeconds))} ` +
            `fdatasync/s and ${LEAST_OF_NEVER} × ${Math.round(middle((each) => each.never))} calls/s with never`,
          value: middle(bound),
        },
        ratio: middle((each) => each.always / bound(each)),
        target: { type: 'ratio-at-least', ratio: 1 },
      },
      {
        figure: 'switch-durable',
        title: `messages accepted with one fdatasync, ${SENDERS} senders`,
        unit: 'messages',
        ours: { what: 'datapathd', value: middle((each) => each.aSync) },
        peer: { what: 'one at a time', value: 1 },
        ratio: middle((each) => each.aSync),
        target: { type: 'ratio-at-least', ratio: LEAST_A_SYNC },
      },
    ];
  },
};

interface Round {
  /** Requests a second. */
  readonly always: number;
  readonly never: number;
  readonly aSync: number;
  readonly syncSeconds: number;
}

async function measureRound(always: Server, never: Server, directory: string): Promise<Round> {
  const before = await always.dataSyncs();
  const kept = await runSenders(always, SENDERS, REQUESTS);
  const syncs = (await always.dataSyncs()) - before;
  const { wallRate } = await runSenders(never, SENDERS, REQUESTS);
  return {
    always: kept.wallRate,
    never: wallRate,
    aSync: REQUESTS / syncs,
    syncSeconds: diskSyncSeconds(directory),
  };
}

const DISK_SYNCS = 300;
/** About what the requests of all senders take in the journal. */
const WRITE_BYTES = 8 * 1024;

/** The median time of a write and an fdatasync, alone, in seconds. */
function diskSyncSeconds(directory: string): number {
  const fd = openSync(join(directory, 'disk'), 'w');
  const bytes = Buffer.alloc(WRITE_BYTES);
  const seconds = Array.from({ length: DISK_SYNCS }, () => {
    const begun = performance.now();
    writeSync(fd, bytes);
    fdatasyncSync(fd);
    return (performance.now() - begun) / 1000;
  });
  closeSync(fd);
  return median(seconds);
}

/** As statfs has it: files in memory. */
const TMPFS = 0x01021994;

function warnOfMemoryDisk(progress: Progress, directory: string): void {
  if (statfsSync(directory).type !== TMPFS) return;
  progress(`${directory} is in memory: an fdatasync costs nothing there. Set TMPDIR to a folder on a disk`);
}
