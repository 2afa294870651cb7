import Type, { type TSchemaOptions } from 'typebox';

const SMALLEST = -(2n ** 63n);
/** The wire carries signed and unsigned integers of 64 bits alike. */
const LARGEST = 2n ** 64n - 1n;

/**
 * An integer of 64 bits as `wire/value.ts` has them: a number where a double is exact, else a bigint. To JSON Schema
 * it is `{"type":"integer","format":"int64"}`.
 */
export const Int64 = (options: TSchemaOptions = {}) =>
  Type.Refine(
    Type.Unsafe<number | bigint>({ type: ['integer', 'bigint'], format: 'int64', ...options }),
    isInt64,
    () => 'a 64-bit integer',
  );

const isInt64 = (value: number | bigint): boolean =>
  typeof value === 'bigint' ? value >= SMALLEST && value <= LARGEST : Number.isSafeInteger(value);
