import { readNames } from '../answers.ts';
import { openCaller } from '../caller.ts';
import { asCount, asSeconds, asText, defineCommand, queueArgument } from '../command.ts';
import { type Context, request, sessionName, withConnection } from '../context.ts';
import { Failure, noSuchQueue } from '../exit.ts';
import { serveQueue } from '../serving.ts';

export const benchCommand = defineCommand({
  name: 'bench',
  summary: 'measure calls a second and their latency, through any switch',
  details: [
    'Each caller has a connection and a reply queue of its own and calls one time after the other, as xapi does: a request, the transfer of its answer, the ack. The latency is that of a whole call, so that of whoever serves the queue is in it.',
    'The body has to be a request that the queue may be asked any number of times. With --self-serve the queue is served by datapathctl itself, which answers with the request; it must not be there before, and is gone afterwards.',
  ],
  examples: [
    'datapathctl bench bench.queue --self-serve --calls 20000 --concurrency 16',
    `datapathctl bench org.xen.xapi.datapath --body '{"method":"Plugin.ls","params":[{"dbg":"bench"}],"id":1}'`,
  ],
  arguments: { queue: queueArgument('the queue to call') },
  options: {
    calls: { doc: 'how many calls', value: 'number', read: asCount, default: 1000 },
    concurrency: { doc: 'how many callers at the same time', value: 'number', read: asCount, default: 1 },
    body: { doc: 'the request', value: 'text', read: asText, default: '{}' },
    timeout: { doc: 'how long to wait for an answer', value: 'seconds', read: asSeconds, default: 30 },
    selfServe: { doc: 'serve the queue as well' },
  },
  run: async (given, context) => {
    if (!given.selfServe) return report(given.queue, await measure(given, context), context);
    return withServer(given, context, async () =>
      report(given.queue, await measure(given, context), context),
    );
  },
});

interface BenchOptions {
  readonly queue: string;
  readonly calls: number;
  readonly concurrency: number;
  readonly body: string;
  readonly timeout: number;
}

interface Measured {
  readonly seconds: number;
  /** ms, ascending. */
  readonly latencies: Float64Array;
}

async function measure(options: BenchOptions, context: Context): Promise<Measured> {
  const latencies = new Float64Array(options.calls);
  const progress = showProgress(options.calls);
  let begun = 0;
  let done = 0;
  const before = performance.now();
  const callAll = (number: number): Promise<void> =>
    withConnection(context, sessionName(number), async (connection) => {
      const caller = await openCaller(connection, sessionName(number));
      while (begun < options.calls) {
        begun += 1;
        const start = performance.now();
        const { type } = await caller.call(options.queue, options.body, options.timeout);
        if (type === 'no-such-queue') throw noSuchQueue(options.queue);
        if (type === 'timed-out') {
          const line = `no answer from ${options.queue} within ${options.timeout} s, after ${done} calls`;
          throw new Failure('timedOut', line);
        }
        latencies[done] = performance.now() - start;
        done += 1;
        progress.done(done);
      }
      await caller.leave();
    }).catch((error: unknown) => {
      // The others end with their next call.
      begun = options.calls;
      throw error;
    });
  const callers = Array.from({ length: Math.min(options.concurrency, options.calls) }, (_, number) =>
    callAll(number + 1),
  );
  try {
    await Promise.all(callers);
  } finally {
    progress.end();
  }
  return { seconds: (performance.now() - before) / 1000, latencies: latencies.sort() };
}

/** Serves the queue while the work is done; it goes with the session that made it. */
async function withServer(
  { queue, concurrency }: BenchOptions,
  context: Context,
  work: () => Promise<void>,
): Promise<void> {
  const session = sessionName(0);
  const waiting = await context.connect(session);
  const answering = await context.connect(session);
  try {
    const name = encodeURIComponent(queue);
    if (readNames(await request(waiting, 'GET', `/list/${name}`)).includes(queue)) {
      throw new Failure('failed', `the queue ${queue} is there: --self-serve needs one that is nobody's`);
    }
    await request(waiting, 'GET', `/transient/${name}`);
    const serving = serveQueue({
      queue,
      lifetime: 'transient',
      concurrency,
      answer: async ({ payload }) => payload,
      refused: () => '',
      undelivered: new Map(),
      waiting,
      answering,
    });
    await Promise.race([work(), serving]);
    await request(answering, 'GET', `/destroy/${name}`);
  } finally {
    waiting.close();
    answering.close();
  }
}

const PERCENTILES = { p50: 0.5, p90: 0.9, p99: 0.99, max: 1 } as const;

function report(queue: string, { seconds, latencies }: Measured, context: Context): Promise<void> {
  const calls = latencies.length;
  const latency = Object.fromEntries(
    Object.entries(PERCENTILES).map(([name, share]) => [
      name,
      Number((latencies[Math.ceil(share * calls) - 1] ?? 0).toFixed(3)),
    ]),
  );
  const callsPerSecond = Number((calls / seconds).toFixed(1));
  if (context.json) {
    return context.printJson({ queue, calls, seconds, callsPerSecond, latencyMilliseconds: latency });
  }
  const figures = Object.entries(latency).map(([name, ms]) => `${name} ${ms} ms`);
  return context.print(
    `${calls} calls in ${seconds.toFixed(2)} s: ${callsPerSecond} calls/s\nlatency ${figures.join(', ')}\n`,
  );
}

const PROGRESS_EVERY_MS = 200;

/** A line on standard error that changes, where that is a terminal. */
function showProgress(calls: number): { done(count: number): void; end(): void } {
  const { stderr } = process;
  if (!stderr.isTTY) return { done: () => {}, end: () => {} };
  let next = 0;
  return {
    done: (count) => {
      const now = performance.now();
      if (now < next) return;
      next = now + PROGRESS_EVERY_MS;
      stderr.write(`\r${count} of ${calls} calls (${Math.floor((100 * count) / calls)} %)`);
    },
    end: () => stderr.write('\r\x1b[K'),
  };
}
