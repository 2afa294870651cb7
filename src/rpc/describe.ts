import type { Value } from '../wire/value.ts';

/** A value in a few words for an error text: short, and without the insides of what may be large or secret. */
export function describe(value: Value | undefined): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return `an array of ${value.length}`;
  switch (typeof value) {
    case 'object':
      return 'an object';
    case 'string':
      return `a string of ${value.length} characters`;
    default:
      return `${typeof value} ${value}`;
  }
}
