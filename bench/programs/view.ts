import { pino } from 'pino';
import { connect } from '../../src/xenstore/connection.ts';
import { startSrView } from '../../src/xenstore/view.ts';
import { sharedClock } from '../statistics.ts';
import { SR_PATH, STORE_LIMITS } from '../store.ts';

/** Runs the view and tells when one SR has appeared in it, or is gone. */
const [path = '', uuid = ''] = process.argv.slice(2);

const view = startSrView({
  connect: (onEvent) => connect({ ...STORE_LIMITS, path, onEvent }),
  srPath: SR_PATH,
  driverDomains: [],
  logger: pino({ level: 'silent' }),
  now: () => performance.now(),
});
await view.firstSynchronisation(STORE_LIMITS.requestTimeout);

let shown = view.uuids().includes(uuid);
view.onChange(() => {
  const now = view.uuids().includes(uuid);
  if (now === shown) return;
  shown = now;
  process.send?.(sharedClock());
});
process.send?.('ready');
