import { readNames } from '../answers.ts';
import { type Caller, openCaller } from '../caller.ts';
import { asCount, asSeconds, asText, defineCommand, HTTP_OPTION, queueArgument } from '../command.ts';
import { type Context, request, sessionName, withConnection } from '../context.ts';
import { Failure, noSuchQueue } from '../exit.ts';
import { LARGEST_PUSHED_BYTES, type Line, useLines } from '../line.ts';
import { serveLine } from '../serve-line.ts';
import type { ServingOptions } from '../serving.ts';

export const benchCommand = defineCommand({
  name: 'bench',
  summary: 'measure calls a second and their latency, through any switch',
  details: [
    'As many callers as --concurrency says call one time after the other. Where the switch speaks MessagePack, they share a connection and a reply queue; over HTTP each has its own, as with xapi: a request, the transfer of its answer, the ack. The latency is that of a whole call, so that of whoever serves the queue is in it. With --json, the protocol is told as well.',
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
    ...HTTP_OPTION,
  },
  run: async (given, context) => {
    const options = { ...given, http: given.http || Buffer.byteLength(given.body) > LARGEST_PUSHED_BYTES };
    const work = async (): Promise<void> => report(given.queue, await measure(options, context), context);
    return given.selfServe ? withServer(options, context, work) : work();
  },
});

interface BenchOptions {
  readonly queue: string;
  readonly calls: number;
  readonly concurrency: number;
  readonly body: string;
  readonly timeout: number;
  readonly http: boolean;
}

interface Measured {
  readonly protocol: Line['protocol'];
  readonly seconds: number;
  /** ms, ascending. */
  readonly latencies: Float64Array;
}

async function measure(options: BenchOptions, context: Context): Promise<Measured> {
  const first = await context.connectLine(sessionName(1), options.http);
  const lines = [first];
  return useLines(lines, context.path(), async () => {
    const callers = await openCallers(first, lines, options, context);
    const before = performance.now();
    const latencies = await callAll(callers, options);
    const seconds = (performance.now() - before) / 1000;
    await Promise.all([...new Set(callers)].map((caller) => caller.leave()));
    return { protocol: first.protocol, seconds, latencies: latencies.sort() };
  });
}

/** One caller for all over MessagePack; over HTTP one each, whose lines are added. */
async function openCallers(
  first: Line,
  lines: Line[],
  { calls, concurrency }: BenchOptions,
  context: Context,
): Promise<Caller[]> {
  const caller = await openCaller(first, sessionName(1));
  const others = Array.from({ length: Math.min(concurrency, calls) - 1 }, (_, index) => index + 2);
  if (first.protocol === 'messagepack') return [caller, ...others.map(() => caller)];
  const further = others.map(async (number) => {
    const line = await context.connectLine(sessionName(number), true);
    lines.push(line);
    return openCaller(line, sessionName(number));
  });
  return [caller, ...(await Promise.all(further))];
}

/** Gives the latencies, in ms. */
async function callAll(callers: readonly Caller[], options: BenchOptions): Promise<Float64Array> {
  const { queue, calls, body, timeout } = options;
  const latencies = new Float64Array(calls);
  const progress = showProgress(calls);
  let begun = 0;
  let done = 0;
  const callOn = async (caller: Caller): Promise<void> => {
    while (begun < calls) {
      begun += 1;
      const start = performance.now();
      const { type } = await caller.call(queue, body, timeout);
      if (type === 'no-such-queue') throw noSuchQueue(queue);
      if (type === 'timed-out') {
        throw new Failure('timedOut', `no answer from ${queue} within ${timeout} s, after ${done} calls`);
      }
      latencies[done] = performance.now() - start;
      done += 1;
      progress.done(done);
    }
  };
  try {
    await Promise.all(callers.map(callOn));
  } finally {
    progress.end();
  }
  return latencies;
}

/** Serves the queue while the work is done; it goes with the session that made it. */
async function withServer(
  { queue, concurrency, http }: BenchOptions,
  context: Context,
  work: () => Promise<void>,
): Promise<void> {
  const session = sessionName(0);
  const name = encodeURIComponent(queue);
  const line = await context.connectLine(session, http);
  await useLines([line], context.path(), () =>
    withConnection(context, session, async (control) => {
      if (readNames(await request(control, 'GET', `/list/${name}`)).includes(queue)) {
        throw new Failure('failed', `the queue ${queue} is there: --self-serve needs one that is nobody's`);
      }
      await request(control, 'GET', `/transient/${name}`);
      const options: ServingOptions = {
        queue,
        lifetime: 'transient',
        concurrency,
        answer: async ({ payload }) => payload,
        refused: () => '',
        undelivered: new Map(),
      };
      await Promise.race([work(), serveLine(line, options, () => context.connect(session))]);
      await request(control, 'GET', `/destroy/${name}`);
    }),
  );
}

const PERCENTILES = { p50: 0.5, p90: 0.9, p99: 0.99, max: 1 } as const;

function report(queue: string, { protocol, seconds, latencies }: Measured, context: Context): Promise<void> {
  const calls = latencies.length;
  const latency = Object.fromEntries(
    Object.entries(PERCENTILES).map(([name, share]) => [
      name,
      Number((latencies[Math.ceil(share * calls) - 1] ?? 0).toFixed(3)),
    ]),
  );
  const callsPerSecond = Number((calls / seconds).toFixed(1));
  if (context.json) {
    return context.printJson({
      queue,
      protocol,
      calls,
      seconds,
      callsPerSecond,
      latencyMilliseconds: latency,
    });
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
