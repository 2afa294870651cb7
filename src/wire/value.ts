/**
 * What the protocols carry: JSON's values, with integers of 64 bits. An integer that a double holds exactly is a
 * number; a larger one is a bigint, and never the other way round, so that equal values are equal here too.
 */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly Value[]
  | { readonly [name: string]: Value };

/** A value with named fields. */
export type Struct = { readonly [name: string]: Value };

export const isStruct = (value: Value | undefined): value is Struct =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * How many name–value pairs all objects in the value have together, or, as a text, why the value is none that readers
 * agree on. A codec that counted more pairs in the bytes has lost a name that came twice. The depth is the caller's
 * to bound.
 */
export function countMembers(value: Value): number | string {
  if (typeof value === 'number') return Number.isFinite(value) ? 0 : 'a number is too large';
  if (typeof value !== 'object' || value === null) return 0;
  return isArray(value) ? countInArray(value) : countInStruct(value);
}

function countInArray(values: readonly Value[]): number | string {
  let count = 0;
  for (let index = 0; index < values.length; index += 1) {
    const inside = countMembers(values[index] ?? null);
    if (typeof inside === 'string') return inside;
    count += inside;
  }
  return count;
}

/** `for … in`, as it makes no array of the values: what a codec reads has no enumerable names but its own. */
function countInStruct(struct: Struct): number | string {
  let count = 0;
  for (const name in struct) {
    if (name === '__proto__') return 'the name __proto__ is refused';
    const inside = countMembers(struct[name] ?? null);
    if (typeof inside === 'string') return inside;
    count += 1 + inside;
  }
  return count;
}

const isArray = (value: Value): value is readonly Value[] => Array.isArray(value);
