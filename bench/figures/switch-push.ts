import { join } from 'node:path';
import { DAEMON } from '../daemon.ts';
import type { Figure } from '../figure.ts';
import type { Measured } from '../load.ts';
import { benchDirectory, startServer } from '../processes.ts';
import { inTurn, median } from '../statistics.ts';
import { runHttp, runPush, type SwitchLoad } from '../switch-load.ts';

/** A whole RPC through the switch over MessagePack, beside the same over HTTP with as many in flight. */

const IN_FLIGHT = 64;
const PUSH: SwitchLoad = { calls: 60_000, inFlight: IN_FLIGHT };
const HTTP: SwitchLoad = { calls: 20_000, inFlight: IN_FLIGHT };
const ROUNDS = 3;

export const switchPush: Figure = {
  name: 'switch-push',
  measure: async (progress) => {
    const directory = benchDirectory();
    const server = await startServer(DAEMON, join(directory, 'switch.sock'), [
      `--sockets.directory=${directory}`,
      `--switch.stateDirectory=${join(directory, 'state')}`,
      '--journal.sync=never',
      '--storage.enabled=false',
      '--log.level=warn',
    ]);
    const title = `RPC through the switch over MessagePack, ${IN_FLIGHT} in flight`;
    progress(`${title}: ${ROUNDS} rounds of ${PUSH.calls} calls in turn with ${HTTP.calls} over HTTP`);
    const pairs = await inTurn(
      ROUNDS,
      () => runPush(server, PUSH),
      () => runHttp(server, HTTP),
    );
    await server.stop();
    const middle = (pick: (push: Measured, http: Measured) => number): number =>
      median(pairs.map(({ a, b }) => pick(a, b)));
    return [
      {
        figure: 'switch-push',
        title,
        target: { type: 'ratio-at-least', ratio: 3 },
        unit: 'µs of CPU a call',
        ours: {
          what: 'datapathd, MessagePack',
          value: middle((push) => push.cpuMicroseconds),
          wallRate: middle((push) => push.wallRate),
        },
        peer: {
          what: "datapathd, HTTP as xapi's clients do it",
          value: middle((_, http) => http.cpuMicroseconds),
          wallRate: middle((_, http) => http.wallRate),
        },
        ratio: middle((push, http) => http.cpuMicroseconds / push.cpuMicroseconds),
        wallRatio: middle((push, http) => push.wallRate / http.wallRate),
      },
    ];
  },
};
