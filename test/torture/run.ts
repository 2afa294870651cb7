import { test } from 'node:test';
import { parseArgs } from 'node:util';
import { startDaemonProcess } from '../helpers/daemon.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { stateFlags, torture } from './torture.ts';

/** `npm run torture -- --rounds N --seed S`: the crash test for as long as one likes. */
const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '100' }, seed: { type: 'string' } },
});
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 32));
const rounds = Number(values.rounds);

test(`${rounds} rounds with the seed ${seed}`, { timeout: Number.POSITIVE_INFINITY }, async (t) => {
  const directory = tempDirectory(t);
  const { faults } = await torture({
    rounds,
    acksAreKept: true,
    seed,
    start: () => startDaemonProcess(t, { directory: `${directory}/run`, flags: stateFlags(directory) }),
    say: (text) => console.error(text),
  });
  for (const fault of faults) console.error(fault);
  if (faults.length > 0) throw new Error(`${faults.length} faults with the seed ${seed}`);
});
