import { pino } from 'pino';
import { connect } from '../../src/xenstore/connection.ts';
import { type SrView, startSrView } from '../../src/xenstore/view.ts';
import { SR_PATH, STORE_LIMITS } from '../store.ts';

/** A view of the store at that socket; gives it when it is fresh. */
export async function freshView(path: string): Promise<SrView> {
  const view = startSrView({
    connect: (onEvent) => connect({ ...STORE_LIMITS, path, onEvent }),
    srPath: SR_PATH,
    driverDomains: [],
    maxBackends: 50_000,
    maxBackendBytes: 8192,
    logger: pino({ level: 'silent' }),
    now: () => performance.now(),
  });
  await view.settled({ startTimeout: STORE_LIMITS.requestTimeout, settleTimeout: 0 });
  return view;
}
