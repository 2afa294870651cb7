import fc from 'fast-check';
import type { Value } from '../../src/wire/value.ts';

const MIN_INT64 = -(2n ** 63n);
const MAX_INT64 = 2n ** 63n - 1n;

/** Integers of 64 bits as a `Value` has them: a number where a double holds it exactly, else a bigint. */
export const int64 = fc
  .oneof(
    fc.bigInt({ min: MIN_INT64, max: MAX_INT64 }),
    fc.constantFrom(
      MIN_INT64,
      MAX_INT64,
      2n ** 53n,
      2n ** 53n - 1n,
      -(2n ** 53n),
      0n,
      2n ** 32n,
      2n ** 31n,
      -(2n ** 31n) - 1n,
    ),
  )
  .map((exact): Value => (Number.isSafeInteger(Number(exact)) ? Number(exact) : exact));

const double = fc
  .double({ noNaN: true, noDefaultInfinity: true })
  // A double beyond 2^53 that is whole is written as an integer, which is another value where 64 bits hold it.
  .filter((number) => !Number.isInteger(number) || Number.isSafeInteger(number))
  .map((number) => (Object.is(number, -0) ? 0 : number));

/** Texts of whole characters: no lone surrogates, which UTF-8 can't carry. */
export const text = fc.string({ unit: 'binary', maxLength: 20 });
export const name = text.filter((candidate) => candidate !== '__proto__');

const scalar = fc.oneof(fc.constant<Value>(null), fc.boolean(), int64, double, text);

/** Any value, a few levels deep. */
export const value: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    scalar,
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(name, tie('value'), { maxKeys: 5, noNullPrototype: true }),
  ),
})).value;

/** Cuts bytes into pieces, at places between 0 and 1 of the whole. */
export function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [...new Set([0, ...places.map((place) => Math.floor(place * bytes.length)), bytes.length])];
  at.sort((a, b) => a - b);
  return at.slice(1).map((end, index) => Buffer.from(bytes.subarray(at[index] ?? 0, end)));
}

/** Where to cut, as `cut` takes it. */
export const places = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 10 });

/** Every byte on its own. */
export const singly = (bytes: Buffer): Buffer[] => Array.from(bytes, (byte) => Buffer.from([byte]));
