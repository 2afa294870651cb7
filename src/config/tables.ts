import type { Parsed } from './formats.ts';

/** Reading lists of tables: what a file has in `[[…]]`, and flags and the environment as JSON in one text. */

/** What stands where something else was expected. */
export class Misfit {
  readonly expected: string;
  readonly got: unknown;
  /** The fields around it, from the outermost. */
  readonly path: readonly string[];

  constructor(expected: string, got: unknown, path: readonly string[] = []) {
    this.expected = expected;
    this.got = got;
    this.path = path;
  }

  in(field: string): Misfit {
    return new Misfit(this.expected, this.got, [field, ...this.path]);
  }
}

export type Reader<T> = (raw: unknown) => T | Misfit;

/** The tables in a setting's value, whatever source gave it, or nothing where it is no such list. */
export function tablesOf(raw: unknown): readonly unknown[] | undefined {
  const tables = typeof raw === 'string' ? fromJson(raw) : raw;
  return Array.isArray(tables) ? tables : undefined;
}

function fromJson(text: string): unknown {
  if (text === '') return [];
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Reads each table. What is wrong in one is told with its number, from 1; `what` is said of what is no list at all. */
export function parseTables<T>(raw: unknown, what: string, read: Reader<T>): Parsed<readonly T[]> {
  const tables = tablesOf(raw);
  if (tables === undefined) return { type: 'expected', what };
  const rows: T[] = [];
  for (const [index, table] of tables.entries()) {
    const row = read(table);
    if (row instanceof Misfit) return notThere(row, index + 1);
    rows.push(row);
  }
  return { type: 'value', value: rows };
}

const notThere = ({ expected, got, path }: Misfit, number: number): Parsed<never> => ({
  type: 'expected',
  what: expected,
  inside: { place: [`, table ${number}`, path.join('.')].filter((part) => part !== '').join(', '), got },
});

/** For each member of a table, what is read where it is left out, and how it is read. */
type Members<T> = { readonly [Name in keyof T]: readonly [otherwise: unknown, read: Reader<T[Name]>] };

/** Reads a table that has no other members than these, in their order. */
export function tableOf<T extends object>(members: Members<T>): Reader<T> {
  const readers = Object.entries<readonly [unknown, Reader<unknown>]>(members);
  const known = readers.map(([name]) => name);
  const expected = `a table with ${known.join(', ')}`;
  return (raw) => {
    if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) return new Misfit(expected, raw);
    const other = Object.keys(raw).find((name) => !known.includes(name));
    if (other !== undefined) return new Misfit(expected, other);
    const given = new Map<string, unknown>(Object.entries(raw));
    const table: Record<string, unknown> = {};
    for (const [name, [otherwise, read]] of readers) {
      const member = read(given.has(name) ? given.get(name) : otherwise);
      if (member instanceof Misfit) return member.in(name);
      table[name] = member;
    }
    // Each member was read by the reader of its type.
    return table as T;
  };
}
