import { isUtf8 } from 'node:buffer';
import { SaxesParser } from 'saxes';
import type { Value } from '../wire/value.ts';
import type { Answer, Call } from './call.ts';

/**
 * XML-RPC as xapi and Python's `xmlrpc.client` speak it. An answer is always a `methodResponse` with one struct,
 * `Status` and `Value` or `ErrorDescription`, that OCaml and Python peers both read; a fault only answers what can't
 * be read.
 */

/** A document that is no call. `refused`: it may be well formed, but readers differ in what they make of it. */
export class XmlFailure {
  readonly kind: 'malformed' | 'refused';
  readonly reason: string;

  constructor(kind: XmlFailure['kind'], reason: string) {
    this.kind = kind;
    this.reason = reason;
  }
}

/** Reads a call. Its params are the array of the values that came. Never throws. */
export function readXmlCall(bytes: Buffer, { maxDepth }: { readonly maxDepth: number }): Call | XmlFailure {
  if (!isUtf8(bytes)) return new XmlFailure('refused', 'the bytes are no UTF-8');
  const root = readTree(bytes.toString(), maxDepth);
  if (root instanceof XmlFailure) return root;
  try {
    return readCall(root);
  } catch (error) {
    if (error instanceof Unreadable) return new XmlFailure(error.kind, error.message);
    throw error;
  }
}

/** An element with the elements and the text inside it. */
interface Element {
  readonly name: string;
  readonly children: Element[];
  text: string;
}

/** Leaves the reading of a document, with the reason. */
class Unreadable extends Error {
  readonly kind: XmlFailure['kind'];

  constructor(reason: string, kind: XmlFailure['kind'] = 'malformed') {
    super(reason);
    this.kind = kind;
  }
}

/** A value is at most three elements deep for each level of nesting: `value`, `struct` or `array`, `member` or `data`. */
const ELEMENTS_PER_LEVEL = 3;
/** `methodCall`, `params`, `param`, and the value's own two. */
const ELEMENTS_AROUND = 5;

function readTree(text: string, maxDepth: number): Element | XmlFailure {
  const document: Element = { name: '', children: [], text: '' };
  const open: Element[] = [document];
  const parser = new SaxesParser();
  parser.on('error', (error) => {
    throw new Unreadable(error.message);
  });
  parser.on('doctype', () => {
    throw new Unreadable('a document type is refused', 'refused');
  });
  parser.on('processinginstruction', () => {
    throw new Unreadable('a processing instruction is refused', 'refused');
  });
  parser.on('xmldecl', ({ encoding = 'utf-8' }) => {
    if (/^(utf-8|us-ascii)$/i.test(encoding)) return;
    throw new Unreadable(`encoding: expected UTF-8, got ${encoding}`, 'refused');
  });
  parser.on('opentag', ({ name }) => {
    if (open.length > maxDepth * ELEMENTS_PER_LEVEL + ELEMENTS_AROUND) {
      throw new Unreadable(`nested deeper than sockets.maxDepth (${maxDepth})`, 'refused');
    }
    const element: Element = { name, children: [], text: '' };
    open.at(-1)?.children.push(element);
    open.push(element);
  });
  parser.on('closetag', () => open.pop());
  const characters = (piece: string) => {
    const element = open.at(-1);
    if (element !== undefined) element.text += piece;
  };
  parser.on('text', characters);
  parser.on('cdata', characters);
  try {
    parser.write(text).close();
  } catch (error) {
    if (error instanceof Unreadable) return new XmlFailure(error.kind, `no XML: ${error.message}`);
    throw error;
  }
  return document.children[0] ?? new XmlFailure('malformed', 'no XML: no element at all');
}

function readCall(root: Element): Call {
  if (root.name !== 'methodCall') throw new Unreadable(`expected methodCall, got ${root.name}`);
  const [methodName, params, more] = root.children;
  if (methodName?.name !== 'methodName') throw new Unreadable('methodCall: expected methodName first');
  if (more !== undefined) throw new Unreadable(`methodCall: unexpected ${more.name}`);
  const method = methodName.text.trim();
  if (params === undefined) return { method, params: [] };
  if (params.name !== 'params') throw new Unreadable(`methodCall: expected params, got ${params.name}`);
  return { method, params: params.children.map((param) => readValue(only(expect(param, 'param'), 'value'))) };
}

function expect(element: Element, name: string): Element {
  if (element.name !== name) throw new Unreadable(`expected ${name}, got ${element.name}`);
  return element;
}

/** The one element inside another. */
function only({ name, children }: Element, expected: string): Element {
  const [child] = children;
  if (child === undefined || children.length > 1) {
    throw new Unreadable(`${name}: expected one ${expected}, got ${children.length} elements`);
  }
  return expect(child, expected);
}

/** A value without a type inside is a string: the specification, “Scalars”. */
function readValue(element: Element): Value {
  const [typed, more] = element.children;
  if (typed === undefined) return element.text;
  if (more !== undefined)
    throw new Unreadable(`value: expected one type, got ${element.children.length} elements`);
  return readTyped(typed);
}

function readTyped(element: Element): Value {
  const { name, text } = element;
  switch (name) {
    case 'string':
    // What has no type of its own in a call stays the text that it is.
    case 'base64':
    case 'dateTime.iso8601':
      return text;
    case 'int':
    case 'i4':
    case 'i8':
      return readInteger(name, text.trim());
    case 'boolean':
      return readBoolean(text.trim());
    case 'double':
      return readDouble(text.trim());
    case 'nil':
    case 'ex:nil':
      return null;
    case 'array':
      return only(element, 'data').children.map((child) => readValue(expect(child, 'value')));
    case 'struct':
      return readStruct(element);
    default:
      throw new Unreadable(`value: expected a type, got ${name}`);
  }
}

function readStruct({ children }: Element): Value {
  const struct: Record<string, Value> = {};
  for (const member of children) {
    const [name, value, more] = expect(member, 'member').children;
    if (name?.name !== 'name' || value?.name !== 'value' || more !== undefined) {
      throw new Unreadable('member: expected a name and a value');
    }
    if (name.text === '__proto__') throw new Unreadable('the name __proto__ is refused', 'refused');
    if (Object.hasOwn(struct, name.text))
      throw new Unreadable(`the name ${name.text} comes twice`, 'refused');
    struct[name.text] = readValue(value);
  }
  return struct;
}

const INTEGER = /^[+-]?[0-9]{1,20}$/;
const MIN_INT64 = -(2n ** 63n);
const MAX_INT64 = 2n ** 63n - 1n;

function readInteger(type: string, text: string): Value {
  if (!INTEGER.test(text)) throw new Unreadable(`${type}: expected decimal digits, got ${text.slice(0, 40)}`);
  const exact = BigInt(text.replace('+', ''));
  if (exact < MIN_INT64 || exact > MAX_INT64) throw new Unreadable(`${type}: ${text} does not fit 64 bits`);
  const number = Number(exact);
  return Number.isSafeInteger(number) ? number : exact;
}

function readBoolean(text: string): boolean {
  if (text !== '0' && text !== '1')
    throw new Unreadable(`boolean: expected 0 or 1, got ${text.slice(0, 40)}`);
  return text === '1';
}

const DOUBLE = /^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$/;

function readDouble(text: string): number {
  const number = Number(text);
  if (DOUBLE.test(text) && Number.isFinite(number)) return number;
  throw new Unreadable(`double: expected a decimal number, got ${text.slice(0, 40)}`);
}

/** Writes an answer: `Status` with `Value`, or with `ErrorDescription`, the error's variant as an array. */
export function writeXmlAnswer(answer: Answer, writeValue: (value: Value) => string = writeXmlValue): string {
  if (answer.type === 'result')
    return response(member('Status', 'Success') + named('Value', writeValue(answer.result)));
  const { variant } = answer.error;
  const description = Array.isArray(variant) ? variant : [variant];
  return response(member('Status', 'Failure') + named('ErrorDescription', writeXmlValue(description)));
}

/** Writes the fault that answers what could not be read. */
export const writeXmlFault = (code: number, text: string): string =>
  `${DECLARATION}<methodResponse><fault>${writeXmlValue({ faultCode: code, faultString: text })}</fault></methodResponse>\n`;

const DECLARATION = '<?xml version="1.0"?>\n';

const response = (members: string): string =>
  `${DECLARATION}<methodResponse><params><param><value><struct>${members}</struct></value></param></params></methodResponse>\n`;

const named = (name: string, value: string): string =>
  `<member><name>${escapeText(name)}</name>${value}</member>`;
const member = (name: string, value: Value): string => named(name, writeXmlValue(value));

const LARGEST_INT32 = 0x7fff_ffff;
const SMALLEST_INT32 = -0x8000_0000;

/** Writes a value as a `value` element. */
export function writeXmlValue(value: Value): string {
  if (value === null) return '<value><nil/></value>';
  switch (typeof value) {
    case 'string':
      return `<value><string>${escapeText(value)}</string></value>`;
    case 'boolean':
      return `<value><boolean>${value ? 1 : 0}</boolean></value>`;
    case 'bigint':
      return `<value><i8>${value}</i8></value>`;
    case 'number':
      return `<value>${writeNumber(value)}</value>`;
    case 'object': {
      if (Array.isArray(value))
        return `<value><array><data>${value.map(writeXmlValue).join('')}</data></array></value>`;
      const members = Object.entries(value).map(([name, inside]) => member(name, inside));
      return `<value><struct>${members.join('')}</struct></value>`;
    }
  }
}

function writeNumber(value: number): string {
  if (!Number.isInteger(value) || Object.is(value, -0)) return `<double>${value}</double>`;
  if (!Number.isSafeInteger(value)) return `<double>${value}</double>`;
  return value >= SMALLEST_INT32 && value <= LARGEST_INT32 ? `<int>${value}</int>` : `<i8>${value}</i8>`;
}

/** Characters that XML 1.0 can't carry in any form (section 2.2); they become U+FFFD. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that it is about
const UNCARRIABLE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu;
const SPECIAL = /[&<>\r]/g;
const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '\r': '&#13;' };

const escapeText = (text: string): string =>
  text.replace(UNCARRIABLE, '\ufffd').replace(SPECIAL, (character) => ENTITIES[character] ?? character);
