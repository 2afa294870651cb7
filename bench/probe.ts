import { existsSync } from 'node:fs';

/** Loaded into a server under measurement: tells the parent when the socket is there, and the memory when asked. */
const { BENCH_SOCKET: socket = '' } = process.env;
const POLL_MS = 2;

const waiting = setInterval(() => {
  if (!existsSync(socket)) return;
  clearInterval(waiting);
  process.send?.('listening');
}, POLL_MS);

process.on('message', (message) => {
  if (message !== 'memory') return;
  global.gc?.();
  const { heapUsed, rss } = process.memoryUsage();
  process.send?.({ heapUsed, rss });
});

// The channel to the parent must not keep a server alive that wants to end.
process.channel?.unref();
