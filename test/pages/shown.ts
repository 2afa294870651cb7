/** How output that a page shows is compared with the real one. */

/** The parts of shown output that differ from run to run. */
const VARIABLE: readonly RegExp[] = [
  // Times, and durations.
  /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/,
  /(?:\d+ (?:d|h|min) )?\d+(?:\.\d+)? (?:ms|s|min|h|d|days?|MiB|KiB)\b/,
  // Versions of Node and of the daemon.
  /\bv?\d+\.\d+\.\d+\b/,
  // Uuids, and numbers of messages, which begin at the time of the start.
  /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/,
  /\b\d{16}\b/,
  // The pids in the names of sessions.
  /\b(?:datapathd|datapathctl):\d+\b/,
];

/** What programs say on standard error though all is well. */
export const ALLOWED_COMPLAINTS: readonly RegExp[] = [
  /^$/,
  /^(?:Created symlink|Removed) /,
  // systemctl, of a process that has just ended.
  /^Failed to dump process list for /,
  /^datapathctl: .* Ctrl-C ends it$/,
  // The log of a daemon in a terminal.
  /^\[[\d:.]+\] INFO/,
  /^\[[\d:.]+\] WARN: xenstore: no xenstored at .* an embedded store stands in/,
];

/** A pattern for what is shown: an ellipsis stands for anything in a line, a line of its own for any lines. */
export function patternOf(output: string): RegExp {
  const parts = new RegExp(`${VARIABLE.map(({ source }) => `(?:${source})`).join('|')}|^…\\n|…`, 'gm');
  let pattern = '';
  let at = 0;
  for (const found of output.matchAll(parts)) {
    pattern += escaped(output.slice(at, found.index)) + patternFor(found[0]);
    at = found.index + found[0].length;
  }
  return new RegExp(`^${pattern}${escaped(output.slice(at))}$`);
}

function patternFor(part: string): string {
  if (part === '…\n') return '(?:.*\\n)*';
  if (part === '…') return '.*';
  const variable = VARIABLE.find((each) => new RegExp(`^(?:${each.source})$`).test(part));
  return `(?:${variable?.source})`;
}

/** Columns are as wide as what stands in them. */
const escaped = (text: string): string =>
  text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&').replaceAll(/ {2,}/g, ' +');
