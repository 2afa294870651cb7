/** A value read, or what was expected instead. */
export type Parsed<T> =
  | { readonly type: 'value'; readonly value: T }
  | { readonly type: 'expected'; readonly what: string };

const value = <T>(read: T): Parsed<T> => ({ type: 'value', value: read });
const expected = (what: string): Parsed<never> => ({ type: 'expected', what });

const DURATION_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  min: 60_000,
  m: 60_000,
  h: 3_600_000,
};
const SIZE_UNITS: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
};

/** `500ms`, `30s`, `5min`, `1h`, or a plain number of seconds. Gives milliseconds. */
export function parseDuration(raw: unknown): Parsed<number> {
  return (
    parseQuantity(raw, DURATION_UNITS, 1000) ??
    expected('a duration such as 500ms, 30s, 5min or 1h, or a number of seconds')
  );
}

/** `64KiB`, `16MiB`, `1GB`, or a plain number of bytes. Gives bytes. */
export function parseSize(raw: unknown): Parsed<number> {
  return (
    parseQuantity(raw, SIZE_UNITS, 1) ?? expected('a size such as 64KiB, 16MiB or 1GiB, or a number of bytes')
  );
}

/** A number with a unit, or a plain one in units of `plain`; `undefined` when it is neither, or no whole number results. */
function parseQuantity(
  raw: unknown,
  units: Readonly<Record<string, number>>,
  plain: number,
): Parsed<number> | undefined {
  const match = /^([0-9]{1,15}(?:\.[0-9]{1,6})?)\s*([A-Za-z]*)$/.exec(
    typeof raw === 'number' ? `${raw}` : `${raw}`.trim(),
  );
  if (match === null || (typeof raw !== 'number' && typeof raw !== 'string')) return undefined;
  const [, digits = '', unit = ''] = match;
  const factor = unit === '' ? plain : units[unit];
  if (factor === undefined) return undefined;
  const quantity = Math.round(Number(digits) * factor);
  return Number.isSafeInteger(quantity) ? value(quantity) : undefined;
}

/** A whole number of at least `min`. */
export function parseCount(raw: unknown, min: number): Parsed<number> {
  const number = typeof raw === 'string' && /^[0-9]{1,15}$/.test(raw) ? Number(raw) : raw;
  return typeof number === 'number' && Number.isSafeInteger(number) && number >= min
    ? value(number)
    : expected(`a whole number of at least ${min}`);
}

/** Permission bits: a text of octal digits, or a number as TOML writes it with `0o`. */
export function parseMode(raw: unknown): Parsed<number> {
  if (typeof raw === 'number' && Number.isInteger(raw) && raw >= 0 && raw <= 0o777) return value(raw);
  if (typeof raw === 'string' && /^(0o?)?[0-7]{3}$/.test(raw))
    return value(Number.parseInt(raw.replace('o', ''), 8));
  return expected('permission bits as octal digits, such as "0600"');
}

export function parseFlag(raw: unknown): Parsed<boolean> {
  if (raw === true || raw === 'true') return value(true);
  if (raw === false || raw === 'false') return value(false);
  return expected('true or false');
}

export function parseText(raw: unknown): Parsed<string> {
  return typeof raw === 'string' && !raw.includes('\0') ? value(raw) : expected('a text');
}

/** The name of a queue that we serve is the name of a file too. */
export function parseQueueName(raw: unknown): Parsed<string> {
  return typeof raw === 'string' && /^[A-Za-z0-9_][A-Za-z0-9_.:-]*$/.test(raw)
    ? value(raw)
    : expected('the name of a queue: letters, digits and . _ : -');
}

/** A path in the store, below a domain's home. */
export function parseStorePath(raw: unknown): Parsed<string> {
  return typeof raw === 'string' && /^[A-Za-z0-9_@-]+(\/[A-Za-z0-9_@-]+)*$/.test(raw)
    ? value(raw)
    : expected("a path in xenstore without a leading or trailing slash: it is below a domain's home");
}

/** A list of texts: an array, or one text with commas. */
export function parseTexts(raw: unknown): Parsed<readonly string[]> {
  if (typeof raw === 'string') return value(raw === '' ? [] : raw.split(',').map((text) => text.trim()));
  if (Array.isArray(raw) && raw.every((text) => typeof text === 'string' || Number.isInteger(text))) {
    return value(raw.map(String));
  }
  return expected('a list of texts, or one text with commas');
}

export function parseChoice<Choice extends string>(raw: unknown, choices: readonly Choice[]): Parsed<Choice> {
  const chosen = choices.find((choice) => choice === raw);
  return chosen === undefined ? expected(`one of ${choices.join(', ')}`) : value(chosen);
}
