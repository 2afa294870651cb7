import { compareCalls } from '../compare.ts';
import type { Figure } from '../figure.ts';
import { startSwitch } from '../switch.ts';
import { runHttp, runPush, type SwitchLoad } from '../switch-load.ts';

/** A whole RPC through the switch over MessagePack, beside the same over HTTP with as many in flight. */

const IN_FLIGHT = 64;
const PUSH: SwitchLoad = { calls: 60_000, inFlight: IN_FLIGHT };
const HTTP: SwitchLoad = { calls: 20_000, inFlight: IN_FLIGHT };
const ROUNDS = 3;

export const switchPush: Figure = {
  name: 'switch-push',
  measure: async (progress) => {
    const title = `RPC through the switch over MessagePack, ${IN_FLIGHT} in flight`;
    progress(`${title}: ${ROUNDS} rounds of ${PUSH.calls} calls in turn with ${HTTP.calls} over HTTP`);
    const server = await startSwitch({ sync: 'never' });
    const compared = await compareCalls(
      ROUNDS,
      { what: 'datapathd, MessagePack', run: () => runPush(server, PUSH) },
      { what: "datapathd, HTTP as xapi's clients do it", run: () => runHttp(server, HTTP) },
    );
    await server.stop();
    return [{ figure: 'switch-push', title, target: { type: 'ratio-at-least', ratio: 3 }, ...compared }];
  },
};
