import { writeMessagePack } from '../../src/wire/messagepack.ts';
import { LS_LINE, startDaemon } from '../daemon.ts';
import type { Figure } from '../figure.ts';
import { type Load, run } from '../load.ts';
import type { Memory, Server } from '../processes.ts';
import { startStore } from '../store.ts';

/** What 10,000 SRs take, and whether calls leave anything behind. */

const SRS = 10_000;
const CALLS = 1_000_000;
const BATCH = 100_000;
const MIB = 1024 * 1024;

const QUERY_LINE = LS_LINE.replace('ls', 'Query');
const QUERY_HTTP =
  'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n' +
  `Content-Length: ${QUERY_LINE.length}\r\n\r\n${QUERY_LINE}`;
const QUERY_MESSAGEPACK = writeMessagePack([0, 1, 'Plugin.Query', [{ dbg: 'bench' }]]);

const load = (request: string | Buffer, calls: number): Load => ({ request, connections: 16, calls });

/** A batch of calls. One answer of `Plugin.ls` has 390 kB here: it is but a small part. */
const MIX: readonly Load[] = [
  load(QUERY_LINE, 33_000),
  load(QUERY_HTTP, 33_000),
  load(QUERY_MESSAGEPACK, 33_000),
  load(LS_LINE, 1_000),
];

export const memory: Figure = {
  name: 'memory',
  measure: async (progress) => {
    progress(`memory: filling an oxenstored with ${SRS} SRs`);
    const [empty, full] = [await startStore(0), await startStore(SRS)];
    const idle = await memoryOnce(await startDaemon(empty));
    await empty.stop();
    const daemon = await startDaemon(full);
    const filled = await daemon.memory();
    const after: Memory[] = [];
    for (let calls = BATCH; calls <= CALLS; calls += BATCH) {
      for (const part of MIX) await run(daemon, part);
      after.push(await daemon.memory());
      progress(`memory: ${calls} calls of ${CALLS}`);
    }
    await daemon.stop();
    await full.stop();
    const [first = filled] = after;
    const last = after.at(-1) ?? filled;
    return [
      {
        ...ratioOf('heapUsed', filled, idle),
        title: `heap at ${SRS} SRs`,
        peer: { what: 'at none', value: idle.heapUsed },
        target: { type: 'printed' },
      },
      {
        ...ratioOf('rss', filled, idle),
        title: `resident at ${SRS} SRs`,
        peer: { what: 'at none', value: idle.rss },
        target: { type: 'printed' },
      },
      {
        ...ratioOf('heapUsed', last, first),
        title: `heap after ${CALLS} calls, ${SRS} SRs`,
        target: { type: 'above-at-most', difference: MIB },
      },
      {
        ...ratioOf('rss', last, first),
        title: `resident after ${CALLS} calls, ${SRS} SRs`,
        target: { type: 'ratio-at-most', ratio: 1.05 },
      },
    ];
  },
};

const ratioOf = (key: keyof Memory, ours: Memory, peer: Memory) => ({
  figure: 'memory',
  unit: 'bytes' as const,
  ours: { what: 'datapathd', value: ours[key] },
  peer: { what: `after ${BATCH}`, value: peer[key] },
  ratio: ours[key] / peer[key],
});

async function memoryOnce(server: Server): Promise<Memory> {
  const read = await server.memory();
  await server.stop();
  return read;
}
