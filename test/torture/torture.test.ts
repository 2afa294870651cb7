import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startDaemonProcess } from '../helpers/daemon.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { stateFlags, torture } from './torture.ts';

const ROUNDS = 20;

test('killed again and again, it loses nothing that was accepted, and brings nothing back that was acked', async (t) => {
  const directory = tempDirectory(t);
  const seed = Math.floor(Math.random() * 2 ** 32);
  t.diagnostic(`again with: npm run torture -- --rounds ${ROUNDS} --seed ${seed}`);
  const faults = await torture({
    rounds: ROUNDS,
    seed,
    start: () => startDaemonProcess(t, { directory: `${directory}/run`, flags: stateFlags(directory) }),
    say: () => {},
  });
  assert.deepEqual(faults, []);
});
