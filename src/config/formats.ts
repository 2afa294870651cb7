import type { QueueRule, TimeoutRule } from './setting.ts';

/** A value read, or what was expected instead. */
export type Parsed<T> =
  | { readonly type: 'value'; readonly value: T }
  | {
      readonly type: 'expected';
      readonly what: string;
      /** When it is a part of the value that is wrong: which one, and what stands there. */
      readonly inside?: { readonly place: string; readonly got: unknown };
    };

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

/** The longest time that a timer of Node's takes, 2^31 ms, in whole days. */
const LONGEST_DURATION = 576 * 3_600_000;

/**
 * `500ms`, `30s`, `5min`, `1h`, or a plain number of seconds, of at least so many ms. Gives milliseconds, rounded to
 * the whole.
 */
export function parseDuration(raw: unknown, least: number): Parsed<number> {
  const ms = parseQuantity(raw, DURATION_UNITS, 1000);
  return ms !== undefined && ms >= least && ms <= LONGEST_DURATION
    ? value(ms)
    : expected(`a duration from ${least}ms to 576h such as 500ms, 30s, 5min or 1h, or a number of seconds`);
}

/** `64KiB`, `16MiB`, `1GB`, or a plain number of bytes, of at least so many bytes. Gives bytes, rounded to the whole. */
export function parseSize(raw: unknown, least: number): Parsed<number> {
  const bytes = parseQuantity(raw, SIZE_UNITS, 1);
  return bytes !== undefined && bytes >= least
    ? value(bytes)
    : expected(`a size from ${least}B such as 64KiB, 16MiB or 1GiB, or a number of bytes`);
}

/** A number with a unit, or a plain one in units of `plain`; `undefined` when it is neither, or too large to be exact. */
function parseQuantity(
  raw: unknown,
  units: Readonly<Record<string, number>>,
  plain: number,
): number | undefined {
  if (typeof raw !== 'number' && typeof raw !== 'string') return undefined;
  const match = /^([0-9]{1,15}(?:\.[0-9]{1,6})?) ?([A-Za-z]*)$/.exec(`${raw}`.trim());
  if (match === null) return undefined;
  const [, digits = '', unit = ''] = match;
  if (unit !== '' && !Object.hasOwn(units, unit)) return undefined;
  const quantity = Math.round(Number(digits) * (units[unit] ?? plain));
  return Number.isSafeInteger(quantity) ? quantity : undefined;
}

/** A whole number of at least `min`. */
export function parseCount(raw: unknown, min: number): Parsed<number> {
  const number = typeof raw === 'string' && /^[0-9]{1,15}$/.test(raw) ? Number(raw) : raw;
  return typeof number === 'number' && Number.isSafeInteger(number) && number >= min
    ? value(number)
    : expected(`a whole number of at least ${min}`);
}

/**
 * Permission bits: a text of octal digits. No number is taken: in a file, `mode = 440` would be a decimal one, and
 * quite other bits than it seems.
 */
export function parseMode(raw: unknown): Parsed<number> {
  return typeof raw === 'string' && /^(0o?)?[0-7]{3}$/.test(raw)
    ? value(Number.parseInt(raw.replace('o', ''), 8))
    : expected('permission bits as a text of octal digits, such as "0600"');
}

export function parseFlag(raw: unknown): Parsed<boolean> {
  if (raw === true || raw === 'true') return value(true);
  if (raw === false || raw === 'false') return value(false);
  return expected('true or false');
}

export function parseText(raw: unknown): Parsed<string> {
  return typeof raw === 'string' && !raw.includes('\0') ? value(raw) : expected('a text without NUL');
}

export function parsePath(raw: unknown): Parsed<string> {
  return typeof raw === 'string' && raw !== '' && !raw.includes('\0') ? value(raw) : expected('a path');
}

/** `127.0.0.1:9155`, `[::1]:9155` or `localhost:9155`; or nothing. */
export function parseLoopback(raw: unknown): Parsed<string> {
  if (raw === '') return value('');
  const [, port] =
    typeof raw === 'string'
      ? (/^(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\]):([0-9]{1,5})$/.exec(raw) ?? [])
      : [];
  return typeof raw === 'string' && port !== undefined && Number(port) <= LAST_PORT
    ? value(raw)
    : expected('an address of the loopback with a port, such as 127.0.0.1:9155 or [::1]:9155, or nothing');
}

const LAST_PORT = 0xffff;

/** A URL of HTTP, or `unix:` with the path of a socket; or nothing. What is secret has no place in it: it is shown. */
export function parseEndpoint(raw: unknown): Parsed<string> {
  if (raw === '') return value('');
  return typeof raw === 'string' && (/^unix:\/[^\0]+$/.test(raw) || isPlainUrl(raw))
    ? value(raw)
    : expected(
        'http://host:port, https://host:port or unix:/path/of/socket, without a user, a query or a fragment, or nothing',
      );
}

function isPlainUrl(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || !/^https?:\/\//.test(text)) return false;
  return url.username === '' && url.password === '' && !/[?#@\s]/.test(text);
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

/** The last domid that Xen gives to a domain, below those with a meaning of their own: public/xen.h. */
const LAST_DOMID = 0x7fef;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Domains by domid or by their VM's uuid: an array, or one text with commas. */
export function parseDomains(raw: unknown): Parsed<readonly string[]> {
  if (raw === '') return value([]);
  const given: readonly unknown[] =
    typeof raw === 'string' ? raw.split(',') : Array.isArray(raw) ? raw : [raw];
  const domains = given.map(domainName);
  return domains.every((domain) => domain !== undefined)
    ? value(domains)
    : expected(`a list, or one text with commas, of ${DOMAIN_NAMES}`);
}

export const DOMAIN_NAMES = `domids from 0 to ${LAST_DOMID} and uuids of VMs`;

export const isUuid = (text: string): boolean => UUID.test(text);

/** A domid or the uuid of a VM as text; `undefined`: it is neither. */
export function domainName(raw: unknown): string | undefined {
  const name = typeof raw === 'number' ? `${raw}` : typeof raw === 'string' ? raw.trim() : '';
  return UUID.test(name) || (/^[0-9]{1,5}$/.test(name) && Number(name) <= LAST_DOMID) ? name : undefined;
}

/** Names of environment variables: an array, or one text with commas. */
export function parseVariables(raw: unknown): Parsed<readonly string[]> {
  if (raw === '') return value([]);
  const given: unknown = typeof raw === 'string' ? raw.split(',').map((name) => name.trim()) : raw;
  return Array.isArray(given) && given.every((name) => typeof name === 'string' && VARIABLE.test(name))
    ? value(given)
    : expected('a list, or one text with commas, of names of environment variables');
}

const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

export function parseChoice<Choice extends string>(raw: unknown, choices: readonly Choice[]): Parsed<Choice> {
  const chosen = choices.find((choice) => choice === raw);
  return chosen === undefined ? expected(`one of ${choices.join(', ')}`) : value(chosen);
}

const FOR_EVER = 'wait';
const AT_ONCE = 'fail';

/** How long a request waits for a listener: `wait`, `fail`, or a duration; by pattern. */
export const parseListenerRules = (raw: unknown): Parsed<readonly QueueRule[]> =>
  queueRules(
    parseRules(raw, 'queue', 'policy', 'wait, fail or a duration', (policy) => {
      if (policy === FOR_EVER) return Number.POSITIVE_INFINITY;
      return policy === AT_ONCE ? 0 : parseQuantity(policy, DURATION_UNITS, 1000);
    }),
  );

export const parseDurationRules = (raw: unknown): Parsed<readonly QueueRule[]> =>
  queueRules(
    parseRules(raw, 'queue', 'after', 'a duration', (after) => parseQuantity(after, DURATION_UNITS, 1000)),
  );

/** How long a method may take, by pattern. */
export const parseTimeoutRules = (raw: unknown): Parsed<readonly TimeoutRule[]> =>
  mapParsed(
    parseRules(raw, 'method', 'after', 'a duration from 1ms', (after) => {
      const parsed = parseDuration(after, 1);
      return parsed.type === 'value' ? parsed.value : undefined;
    }),
    (rules) => rules.map(({ pattern, time }) => ({ method: pattern, time })),
  );

const queueRules = (rules: Parsed<readonly Rule[]>): Parsed<readonly QueueRule[]> =>
  mapParsed(rules, (read) => read.map(({ pattern, time }) => ({ queue: pattern, time })));

const mapParsed = <T, U>(parsed: Parsed<T>, change: (value: T) => U): Parsed<U> =>
  parsed.type === 'value' ? value(change(parsed.value)) : parsed;

/** How long a request waits for a listener, as it is given. */
export const ruleTime = (time: number): string =>
  time === Number.POSITIVE_INFINITY ? FOR_EVER : time === 0 ? AT_ONCE : `${time}ms`;

interface Rule {
  readonly pattern: string;
  /** ms */
  readonly time: number;
}

/** For each kind of name, a pattern that says how they look. */
const EXAMPLES = { queue: 'some.queue.*', method: 'Volume.*' } as const;

/** Tables with a pattern of names and a field of the kind's own; or one text, `pattern=value,pattern=value`. */
function parseRules(
  raw: unknown,
  name: keyof typeof EXAMPLES,
  field: string,
  what: string,
  readTime: (value: unknown) => number | undefined,
): Parsed<readonly Rule[]> {
  const failed = expected(
    `tables with ${name}, a pattern, and ${field}, ${what}, and nothing else; or one text such as ${EXAMPLES[name]}=30s`,
  );
  const given = typeof raw === 'string' ? ruleTexts(raw, name, field) : raw;
  if (!Array.isArray(given)) return failed;
  const rules: Rule[] = [];
  for (const table of given) {
    if (typeof table !== 'object' || table === null) return failed;
    const { [name]: pattern, [field]: given, ...others } = table;
    const time = readTime(given);
    if (typeof pattern !== 'string' || !PATTERN.test(pattern) || time === undefined) return failed;
    if (Object.keys(others).length > 0) return failed;
    rules.push({ pattern, time });
  }
  return value(rules);
}

/** Commas stand between rules in one text. */
const PATTERN = /^[^,\s]+$/;

/** A pattern may have an equals sign in it; a time has none. */
const ruleTexts = (text: string, name: string, field: string): Record<string, string>[] =>
  text === ''
    ? []
    : text.split(',').map((rule) => {
        const at = rule.lastIndexOf('=');
        return { [name]: rule.slice(0, Math.max(at, 0)).trim(), [field]: rule.slice(at + 1).trim() };
      });
