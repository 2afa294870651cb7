import { freshView } from './bench-view.ts';

/** On each message: starts a view, and tells how many ms passed until it was fresh. */
const [path = ''] = process.argv.slice(2);

process.on('message', async () => {
  const begun = performance.now();
  const view = await freshView(path);
  const ms = performance.now() - begun;
  const found = view.uuids().length;
  await view.stop();
  process.send?.({ ms, found });
});
