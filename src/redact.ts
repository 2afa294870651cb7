/**
 * Takes secrets out of what goes to a log or into diagnostics: the user info of URIs in any text, and the values
 * of names that say password, secret, token or key, be they fields or written in a text. Where it can't be told
 * whether something is secret, it is taken out.
 */
const REDACTED = '***';

const SECRET_NAME = /password|secret|token|key/i;

/** Deeper things are left out: nothing that is logged needs them, and what refers to itself has no end. */
const MAX_DEPTH = 12;

/**
 * A value without its secrets. `name` is the key under which it stands. Errors keep their type, message and stack,
 * what else was put on them, and their causes, in plain fields.
 */
export const redact = (value: unknown, name = ''): unknown => redactInside(value, name, []);

function redactInside(value: unknown, name: string, around: readonly object[]): unknown {
  if (SECRET_NAME.test(name)) return REDACTED;
  if (typeof value === 'string') return redactText(value);
  if (typeof value !== 'object' || value === null) return value;
  if (around.includes(value) || around.length >= MAX_DEPTH) return '…';
  const inside = [...around, value];
  if (Array.isArray(value)) return value.map((element) => redactInside(element, '', inside));
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (value instanceof Set) return redactInside([...value], '', inside);
  if ('toJSON' in value && typeof value.toJSON === 'function') {
    return redactInside(value.toJSON(), '', inside);
  }
  const entries = value instanceof Map ? entriesOfMap(value) : entriesOf(value);
  return Object.fromEntries(
    entries.map(([key, element]) => [redactText(key), redactInside(element, key, inside)]),
  );
}

const entriesOfMap = (map: ReadonlyMap<unknown, unknown>): [string, unknown][] =>
  [...map].map(([key, element]) => [typeof key === 'object' ? 'object' : String(key), element]);

function entriesOf(value: object): [string, unknown][] {
  if (!(value instanceof Error)) return Object.entries(value);
  const { name, message, stack, cause } = value;
  return [
    ['type', name],
    ['message', message],
    ['stack', stack],
    ...Object.entries(value),
    ...(value instanceof AggregateError ? [['errors', value.errors] as [string, unknown]] : []),
    ...(cause === undefined ? [] : [['cause', cause] as [string, unknown]]),
  ];
}

/** A part of a text, from one index to before another. */
interface Span {
  readonly start: number;
  readonly end: number;
}

/** A text without its secrets: `nbd://***@host/x`, `password=***`, `"apiKey":"***"`. */
export function redactText(text: string): string {
  // Each kind is looked for in the text as it came: what one takes out could be what shows where the other ends.
  const secrets = [...userInfos(text), ...assignedSecrets(text), ...memberSecrets(text)].sort(
    (a, b) => a.start - b.start,
  );
  let shown = '';
  let from = 0;
  for (const [index, { start, end }] of secrets.entries()) {
    if (index === 0 || start > from) shown += text.slice(from, start) + REDACTED;
    from = Math.max(from, end);
  }
  return shown + text.slice(from);
}

/** Quotes end a word only where they end a value: elsewhere they may be part of a secret. */
const WORD = /(?:[^\s"']|["'](?![\s,;:.)\]}]|$))+/g;

/** Stands at the end of a text that was cut. */
const CUT = '…';

function* userInfos(text: string): Generator<Span> {
  const isCut = text.endsWith(CUT);
  if (!text.includes('/') || !(isCut || text.includes('@'))) return;
  for (const { 0: word, index } of text.matchAll(WORD)) {
    // The @ may be in what was cut away.
    const isCutWord = isCut && index + word.length === text.length;
    const end = isCutWord ? word.length - CUT.length : word.lastIndexOf('@');
    const start = startOfUserInfo(word, end);
    if (start !== undefined) yield { start: index + start, end: index + end };
  }
}

/**
 * What stands between `//` and the last @ of a word is user info, as passwords are written with / and @ in them too;
 * unless the first / comes before any @ and any colon, which makes it a host and a path.
 */
function startOfUserInfo(word: string, end: number): number | undefined {
  for (const { 0: slashes, index } of word.matchAll(SLASHES)) {
    const start = index + slashes.length;
    if (start > end) return undefined;
    AUTHORITY.lastIndex = start;
    const [authority = ''] = AUTHORITY.exec(word) ?? [];
    if (authority.includes('@') || authority.replace(IPV6, '').includes(':')) return start;
  }
  return undefined;
}

/** JSON may have a backslash before each. */
const SLASHES = /\/\\*\//g;
const AUTHORITY = /[^/?#]*/y;
const IPV6 = /^\[[0-9A-Fa-f:.]*\](:[0-9]{1,5})?$/;

/**
 * A name that says secret, and what assigns a value to it: `=`; `:` behind a quoted name, as in JSON; and a plain `:`
 * behind a name with which people hardly begin a sentence. In JSON inside of JSON the quotes have backslashes.
 */
const ASSIGNMENT = new RegExp(
  [
    /(?:password|secret|token|key)[\w.-]{0,64}(?:\\*["'])?\s{0,8}=\s{0,8}/,
    /(?:password|secret|token|key)[\w.-]{0,64}\\*["']\s{0,8}:\s{0,8}/,
    /(?:password|secret)[\w.-]{0,64}:\s{0,8}/,
  ]
    .map(({ source }) => source)
    .join('|'),
  'gi',
);

function* assignedSecrets(text: string): Generator<Span> {
  if (!SECRET_NAME.test(text)) return;
  const endOfWord = wordEnds(text);
  ASSIGNMENT.lastIndex = 0;
  for (let found = ASSIGNMENT.exec(text); found !== null; found = ASSIGNMENT.exec(text)) {
    const start = found.index + found[0].length;
    const secret = valueAt(text, start, endOfWord);
    if (secret.end > secret.start) yield secret;
    // In the value there may stand another assignment, whose value goes on longer.
    ASSIGNMENT.lastIndex = start;
  }
}

/** Members of structs in XML-RPC. */
const MEMBER =
  /<name>[^<]{0,64}(?:password|secret|token|key)[^<]{0,64}<\/name>\s{0,8}<value>(?=\s{0,8}(<(?:struct|array)>)?)/gi;

function* memberSecrets(text: string): Generator<Span> {
  if (!text.includes('<name>')) return;
  for (const { 0: found, 1: nested, index } of text.matchAll(MEMBER)) {
    const start = index + found.length;
    const end = nested === undefined ? text.indexOf('</value>', start) : -1;
    yield { start, end: end < 0 ? text.length : end };
    if (end < 0) return;
  }
}

/** The value that begins there, without the quotes around it. */
function valueAt(text: string, start: number, endOfWord: (at: number) => number): Span {
  QUOTE.lastIndex = start;
  const opening = QUOTE.exec(text)?.[0];
  // A list or an object goes with all that follows: where it ends is not to be told without reading it.
  if (text[start] === '[' || text[start] === '{') return { start, end: text.length };
  if (opening === undefined) return { start, end: endOfWord(start) };
  const inside = start + opening.length;
  const end = closingQuote(text, inside, opening);
  const lastQuote = end + opening.length - 1;
  const endOfMore = endOfWord(lastQuote);
  // Where more follows at once, the quotes were part of the value.
  return { start: inside, end: endOfMore > lastQuote ? endOfMore : end };
}

/** Gives where the word ends in which an index is; a word is read once, however often it is asked for. */
function wordEnds(text: string): (at: number) => number {
  let known: Span = { start: 0, end: 0 };
  return (at) => {
    if (at >= known.start && at < known.end) return known.end;
    WORD_HERE.lastIndex = at;
    known = { start: at, end: at + (WORD_HERE.exec(text)?.[0].length ?? 0) };
    return known.end;
  };
}

const QUOTE = /\\*["']/y;
const WORD_HERE = new RegExp(WORD.source, 'y');

/** Where the quote comes that closes one: the same with no more backslashes before it, or the text's end. */
function closingQuote(text: string, from: number, opening: string): number {
  const quote = opening.slice(-1);
  for (let at = text.indexOf(quote, from); at >= 0; at = text.indexOf(quote, at + 1)) {
    let backslashes = 0;
    while (at - backslashes > from && text[at - backslashes - 1] === '\\') backslashes += 1;
    if (backslashes < opening.length) return at - backslashes;
  }
  return text.length;
}
