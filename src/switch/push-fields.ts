import type { MessageId } from './protocol.ts';

/**
 * The fields of an array of the push protocol, read one after the other, each of the type that is asked for. The first
 * that is wrong is noted in `problem`, and all that is read then is to be thrown away.
 */
export class Fields {
  problem: string | undefined;
  readonly #values: readonly unknown[];
  #at = 0;

  constructor(values: readonly unknown[]) {
    this.#values = values;
  }

  text(name: string): string {
    const value = this.#next();
    return typeof value === 'string' ? value : this.wrong(name, 'a text', value, '');
  }

  /** A whole number that a double holds exactly. */
  integer(name: string, least = Number.MIN_SAFE_INTEGER): number {
    const value = this.#next();
    if (isInteger(value) && value >= least) return value;
    const expected = least === Number.MIN_SAFE_INTEGER ? 'an integer' : `an integer, ${least} or more`;
    return this.wrong(name, expected, value, 0);
  }

  optionalInteger(name: string, otherwise: number): number {
    if (this.#isNothing()) return otherwise;
    return this.integer(name);
  }

  number(name: string): number {
    const value = this.#next();
    return typeof value === 'number' ? value : this.wrong(name, 'a number', value, 0);
  }

  flag(name: string, otherwise: boolean): boolean {
    if (this.#isNothing()) return otherwise;
    const value = this.#next();
    return typeof value === 'boolean' ? value : this.wrong(name, 'true or false', value, otherwise);
  }

  /** Binary data, or a text, which stands for its UTF-8. */
  bytes(name: string): Buffer {
    const value = this.#next();
    if (Buffer.isBuffer(value)) return value;
    return typeof value === 'string'
      ? Buffer.from(value)
      : this.wrong(name, 'binary data or a text', value, Buffer.alloc(0));
  }

  list(name: string): readonly unknown[] {
    const value = this.#next();
    return isList(value) ? value : this.wrong(name, 'an array', value, []);
  }

  texts(name: string): readonly string[] {
    const values = this.list(name);
    const texts = values.filter((value) => typeof value === 'string');
    if (texts.length === values.length) return texts;
    const place = values.findIndex((value) => typeof value !== 'string');
    return this.wrong(`${name}[${place}]`, 'a text', values[place], []);
  }

  /** `[queue, id]` */
  messageId(name: string): MessageId {
    const fields = new Fields(this.list(name));
    const id = { queue: fields.text(`${name}[0]`), id: fields.integer(`${name}[1]`) };
    this.take(fields);
    return id;
  }

  /** Nothing may be left. */
  end(what: string): void {
    const { length } = this.#values;
    if (length > this.#at) this.problem ??= `${what}: expected ${this.#at} at most, got ${length}`;
  }

  /** Notes what was wrong in the fields of something inside. */
  take({ problem }: Fields): void {
    this.problem ??= problem;
  }

  /** Notes a field that is wrong, and gives what stands for it. */
  wrong<T>(name: string, expected: string, value: unknown, instead: T): T {
    this.problem ??= `${name}: expected ${expected}, got ${describe(value)}`;
    return instead;
  }

  #next(): unknown {
    const value = this.#values[this.#at];
    this.#at += 1;
    return value;
  }

  /** Nil, or the end of the array; it is passed over. */
  #isNothing(): boolean {
    if ((this.#values[this.#at] ?? null) !== null) return false;
    this.#at += 1;
    return true;
  }
}

export const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value);

export const isInteger = (value: unknown): value is number => Number.isSafeInteger(value);

const SHOWN_CHARACTERS = 40;

export function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'nil';
  if (typeof value === 'string') return `the text ${JSON.stringify(value.slice(0, SHOWN_CHARACTERS))}`;
  if (typeof value === 'number' || typeof value === 'boolean') return `${value}`;
  if (isList(value)) return `an array of ${value.length}`;
  return value instanceof Uint8Array ? `${value.length} bytes of binary data` : 'a map';
}
