import { sharedClock } from '../statistics.ts';
import { SR_ROOT } from '../store.ts';
import { connectRaw, packet, WATCH, WATCH_EVENT } from './raw-store.ts';

/** A bare watcher: tells when an event for the SR's second key has come. */
const [path = '', uuid = ''] = process.argv.slice(2);
const watched = `${SR_ROOT}/${uuid}/plugin\0`;

const store = connectRaw(path, (type, payload) => {
  if (type === WATCH) process.send?.('ready');
  if (type === WATCH_EVENT && payload.toString().startsWith(watched)) process.send?.(sharedClock());
});
store.write(packet(WATCH, 1, `${SR_ROOT}\0token\0`));
