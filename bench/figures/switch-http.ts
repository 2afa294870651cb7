import { join } from 'node:path';
import { compareCalls } from '../compare.ts';
import type { Figure } from '../figure.ts';
import { benchDirectory, startServer } from '../processes.ts';
import { startSwitch } from '../switch.ts';
import { runHttp, type SwitchLoad } from '../switch-load.ts';

/** A whole RPC through the switch over HTTP, beside a bare server that answers the same round trips with constants. */

const LOAD: SwitchLoad = { calls: 30_000, inFlight: 16 };
const ROUNDS = 5;
const PEER = join(import.meta.dirname, '../peers/switch-constant.ts');

export const switchHttp: Figure = {
  name: 'switch-http',
  measure: async (progress) => {
    const title = `RPC through the switch over HTTP, ${LOAD.inFlight} pairs of client and service`;
    progress(`${title}: ${ROUNDS} rounds of ${LOAD.calls} calls in turn with a bare server`);
    const server = await startSwitch({ sync: 'never' });
    const path = join(benchDirectory(), 'peer');
    const peer = await startServer(PEER, path, [path]);
    const compared = await compareCalls(
      ROUNDS,
      { what: 'datapathd', run: () => runHttp(server, LOAD) },
      { what: 'node:net, constants', run: () => runHttp(peer, LOAD) },
    );
    await Promise.all([server.stop(), peer.stop()]);
    return [{ figure: 'switch-http', title, target: { type: 'ratio-at-least', ratio: 0.8 }, ...compared }];
  },
};
