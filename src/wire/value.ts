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
