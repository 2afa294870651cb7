import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { DaemonProcess } from '../helpers/daemon.ts';
import { runProgram } from '../helpers/programs.ts';
import { connectHttp } from '../switch/helpers.ts';

/** What was scraped: values by the sample as it stands in the text, `name{label="value"}`. */
export type Samples = ReadonlyMap<string, number>;

const NAME = '[a-z][a-z0-9_]*';
const LABELS = `\\{(?:${NAME}="(?:[^"\\\\\\n]|\\\\[\\\\n"])*",?)+\\}`;
const SAMPLE = new RegExp(`^((${NAME})(${LABELS})?) (\\+Inf|-?[0-9.]+(?:e[+-]?[0-9]+)?)$`);

/** Flags for a daemon that calls itself healthy also where the machine has much else to do. */
export const HOWEVER_LATE = ['--health.maxLoopDelay=1h'];

/** Reads the text format strictly: each metric once, with HELP and TYPE before it, and no sample twice. */
export function readMetrics(text: string): Samples {
  const samples = new Map<string, number>();
  const seen = new Set<string>();
  let name = '';
  let type = '';
  assert.ok(text.endsWith('\n'));
  for (const line of text.slice(0, -1).split('\n')) {
    const [, helped] = new RegExp(`^# HELP (${NAME}) \\S.*$`).exec(line) ?? [];
    const [, typed, kind = ''] = new RegExp(`^# TYPE (${NAME}) (counter|gauge|histogram)$`).exec(line) ?? [];
    if (helped !== undefined) {
      assert.ok(!seen.has(helped), `${helped} is there twice`);
      seen.add(helped);
      name = helped;
      type = '';
    } else if (typed !== undefined) {
      assert.equal(typed, name);
      assert.equal(kind === 'counter', name.endsWith('_total'), name);
      type = kind;
    } else {
      const [, sample = '', of = '', , value = ''] = SAMPLE.exec(line) ?? [];
      assert.notEqual(sample, '', `no sample: ${line}`);
      assert.equal(type === 'histogram' ? of.replace(/_(bucket|sum|count)$/, '') : of, name, line);
      assert.ok(type !== '' && !samples.has(sample), line);
      samples.set(sample, value === '+Inf' ? Number.POSITIVE_INFINITY : Number(value));
    }
  }
  return samples;
}

/** Scrapes the switch's socket. */
export async function scrape(t: TestContext, { switchSocket }: DaemonProcess): Promise<Samples> {
  const client = await connectHttp(t, switchSocket);
  const text = await client.text('GET', '/metrics');
  client.socket.destroy();
  return readMetrics(text);
}

/** What Prometheus' own program says of it; nothing: all is well. */
export async function promtool(t: TestContext, words: readonly string[], input = ''): Promise<string> {
  const { status, stdout, stderr } = await runProgram(t, 'promtool', words, { input });
  return status === 0 ? '' : `${status}: ${stdout}${stderr}`;
}
