import type { Value } from '../wire/value.ts';

/**
 * A writer that keeps what it wrote of frozen objects and arrays: a result that did not change since the last answer
 * is not written again. What is kept goes with the object.
 */
export function keeping<Written>(write: (value: Value) => Written): (value: Value) => Written {
  const kept = new WeakMap<object, Written>();
  return (value) => {
    if (typeof value !== 'object' || value === null) return write(value);
    const known = kept.get(value);
    if (known !== undefined) return known;
    const written = write(value);
    // Asked only now: the answer costs a look at every element. What is frozen stays so.
    if (Object.isFrozen(value)) kept.set(value, written);
    return written;
  };
}
