/** One part of a bug report: a heading and its lines. */
export interface Section {
  readonly title: string;
  readonly lines: readonly string[];
}

/** The text of a bug report: sections with their lines indented, as people paste it. */
export const renderDiagnostics = (sections: readonly Section[]): string =>
  sections
    .map(({ title, lines }) => [
      title,
      ...(lines.length === 0 ? ['(none)'] : lines).map((line) => `  ${line}`),
    ])
    .map((lines) => `${lines.join('\n')}\n`)
    .join('\n');

/** How long ago a moment was, in the largest unit that still tells something: `3 ms`, `12 s`, `5 min`, `2 h`. */
export function ago(since: number, now: number): string {
  const ms = Math.max(0, now - since);
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${Math.round(ms / 1000)} s`;
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`;
  return `${Math.round(ms / 3_600_000)} h`;
}
