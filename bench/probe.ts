import fs, { existsSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

/** Loaded into a server under measurement: tells the parent when the socket is there, and what it asks for. */
const { BENCH_SOCKET: socket = '' } = process.env;
const POLL_MS = 2;

let dataSyncs = 0;
const { fdatasync } = fs;
const counted: (...words: Parameters<typeof fdatasync>) => void = (fd, done) => {
  dataSyncs += 1;
  fdatasync(fd, done);
};
Object.assign(fs, { fdatasync: counted });
syncBuiltinESMExports();

const waiting = setInterval(() => {
  if (!existsSync(socket)) return;
  clearInterval(waiting);
  process.send?.('listening');
}, POLL_MS);

process.on('message', (message) => {
  if (message === 'dataSyncs') process.send?.(dataSyncs);
  if (message !== 'memory') return;
  global.gc?.();
  const { heapUsed, rss } = process.memoryUsage();
  process.send?.({ heapUsed, rss });
});

// The channel to the parent must not keep a server alive that wants to end.
process.channel?.unref();
