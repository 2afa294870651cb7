import { SR_ROOT } from '../store.ts';
import { connectRaw, DIRECTORY, packet, READ } from './raw-store.ts';

/** On each message: reads the two keys of every SR, and tells how many ms that took. Answers come in order. */
const [path = ''] = process.argv.slice(2);
const DEPTH = 128;

process.on('message', async () => {
  const begun = performance.now();
  const values = await readAll();
  process.send?.({ ms: performance.now() - begun, found: values.length / 2 });
});

function readAll(): Promise<readonly string[]> {
  const { promise, resolve } = Promise.withResolvers<readonly string[]>();
  let paths: string[] = [];
  let sent = 0;
  const values: string[] = [];

  const store = connectRaw(
    path,
    (type, payload) => {
      if (type === READ) values.push(payload.toString('latin1'));
      if (type === DIRECTORY) {
        const names = payload.toString('latin1').split('\0').slice(0, -1);
        paths = names.flatMap((name) => [`${SR_ROOT}/${name}/uuid\0`, `${SR_ROOT}/${name}/plugin\0`]);
      }
    },
    () => {
      const upTo = Math.min(paths.length, values.length + DEPTH);
      const next = paths.slice(sent, upTo).map((wanted) => packet(READ, 1, wanted));
      sent = upTo;
      if (next.length > 0) store.write(Buffer.concat(next));
      if (paths.length > 0 && values.length === paths.length) {
        store.close();
        resolve(values);
      }
    },
  );
  store.write(packet(DIRECTORY, 1, `${SR_ROOT}\0`));
  return promise;
}
