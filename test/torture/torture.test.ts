import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startDaemonProcess } from '../helpers/daemon.ts';
import { tempDirectory } from '../helpers/temp.ts';
import { stateFlags, torture } from './torture.ts';

const ROUNDS = 20;
const ROUNDS_IN_NEED = 6;

test('killed again and again, it loses nothing that was accepted, and brings nothing back that was acked', async (t) => {
  const directory = tempDirectory(t);
  const seed = Math.floor(Math.random() * 2 ** 32);
  t.diagnostic(`again with: npm run torture -- --rounds ${ROUNDS} --seed ${seed}`);
  const { faults } = await torture({
    rounds: ROUNDS,
    acksAreKept: true,
    seed,
    start: () => startDaemonProcess(t, { directory: `${directory}/run`, flags: stateFlags(directory) }),
    say: () => {},
  });
  assert.deepEqual(faults, []);
});

test('the same when files may only be so large, as on a full disk: what is refused is never there', async (t) => {
  const directory = tempDirectory(t);
  const seed = Math.floor(Math.random() * 2 ** 32);
  t.diagnostic(`seed ${seed}`);
  const { faults, refusals } = await torture({
    rounds: ROUNDS_IN_NEED,
    acksAreKept: false,
    untilRefused: true,
    seed,
    start: () =>
      startDaemonProcess(t, {
        directory: `${directory}/run`,
        flags: [
          `--switch.stateDirectory=${directory}/state`,
          '--journal.segmentBytes=1MiB',
          '--journal.retryInterval=5ms',
        ],
        // A write beyond the limit fails, as one does on a full disk; the next file has room again.
        launcher: ['bash', '-c', 'trap "" XFSZ; ulimit -f 8; exec "$@"', 'bash'],
      }),
    say: () => {},
  });
  assert.deepEqual(faults, []);
  assert.ok(refusals > 0, 'the limit was never reached');
});
