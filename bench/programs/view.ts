import { sharedClock } from '../statistics.ts';
import { freshView } from './bench-view.ts';

/** Runs the view and tells when one SR has appeared in it, or is gone. */
const [path = '', uuid = ''] = process.argv.slice(2);

const view = await freshView(path);

let shown = view.uuids().includes(uuid);
view.onChange(() => {
  const now = view.uuids().includes(uuid);
  if (now === shown) return;
  shown = now;
  process.send?.(sharedClock());
});
process.send?.('ready');
