import type { Histogram } from './metrics-histogram.ts';
import { type LabelValues, METRICS, type Metric, type MetricName, type MetricOf } from './metrics-table.ts';

/** The type of the text format of Prometheus, version 0.0.4. */
export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** Gathers samples, and gives them as text. What has no sample is left out. */
export class Exposition {
  readonly #samples = new Map<string, string[]>();

  add<Name extends MetricOf<'counter' | 'gauge'>>(
    name: Name,
    value: number,
    ...labels: LabelValues<Name>
  ): void {
    this.#add(name, `${name}${labelText(name, labels)} ${numberText(value)}`);
  }

  /** The buckets of the text are cumulative: each counts what is in those below it, too. */
  addHistogram<Name extends MetricOf<'histogram'>>(
    name: Name,
    { bounds, counts, sum }: Histogram,
    ...labels: LabelValues<Name>
  ): void {
    let below = 0;
    for (const [at, count] of counts.entries()) {
      below += count;
      const bound = bounds[at];
      const le = bound === undefined ? '+Inf' : numberText(bound);
      this.#add(name, `${name}_bucket${labelText(name, labels, `le="${le}"`)} ${below}`);
    }
    this.#add(name, `${name}_sum${labelText(name, labels)} ${numberText(sum)}`);
    this.#add(name, `${name}_count${labelText(name, labels)} ${below}`);
  }

  /** In the order of the table, each metric with its lines together. */
  text(): string {
    const parts: string[] = [];
    for (const [name, { type, help }] of Object.entries<Metric>(METRICS)) {
      const samples = this.#samples.get(name);
      if (samples === undefined) continue;
      parts.push(`# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n${samples.join('\n')}\n`);
    }
    return parts.join('');
  }

  #add(name: MetricName, line: string): void {
    const samples = this.#samples.get(name);
    if (samples === undefined) this.#samples.set(name, [line]);
    else samples.push(line);
  }
}

function labelText(name: MetricName, values: readonly string[], last = ''): string {
  const labels: readonly string[] = METRICS[name].labels;
  const pairs = labels.map((label, at) => `${label}="${escapeValue(values[at] ?? '')}"`);
  if (last !== '') pairs.push(last);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

const numberText = (value: number): string =>
  Number.isFinite(value) ? `${value}` : Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';

/** The three characters that the format has escapes for; half a surrogate pair would be no UTF-8. */
const escapeValue = (text: string): string =>
  text.toWellFormed().replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"');

const escapeHelp = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');

/** What stands for all that is told apart no more. */
export const OTHER = 'other';

/** Values of a label that may come from outside: the first so many are told apart, for good; all others are `other`. */
export class BoundedLabel {
  readonly #known = new Set<string>();
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  of(value: string): string {
    if (this.#known.has(value)) return value;
    if (this.#known.size >= this.#most) return OTHER;
    this.#known.add(value);
    return value;
  }
}

/** The page `docs/metrics.md`'s table: a row a metric. */
export const metricRows = (): string[] =>
  Object.entries<Metric>(METRICS).map(
    ([name, { type, labels, help }]) =>
      `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${help} |`,
  );
