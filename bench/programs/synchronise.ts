import { pino } from 'pino';
import { connect } from '../../src/xenstore/connection.ts';
import { startSrView } from '../../src/xenstore/view.ts';
import { SR_PATH, STORE_LIMITS } from '../store.ts';

/** On each message: starts a view, and tells how many ms passed until it was fresh. */
const [path = ''] = process.argv.slice(2);

process.on('message', async () => {
  const begun = performance.now();
  const view = startSrView({
    connect: (onEvent) => connect({ ...STORE_LIMITS, path, onEvent }),
    srPath: SR_PATH,
    driverDomains: [],
    logger: pino({ level: 'silent' }),
    now: () => performance.now(),
  });
  await view.firstSynchronisation(STORE_LIMITS.requestTimeout);
  const ms = performance.now() - begun;
  const found = view.uuids().length;
  await view.stop();
  process.send?.({ ms, found });
});
