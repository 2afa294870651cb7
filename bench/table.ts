import { type Row, type Target, type Unit, verdict } from './figure.ts';

const HEADINGS = ['figure', 'ours', 'peer', 'ratio', 'wall', 'must reach', 'verdict'];

/** The rows as a table in text, whose columns are as wide as what is in them. */
export function renderTable(rows: readonly Row[]): string {
  const lines = [HEADINGS, ...rows.map(cells)];
  const widths = HEADINGS.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const ruler = widths.map((width) => '-'.repeat(width));
  return [HEADINGS, ruler, ...rows.map(cells)]
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

const cells = (row: Row): string[] => [
  `${row.title} (${row.figure})`,
  `${written(row.ours.value, row.unit)}${rate(row.ours.wallRate)}`,
  `${written(row.peer.value, row.unit)}${rate(row.peer.wallRate)}: ${row.peer.what}`,
  row.ratio.toFixed(2),
  row.wallRatio?.toFixed(2) ?? '',
  writtenTarget(row.target, row.unit),
  verdict(row),
];

const rate = (wallRate: number | undefined): string =>
  wallRate === undefined ? '' : `, ${Math.round(wallRate / 1000)}k calls/s`;

function written(value: number, unit: Unit): string {
  switch (unit) {
    case 'bytes':
      return `${(value / 1024 / 1024).toFixed(2)} MiB`;
    case 'messages':
      return `${value.toPrecision(3)} messages`;
    case 'calls a second':
      return `${Math.round(value)} calls/s`;
    case 'ms':
      return `${value.toPrecision(3)} ms`;
    case 'µs of CPU a call':
      return `${value.toFixed(1)} µs/call`;
  }
}

function writtenTarget(target: Target, unit: Unit): string {
  switch (target.type) {
    case 'ratio-at-least':
      return `>= ${target.ratio.toFixed(2)}`;
    case 'ratio-at-most':
      return `<= ${target.ratio.toFixed(2)}`;
    case 'above-at-most':
      return `<= +${written(target.difference, unit)}`;
    case 'at-most':
      return `<= ${written(target.value, unit)}`;
    case 'printed':
      return '';
  }
}
