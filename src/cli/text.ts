import { isUtf8 } from 'node:buffer';

/**
 * What is printed for people. Names and payloads come from anybody who may send: a terminal must not do what they
 * say, nor a line be broken by them.
 */

/** Control characters, line separators, and what turns the direction of text around. */
const HARMFUL = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;
const HARMFUL_IN_LINES = /[^\P{Cc}\n\t]|[\u202a-\u202e\u2066-\u2069]/gu;

/** On one line, with control characters shown as `\x1b` or `\u202e`. */
export const harmless = (text: string): string => text.replace(HARMFUL, escaped);

/** As `harmless`, and line breaks and tabs stay. */
export const harmlessLines = (text: string): string => text.replace(HARMFUL_IN_LINES, escaped);

function escaped(character: string): string {
  const code = character.charCodeAt(0);
  return code < 0x100 ? `\\x${hex(code, 2)}` : `\\u${hex(code, 4)}`;
}

const hex = (code: number, digits: number): string => code.toString(16).padStart(digits, '0');

/** A payload as text; of one that is no UTF-8 every other byte is shown as `\xff`. */
export const payloadText = (payload: Buffer): string =>
  isUtf8(payload)
    ? payload.toString()
    : payload.toString('latin1').replace(/[\x80-\xff]/g, (byte) => escaped(byte));

/** A payload on one line. */
export const payloadLine = (payload: Buffer): string => harmless(payloadText(payload));

/** At most that many characters, with a mark where some are left out. */
export function cut(text: string, length: number): string {
  const characters = Array.from(text.slice(0, 2 * length + 2));
  return characters.length <= length ? text : `${characters.slice(0, length - 1).join('')}…`;
}

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** A span of ms in two units at most: `350 ms`, `12.3 s`, `5 min 3 s`, `3 d 4 h`. */
export function span(ms: number): string {
  if (ms < SECOND_MS) return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
  if (ms < MINUTE_MS) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`;
  if (ms < HOUR_MS) return twoUnits(ms, MINUTE_MS, 'min', SECOND_MS, 's');
  if (ms < DAY_MS) return twoUnits(ms, HOUR_MS, 'h', MINUTE_MS, 'min');
  return twoUnits(ms, DAY_MS, 'd', HOUR_MS, 'h');
}

function twoUnits(ms: number, large: number, largeName: string, small: number, smallName: string): string {
  const rest = Math.floor((ms % large) / small);
  return `${Math.floor(ms / large)} ${largeName}${rest === 0 ? '' : ` ${rest} ${smallName}`}`;
}

const SIZE_STEP = 1024;

/** `512 B`, `1.5 KiB`. */
export function size(bytes: number): string {
  if (bytes < SIZE_STEP) return `${bytes} B`;
  const steps = Math.min(Math.floor(Math.log(bytes) / Math.log(SIZE_STEP)), 3);
  return `${(bytes / SIZE_STEP ** steps).toFixed(1)} ${['B', 'KiB', 'MiB', 'GiB'][steps]}`;
}

/** A reason with the last line that a script wrote on its standard error. */
export function withLastWords(reason: string, stderr: string): string {
  const last = stderr.trimEnd().split('\n').at(-1) ?? '';
  return last === '' ? reason : `${reason}; its last words: ${last}`;
}

export const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** A table in columns as wide as their longest cell, with nothing behind the last one of a line. */
export function table(rows: readonly (readonly string[])[], alignRight: readonly number[] = []): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    rows.reduce((width, row) => Math.max(width, row[column]?.length ?? 0), 0),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return alignRight.includes(column) ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  return rows.map((row) => `${line(row)}\n`).join('');
}
