/**
 * The file in which xapi's xapi-storage-script keeps the SRs that are attached, so that a host can change over to this
 * daemon and back without detaching them: an S-expression, `((<sr uuid>((sr <handle>)(uids(<uid>…))))…)`.
 */

/** What that daemon knows of an SR: not by which plugin it was attached. */
export interface StateDbSr {
  readonly sr: string;
  readonly handle: string;
  /** The datasources that it registered. */
  readonly uids: readonly string[];
}

type Sexp = string | readonly Sexp[];

/** Reads the file's text, or says why it is none. */
export function parseStateDb(text: string): readonly StateDbSr[] | { readonly reason: string } {
  const tokens = tokensOf(text);
  if (tokens === undefined) return { reason: 'no S-expression: a quoted text does not end' };
  const [sexp, rest] = parse(tokens, 0, 0);
  if (sexp === undefined || rest !== tokens.length)
    return { reason: 'no S-expression: the brackets do not match' };
  const srs = typeof sexp === 'string' ? [undefined] : sexp.map(readSr);
  return srs.every((sr) => sr !== undefined)
    ? srs
    : { reason: 'expected pairs of an SR and ((sr handle)(uids(…)))' };
}

/** The text of the file for these. */
export const renderStateDb = (srs: readonly StateDbSr[]): string =>
  render(
    srs.map(({ sr, handle, uids }) => [
      sr,
      [
        ['sr', handle],
        ['uids', uids],
      ],
    ]),
  );

function readSr(pair: Sexp): StateDbSr | undefined {
  if (typeof pair === 'string') return undefined;
  const [sr, record] = pair;
  if (pair.length !== 2 || typeof sr !== 'string' || typeof record !== 'object') return undefined;
  const fields = new Map(
    record.flatMap((field) => (typeof field === 'string' ? [] : [[field[0], field[1]] as const])),
  );
  const handle = fields.get('sr');
  const uids = fields.get('uids') ?? [];
  if (typeof handle !== 'string' || typeof uids === 'string') return undefined;
  const texts = uids.filter((uid) => typeof uid === 'string');
  return texts.length === uids.length ? { sr, handle, uids: texts } : undefined;
}

interface Token {
  readonly type: '(' | ')' | 'atom';
  readonly text: string;
}

/** A quoted atom, with OCaml's escapes, or a plain one. */
const TOKEN = /\s+|([()])|"((?:[^"\\]|\\[\s\S])*)"|([^\s()"]+)/gy;

function tokensOf(text: string): Token[] | undefined {
  const tokens: Token[] = [];
  let end = 0;
  for (const match of text.matchAll(TOKEN)) {
    end = match.index + match[0].length;
    const [, bracket, quoted, plain] = match;
    if (bracket === '(' || bracket === ')') tokens.push({ type: bracket, text: bracket });
    else if (quoted !== undefined) tokens.push({ type: 'atom', text: unescaped(quoted) });
    else if (plain !== undefined) tokens.push({ type: 'atom', text: plain });
  }
  return end === text.length ? tokens : undefined;
}

/** The file's own is 5. */
const MAX_DEPTH = 16;

/** The expression that begins at a token, and where the next one does. */
function parse(
  tokens: readonly Token[],
  start: number,
  depth: number,
): [sexp: Sexp | undefined, next: number] {
  const token = tokens[start];
  if (token === undefined || token.type === ')' || depth > MAX_DEPTH) return [undefined, start];
  if (token.type === 'atom') return [token.text, start + 1];
  const inside: Sexp[] = [];
  let at = start + 1;
  while (at < tokens.length && tokens[at]?.type !== ')') {
    const [sexp, next] = parse(tokens, at, depth + 1);
    if (sexp === undefined) return [undefined, at];
    inside.push(sexp);
    at = next;
  }
  return at < tokens.length ? [inside, at + 1] : [undefined, at];
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b' };
const ESCAPED = new Map(Object.entries(ESCAPES).map(([letter, char]) => [char, letter]));

/** OCaml writes bytes above ASCII as `\ddd`, in decimal. */
function unescaped(quoted: string): string {
  const bytes: Buffer[] = [];
  for (const [, decimal, sign, plain] of quoted.matchAll(/\\([0-9]{3})|\\([\s\S])|([^\\]+)/g)) {
    if (decimal !== undefined) bytes.push(Buffer.from([Number(decimal)]));
    else bytes.push(Buffer.from(sign === undefined ? (plain ?? '') : (ESCAPES[sign] ?? sign)));
  }
  return Buffer.concat(bytes).toString();
}

/** As sexplib writes it for machines: a space only between two atoms that are not quoted. */
function render(sexp: Sexp): string {
  if (typeof sexp === 'string') return atom(sexp);
  const parts = sexp.map(render);
  const spaced = parts.map((part, index) => {
    const before = parts[index - 1] ?? '(';
    return /^[("]/.test(part) || /[()"]$/.test(before) ? part : ` ${part}`;
  });
  return `(${spaced.join('')})`;
}

const PLAIN = /^[!#-'*-:<-[\]-~]+$/;

/** `#|` begins a comment, and `|#` ends one. */
const atom = (text: string): string =>
  PLAIN.test(text) && !/#\||\|#/.test(text) ? text : `"${escaped(text)}"`;

const escaped = (text: string): string =>
  [...Buffer.from(text)]
    .map((byte) => {
      const char = String.fromCharCode(byte);
      const letter = char === '"' || char === '\\' ? char : ESCAPED.get(char);
      if (letter !== undefined) return `\\${letter}`;
      return byte >= 0x20 && byte < 0x7f ? char : `\\${byte.toString().padStart(3, '0')}`;
    })
    .join('');
