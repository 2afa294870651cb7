/** Numbers and times as people read them. */

/** `3 ms`, `12 s`, `5 min`, `2 h`, `4 days`. */
export function span(ms: number): string {
  const positive = Math.max(0, ms);
  if (positive < 10) return `${Math.round(positive * 10) / 10} ms`;
  if (positive < 1000) return `${Math.round(positive)} ms`;
  if (positive < 10_000) return `${Math.round(positive / 100) / 10} s`;
  if (positive < 120_000) return `${Math.round(positive / 1000)} s`;
  if (positive < 7_200_000) return `${Math.round(positive / 60_000)} min`;
  if (positive < 172_800_000) return `${Math.round(positive / 3_600_000)} h`;
  return `${Math.round(positive / 86_400_000)} days`;
}

/** How long something is so, in whole seconds and above: it is read while it goes on. */
export const age = (ms: number): string => span(Math.max(1000, Math.round(ms / 1000) * 1000));

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** `812 B`, `1.2 MiB`. */
export function size(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value < 10 && unit > 0 ? Math.round(value * 10) / 10 : Math.round(value)} ${UNITS[unit] ?? ''}`;
}

/** `12 345`, with a space that does not break. */
export const count = (number: number): string => `${number}`.replace(/\B(?=(\d{3})+$)/g, '\u202f');

export const plural = (number: number, what: string): string =>
  `${count(number)} ${what}${number === 1 ? '' : 's'}`;

/** `14:03:21.042`, of this browser's clock and zone. */
export function clock(time: number): string {
  const date = new Date(time);
  const two = (number: number): string => `${number}`.padStart(2, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${`${date.getMilliseconds()}`.padStart(3, '0')}`;
}

/** All queues of the toolstack begin so. */
const PREFIX = 'org.xen.xapi.';

/** A queue's name without what they all have. */
export const shortQueue = (name: string): string =>
  name.startsWith(PREFIX) ? name.slice(PREFIX.length) : name;

/** Of a long text its end, by which names differ. */
export const endOf = (text: string, most: number): string =>
  text.length > most ? `…${text.slice(text.length - Math.max(1, most - 1))}` : text;

/** Of a long text its beginning. */
export const beginOf = (text: string, most: number): string =>
  text.length > most ? `${text.slice(0, Math.max(1, most - 1))}…` : text;
